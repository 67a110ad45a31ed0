"""What every command shares: engine options, one-line errors with exit codes, a progress bar."""

from __future__ import annotations

import csv
import errno
import functools
import io
import json
import os
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sdk.errors import ConfigError, SktError
from sdk.timing import Stopwatch

if TYPE_CHECKING:
    from sdk.result import CountResult

Command = TypeVar("Command", bound=Callable[..., Any])
STOPPED = 130  # exit code after Ctrl-C, as shells have it
BUG = 70
CLEAR_LINE = "\r\x1b[2K"


def friendly(command: Command) -> Command:
    """Turn an SktError into one line on stderr, or a JSON object on stdout under --json, and its exit code.

    Ctrl-C ends with one line and 130, a reader that goes away with silence and 0; only a bug shows a traceback.
    """

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # the name of a photo may be no text at all
        try:
            return command(*args, **kwargs)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise  # click's own, which it turns into usage and help
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - a bug, too, ends with its exit code
            code = explain(error, as_json=bool(kwargs.get("as_json")))
        sys.exit(code)

    return wrapped  # type: ignore[return-value]


def explain(error: BaseException, *, as_json: bool) -> int:
    """Say what ended a command; its exit code."""
    if isinstance(error, SktError):
        report_error(error, as_json=as_json)
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        click.echo(f"{_fresh_line()}stopped", err=True)
        return STOPPED
    if isinstance(error, BrokenPipeError):
        _drop_stdout()
        return 0
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        _drop_stdout()
        click.echo(f"{_fresh_line()}error: cannot write the output: {error.strerror}", err=True)
        return ConfigError.exit_code
    traceback.print_exception(type(error), error, error.__traceback__)
    click.echo("error: this is a bug in SKT Edge; please report it with the lines above", err=True)
    return BUG


def report_error(error: SktError, *, as_json: bool) -> None:
    """Say what failed: one line on stderr, and the same as JSON on stdout where that was asked for."""
    if as_json:
        print_json({"error": error.to_json()})
    click.echo(f"{_fresh_line()}error: {one_line(str(error))}", err=True)


def one_line(text: str) -> str:
    """The text with line ends, escapes and whatever else cannot be printed written out, as in a Python string."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def print_json(record: Mapping[str, Any]) -> None:
    """One record a line on stdout."""
    click.echo(json.dumps(record, allow_nan=False, default=str))


def csv_line(values: Sequence[str]) -> str:
    """The values as CSV, quoted where they need it."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue()


def trust_columns(result: CountResult) -> dict[str, Any]:
    """What a line of CSV says of a count's interval, its state and what else to know."""
    low, high = result.interval or ("", "")
    ends = {name: end if isinstance(end, str) else f"{end:.1f}" for name, end in (("low", low), ("high", high))}
    return {**ends, "reasons": "; ".join(result.reasons), "warnings": "; ".join(result.warnings)}


def in_words(interval: tuple[float, float] | None) -> str:
    """An interval for people to read; empty where there is none."""
    return "" if interval is None else f"{interval[0]:,.0f} to {interval[1]:,.0f}"


@contextmanager
def stopped_by_ctrl_c() -> Iterator[threading.Event]:
    """Within, a first Ctrl-C sets the event, so that what was finished can be shown; a second one is raised."""
    stop = threading.Event()

    def hear(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - Python hands them over
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:  # as in the background of a shell
        signal.signal(signal.SIGINT, hear)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")


def engine_options(command: Command) -> Command:
    """Add --device, --backend, --precision and --threads."""
    options = (
        click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda:0, intel:gpu, intel:npu."),
        click.option("--backend", default="auto", show_default=True, help="auto, or an engine: see skt-doctor."),
        click.option("--precision", default="auto", show_default=True, help="auto, fp32, bf16, fp16, int8."),
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
        self._shown = _on_terminal() and total > 1
        self._draw()

    def advance(self) -> None:
        """One more is done."""
        self.done += 1
        self._draw()

    def clear(self) -> None:
        """Take the bar away, before a line is printed or at the end."""
        if self._shown:
            click.echo(CLEAR_LINE, nl=False, err=True)

    def _draw(self) -> None:
        if not self._shown:
            return
        full = self.WIDTH * self.done // self.total
        rate = self.done / max(self._watch.seconds(), 1e-9)
        left = f", {(self.total - self.done) / rate:.0f} s left" if self.done else ""
        line = f"{'━' * full}{'─' * (self.WIDTH - full)} {self.done}/{self.total} {self.unit}{left}"
        columns = shutil.get_terminal_size().columns
        click.echo(CLEAR_LINE + line[: columns - 1], nl=False, err=True)  # a line that wraps could not be taken away


def _on_terminal() -> bool:
    """Whether stderr is a terminal that can take a line away again."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _fresh_line() -> str:
    """What takes a progress bar away, where there can be one."""
    return CLEAR_LINE if _on_terminal() else ""


def _drop_stdout() -> None:
    """Lead what is left in stdout's buffer to nowhere, or Python would fail on it while it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
