"""The --sink option, for commands that send readings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])
HELP = (
    "Send readings there; may be given several times: FILE.jsonl, FILE.csv, FILE.mkv, sqlite:///FILE, "
    "mqtt://HOST/TOPIC, mqtts://, prometheus://:PORT, https://HOST/PATH, mjpeg://:PORT."
)


def sink_option(command: Command) -> Command:
    """Add --sink SPEC; the command takes `sinks: tuple[str, ...]`, for `open_sinks`."""
    return click.option("--sink", "sinks", multiple=True, metavar="SPEC", help=HELP)(command)
