"""The options about INT8, and what they come to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from exporters.needs import export_extra
from sdk.commands.common import Progress
from sdk.errors import AccuracyGateError, ConfigError, ExportError
from sdk.files import write_whole
from sdk.shipped import DEFAULT_PACKAGE, shipped

if TYPE_CHECKING:
    from exporters.tell import Tell

Command = TypeVar("Command", bound=Callable[..., Any])
FILE = click.Path(path_type=Path)
METHODS = ("minmax", "moving-minmax", "percentile-99.99", "percentile-99.999", "entropy")
CHOSEN = 64  # photos


def calibration_options(command: Command) -> Command:
    """Add --calib, --calib-photos, --method, --bias-correction, --allow-sparse and --gate."""
    options = (
        click.option("--calib", multiple=True, metavar="PHOTOS", help="For INT8: a folder, a labelled set NAME:ROOT"
                     "[:PART[:SPLIT]], or a table.json of skt-export calibrate. Repeat it for more photos."),
        click.option("--calib-photos", type=click.IntRange(min=1), default=CHOSEN, show_default=True,
                     help="Calibrate on this many photos at most."),
        click.option("--method", type=click.Choice(METHODS), default=METHODS[0], show_default=True,
                     help="How ranges are found."),
        click.option("--bias-correction/--no-bias-correction", default=True, show_default=True,
                     help="Take back what quantisation shifts; keep layers in float where that is not enough."),
        click.option("--allow-sparse", is_flag=True, help="Calibrate without dense photos, and mark the package."),
        click.option("--gate", default="", metavar="LIMITS", help="Per cent: mae=1,bias=0.5,bin=3,photo=10; or off."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def package_argument(command: Command) -> Command:
    """Add PACKAGE, in which the words default and quick are shipped packages."""
    return click.argument("package", type=FILE, callback=shipped_or_given)(command)


def model_option(command: Command) -> Command:
    """Add -m."""
    told = "A checkpoint's folder, or a package. [default: the shipped one, also called default; quick is another]"
    return click.option("-m", "--model", type=FILE, callback=shipped_or_given, help=told)(command)


def shipped_or_given(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
    """The path, or the shipped package of that name."""
    return None if path is None else shipped(path)


def teller() -> Tell:
    """Says on stderr what is done, with bars where that is a terminal."""
    with export_extra():
        from exporters.tell import Tell

    return Tell(say, Progress)


def say(text: str) -> None:
    """One line on stderr."""
    click.echo(text, err=True)


def refuse_missing_default(model: Path) -> None:
    """Say that there is no shipped package, where one was meant."""
    if model == DEFAULT_PACKAGE and not model.exists():
        raise ConfigError("this installation has no default package to export", hint="give a model with -m")


def with_gate_report(error: AccuracyGateError, output: Path) -> AccuracyGateError:
    """The error of a failed gate, after its report was written beside the output that is not."""
    report = error.details.get("report")
    if not report:
        return error
    path = output.with_suffix(".gate.json")
    try:
        write_whole(path, report.encode())
    except OSError as failure:
        raise ExportError(f"cannot write {path}: {failure.strerror}") from failure
    hint = f"no package was written; {path} tells every photo; calibrate on more photos like the worst, or see --gate"
    return AccuracyGateError(error.message, hint=hint, report=str(path), variants=error.details["variants"])
