"""The options of skt-export about what becomes of the variants: sizes for an NPU, and folders of model servers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from exporters.layout import KINDS, Layout
from sdk.errors import ConfigError

Command = TypeVar("Command", bound=Callable[..., Any])
OF_LAYOUT = {"variant": "--variant", "max_batch": "--max-batch", "models": "--models"}  # parameter: option
AFTER = ("sizes", "layout", *OF_LAYOUT)  # parameters that ask for no rendering
MODELS = "/models"


def after_options(command: Command) -> Command:
    """Add --size, --layout, --variant, --max-batch and --models."""
    options = (
        click.option("--size", "sizes", multiple=True, metavar="HxW",
                     help="Add OpenVINO variants of this photo size, for an Intel NPU; repeat it for more."),
        click.option("--layout", type=click.Choice(sorted(KINDS)),
                     help="Write the folder of NVIDIA Triton or OpenVINO Model Server, not a package."),
        click.option("--variant", help="With --layout: which. [default: the preferred one that the server reads]"),
        click.option("--max-batch", type=int, help="With --layout triton: photos of one size to gather. [default: 0]"),
        click.option("--models", help=f"With --layout ovms: where it will see the folder. [default: {MODELS}]"),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def parse_sizes(texts: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Heights and widths, in pixels, each once: from 576x864."""
    return tuple(dict.fromkeys(map(parse_size, texts)))


def parse_size(text: str) -> tuple[int, int]:
    """Height and width, in pixels, from 576x864."""
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text.strip().lower())
    if found is None:
        raise ConfigError(f"size {text!r} is no size", hint="write height x width, such as 576x864")
    return int(found.group(1)), int(found.group(2))


def wanted_layout(
    kind: str | None, name: str, variant: str | None, max_batch: int | None, models: str | None
) -> Layout | None:
    """What --layout and its options say; refuses those without it."""
    given = {"variant": variant, "max_batch": max_batch, "models": models}
    if kind is None:
        for parameter, value in given.items():
            if value is not None:
                raise ConfigError(f"{OF_LAYOUT[parameter]} is for --layout", hint=f"add --layout {' or '.join(KINDS)}")
        return None
    return Layout(kind, name, variant or "", max_batch or 0, models or MODELS)
