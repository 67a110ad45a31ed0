"""What the commands of `skt-distill` share: options, threads, and the data that must be there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from sdk.commands.common import json_option
from sdk.errors import ConfigError

Command = TypeVar("Command", bound=Callable[..., Any])
DataPath = click.Path(path_type=Path)


def tune_options(command: Command) -> Command:
    """Add what every command takes that computes with a config's settings."""
    options = (
        click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a setting of the config."),
        click.option("--threads", type=click.IntRange(min=1), help="CPU threads; every core if absent."),
        json_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


def use_threads(threads: int | None) -> None:
    """Give PyTorch the threads, keep OpenCV, which runs in loader threads, to one each, and keep freed memory."""
    import cv2
    import torch

    from distiller.device import usable_cores
    from distiller.memory import keep_memory

    keep_memory()

    torch.set_num_threads(threads or usable_cores())
    cv2.setNumThreads(1)


def existing(data: Path) -> Path:
    """The folder or file of data; refuses one that is not there."""
    if not data.exists():
        hint = "give the folder that holds the labelled sets, or where the command takes one, a CSV of points"
        raise ConfigError(f"no data at {data}", hint=hint)
    return data
