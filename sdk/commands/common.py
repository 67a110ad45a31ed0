"""What every command shares: engine options, one-line errors with exit codes, a progress bar."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from sdk.errors import SktError
from sdk.timing import Stopwatch

Command = TypeVar("Command", bound=Callable[..., Any])
BUG = 70


def friendly(command: Command) -> Command:
    """Turn an SktError into one line on stderr, or a JSON object on stdout under --json, and its exit code."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except SktError as error:
            report_error(error, as_json=bool(kwargs.get("as_json")))
            sys.exit(error.exit_code)
        except BrokenPipeError:
            sys.stderr.close()  # the reader went away, as `head` does: nothing more to say
            sys.exit(0)

    return wrapped  # type: ignore[return-value]


def report_error(error: SktError, *, as_json: bool) -> None:
    """Say what failed: one line on stderr, and the same as JSON on stdout where that was asked for."""
    if as_json:
        click.echo(json.dumps({"error": error.to_json()}, default=str))
    click.echo(f"error: {' '.join(str(error).split())}", err=True)


def print_json(record: Mapping[str, Any]) -> None:
    """One record a line on stdout."""
    click.echo(json.dumps(record, allow_nan=False))


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")


def engine_options(command: Command) -> Command:
    """Add --device, --backend, --precision and --threads."""
    options = (
        click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda:0, intel:gpu, intel:npu."),
        click.option("--backend", default="auto", show_default=True, help="auto, onnxruntime, openvino."),
        click.option("--precision", default="auto", show_default=True, help="auto, fp32, fp16, int8."),
        click.option("--threads", type=click.IntRange(min=1), help="CPU threads of the engine; all cores if absent."),
    )
    for option in reversed(options):
        command = option(command)
    return command


class Progress:
    """A bar on the terminal's last line while work goes on; silent where stderr is no terminal."""

    WIDTH = 24  # characters

    def __init__(self, total: int, unit: str) -> None:
        self.total = total
        self.unit = unit
        self.done = 0
        self._watch = Stopwatch()
        self._shown = sys.stderr.isatty() and total > 1
        self._draw()

    def advance(self) -> None:
        """One more is done."""
        self.done += 1
        self._draw()

    def clear(self) -> None:
        """Take the bar away, before a line is printed or at the end."""
        if self._shown:
            click.echo("\r\x1b[2K", nl=False, err=True)

    def _draw(self) -> None:
        if not self._shown:
            return
        full = self.WIDTH * self.done // self.total
        rate = self.done / max(self._watch.seconds(), 1e-9)
        left = f", {(self.total - self.done) / rate:.0f} s left" if self.done else ""
        bar = "━" * full + "─" * (self.WIDTH - full)
        click.echo(f"\r\x1b[2K{bar} {self.done}/{self.total} {self.unit}{left}", nl=False, err=True)
