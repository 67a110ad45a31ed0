"""`skt-count`: the people in photos, folders and patterns of them."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from sdk.commands.common import Progress, engine_options, friendly, json_option, print_json
from sdk.errors import ConfigError, InputError, SktError
from sdk.result import CountResult
from sdk.sources import PhotoFile, find_photos

COLUMNS = ("photo", "count", "width", "height", "ms", "engine", "device", "precision", "scale", "tiles", "warnings",
           "error")  # fmt: skip
FAILED = InputError.exit_code


@dataclass(frozen=True)
class Outcome:
    """What came of one photo: a result, or the error that it met."""

    photo: PhotoFile
    result: CountResult | None = None
    error: SktError | None = None


@click.command(no_args_is_help=True)
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...")
@click.option("-m", "--model", "package", type=click.Path(path_type=Path), help="A model package; the shipped one if absent.")
@click.option("--overlay", type=click.Path(path_type=Path), metavar="DIR", help="Write heat maps over the photos there.")
@click.option("--density", type=click.Path(path_type=Path), metavar="DIR", help="Write density maps (.npy) there.")
@click.option("--max-side", type=click.IntRange(min=1), help="Shrink larger photos to this; changes counts.")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV on stdout.")
@engine_options
@friendly
def main(
    photos: tuple[str, ...],
    package: Path | None,
    overlay: Path | None,
    density: Path | None,
    max_side: int | None,
    as_json: bool,
    as_csv: bool,
    device: str,
    backend: str,
    precision: str,
    threads: int | None,
) -> None:
    """Count the people in each PHOTO: a file, a folder (with all below it), or a quoted pattern.

    A photo that cannot be read is reported, the others are counted, and the exit code is 3.
    """
    from sdk.counter import CountOptions, CrowdCounter

    if as_json and as_csv:
        raise ConfigError("--json and --csv were both given", hint="choose one")
    found = find_photos(photos)
    folders = {folder: prepared(folder) for folder in (overlay, density) if folder is not None}
    options = CountOptions(max_side=max_side)
    engine = {"device": device, "backend": backend, "precision": precision}
    with CrowdCounter(package, threads=threads, options=options, **engine) as counter:
        show = printer(as_json=as_json, as_csv=as_csv, widest=max(len(str(photo.path)) for photo in found))
        progress = Progress(len(found), "photos")
        failed = 0
        for photo in found:
            outcome = count_one(counter.count, photo)
            progress.clear()
            show(outcome)
            failed += outcome.result is None
            if outcome.result is not None:
                write_outputs(outcome.result, photo, overlay=folders.get(overlay), density=folders.get(density))
            progress.advance()
        progress.clear()
    if failed:
        click.echo(f"error: {failed} of {len(found)} photos could not be counted", err=True)
        sys.exit(FAILED)


def prepared(folder: Path) -> Path:
    """The output folder, made before anything is counted."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot make folder {folder}: {error.strerror}", hint="name a folder you may write to") from error
    return folder


def count_one(count: Callable[[Path], CountResult], photo: PhotoFile) -> Outcome:
    """Count one photo; an unreadable one is an outcome, any other error ends the command."""
    try:
        return Outcome(photo, result=count(photo.path))
    except InputError as error:
        return Outcome(photo, error=error)


def write_outputs(result: CountResult, photo: PhotoFile, *, overlay: Path | None, density: Path | None) -> None:
    """The pictures and maps that were asked for, each whole or not at all."""
    import cv2
    import numpy as np

    if overlay is not None:
        _, data = cv2.imencode(".jpg", result.overlay(), [cv2.IMWRITE_JPEG_QUALITY, 90])
        write(overlay / f"{photo.place}.jpg", data.tobytes())
    if density is not None:
        buffer = io.BytesIO()
        np.save(buffer, result.density, allow_pickle=False)
        write(density / f"{photo.place}.npy", buffer.getvalue())


def write(path: Path, data: bytes) -> None:
    """Write one output file."""
    from sdk.files import write_whole

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}", hint="free space or name another folder") from error


def printer(*, as_json: bool, as_csv: bool, widest: int) -> Callable[[Outcome], None]:
    """What prints one outcome, as soon as it is there."""
    if as_json:
        return lambda outcome: print_json(record(outcome))
    if as_csv:
        click.echo(csv_line(COLUMNS), nl=False)
        return lambda outcome: click.echo(csv_row(outcome), nl=False)
    width = min(max(widest, 5), 60)
    click.echo(f"{'photo':<{width}}  {'people':>8}  {'time':>9}  backend")
    return lambda outcome: show_row(outcome, width)


def record(outcome: Outcome) -> dict[str, object]:
    """One photo as plain values."""
    photo = {"photo": str(outcome.photo.path)}
    if outcome.result is None:
        return {**photo, "error": outcome.error.to_json() if outcome.error else {}}
    return {**photo, **outcome.result.to_json()}


def csv_row(outcome: Outcome) -> str:
    """One photo as a line of CSV."""
    values = record(outcome)
    if outcome.error is not None:
        values["error"] = outcome.error.message
    else:
        values["warnings"] = "; ".join(outcome.result.warnings) if outcome.result else ""
    return csv_line([str(values.get(column, "")) for column in COLUMNS])


def csv_line(values: Sequence[str]) -> str:
    """The values as CSV, quoted where they need it."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue()


def show_row(outcome: Outcome, width: int) -> None:
    """One line of the table; errors and warnings go to stderr."""
    name = str(outcome.photo.path)
    shown = name if len(name) <= width else f"…{name[-width + 1 :]}"
    if outcome.result is None:
        click.echo(f"error: {outcome.error}", err=True)
        return
    result = outcome.result
    used = f"{result.backend.engine} {result.backend.device} {result.backend.precision}"
    click.echo(f"{shown:<{width}}  {result.count:>8.1f}  {result.timings.total_ms:>6.0f} ms  {used}")
    for warning in result.warnings:
        click.echo(f"warning: {warning}", err=True)


if __name__ == "__main__":
    main()
