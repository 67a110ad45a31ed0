"""`skt-count`: the people in photos, folders and patterns of them."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdk.commands.common import (
    Progress,
    csv_line,
    engine_options,
    friendly,
    in_words,
    json_option,
    one_line,
    print_json,
    trust_columns,
)
from sdk.commands.stream import (
    StreamArguments,
    configured,
    refuse_pictures,
    run_streams,
    stream_options,
    wants_stream,
)
from sdk.errors import ConfigError, InputError
from sdk.result import CountResult
from sdk.sources import PhotoFile, find_photos
from sdk.streams.cameras import EngineConfig

if TYPE_CHECKING:
    from sdk.zones import Zones

COLUMNS = ("photo", "count", "width", "height", "ms", "engine", "device", "precision", "scale", "tiles", "warnings",
           "error", "low", "high", "state", "reasons")  # fmt: skip
FAILED = InputError.exit_code
WIDEST = 60  # characters of a photo's name in the table
FOLDER = click.Path(path_type=Path)


@dataclass(frozen=True)
class Outcome:
    """What came of one photo: a result, or the error that it met."""

    photo: PhotoFile
    result: CountResult | InputError


@dataclass(frozen=True)
class Outputs:
    """The folders for pictures and maps, and the zones to draw; None: not asked for."""

    overlay: Path | None
    density: Path | None
    zones: Zones | None = None


@click.command(no_args_is_help=True)
@click.argument("photos", nargs=-1, metavar="PHOTO... | STREAM")
@click.option("-m", "--model", "package", type=FOLDER, help="A model package; the shipped one if absent.")
@click.option("--overlay", type=FOLDER, metavar="DIR", help="Write heat maps over the photos there.")
@click.option("--density", type=FOLDER, metavar="DIR", help="Write density maps (.npy) there.")
@click.option("--max-side", type=click.IntRange(min=1), help="Shrink larger photos to this; changes counts.")
@click.option("--zones", "zones_file", type=FOLDER, metavar="FILE", help="Count each zone of this file, too.")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV on stdout.")
@engine_options
@friendly
@stream_options
def main(
    stream: StreamArguments,
    photos: tuple[str, ...],
    package: Path | None,
    overlay: Path | None,
    density: Path | None,
    max_side: int | None,
    zones_file: Path | None,
    as_json: bool,
    as_csv: bool,
    device: str,
    backend: str,
    precision: str,
    threads: int | None,
) -> None:
    """Count the people in each PHOTO: a file, a folder (with all below it), or a quoted pattern.

    A photo that cannot be read is reported, the others are counted, and the exit code is 3. Hidden files in a folder
    are left out, and so is what lies below the folder of --overlay.

    Or in a STREAM: rtsp://, http://, /dev/video0, csi://0, raw://1920x1080 (frames on stdin), a video file, or a folder
    as a time-lapse (with --every). Several: -c cameras.yaml.
    """
    from sdk.zones import Zones

    if as_json and as_csv:
        raise ConfigError("--json and --csv were both given", hint="choose one")
    engine = EngineConfig(package, device, backend, precision, threads, max_side)
    if wants_stream(photos, stream):
        refuse_pictures({"--overlay": overlay, "--density": density})
        run_streams(configured(photos, stream, zones_file), engine, as_json=as_json, as_csv=as_csv)
    elif photos:
        outputs = Outputs(overlay, density, None if zones_file is None else Zones.read(zones_file))
        count_photos(photos, outputs, engine, as_json=as_json, as_csv=as_csv)
    else:
        raise click.UsageError("Missing argument 'PHOTO...'.")


def count_photos(photos: Sequence[str], outputs: Outputs, engine: EngineConfig, *, as_json: bool, as_csv: bool) -> None:
    """Count all photos; exits with 3 where some could not be read."""
    logging.getLogger("runtimes").addHandler(logging.NullHandler())  # what it logs stands in the warnings, too
    found = find_photos(photos, leave_out=outputs.overlay)
    prepare(outputs, found)
    with engine.open() as counter:
        show = printer(found, outputs.zones, as_json=as_json, as_csv=as_csv)
        failed = count_all(counter.count_many(photo.path for photo in found), found, outputs, show)
    if failed:
        click.echo(f"error: {failed} of {len(found)} photos could not be counted", err=True)
        sys.exit(FAILED)


def count_all(
    results: Iterable[CountResult | InputError],
    photos: Sequence[PhotoFile],
    outputs: Outputs,
    show: Callable[[Outcome], None],
) -> int:
    """Write and show one result after the other; how many could not be read. Any other error ends the command."""
    progress = Progress(len(photos), "photos")
    failed = 0
    for photo, counted in zip(photos, results, strict=True):
        failed += isinstance(counted, InputError)
        result = zoned(counted, outputs.zones)
        if not isinstance(result, InputError):
            write_outputs(result, photo, outputs)
        progress.clear()
        show(Outcome(photo, result))
        progress.advance()
    progress.clear()
    return failed


def zoned(result: CountResult | InputError, zones: Zones | None) -> CountResult | InputError:
    """The result with its zones, where there are some."""
    return result if zones is None or isinstance(result, InputError) else result.with_zones(zones)


def prepare(outputs: Outputs, photos: Sequence[PhotoFile]) -> None:
    """Make the output folders, and refuse pictures that would replace a photo, before anything is counted."""
    for folder in (outputs.overlay, outputs.density):
        if folder is not None:
            make_folder(folder)
    if outputs.overlay is not None:
        originals = {_file(photo.path) for photo in photos}
        for photo in photos:
            target = picture_path(outputs.overlay, photo)
            if target.exists() and _file(target) in originals:
                message = f"the overlay of {photo.path} would replace the photo {target}"
                raise ConfigError(message, hint="name another folder for overlays")


def _file(path: Path) -> tuple[int, int]:
    """What is the same for all names of one file."""
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return status.st_dev, status.st_ino


def make_folder(folder: Path) -> None:
    """An output folder, with those above it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot make folder {folder}: {error.strerror}", hint="name one you may write to") from error


def write_outputs(result: CountResult, photo: PhotoFile, outputs: Outputs) -> None:
    """The pictures and maps that were asked for, each whole or not at all."""
    if outputs.overlay is not None:
        write(picture_path(outputs.overlay, photo), jpeg(result, outputs.zones))
    if outputs.density is not None:
        import numpy as np

        buffer = io.BytesIO()
        np.save(buffer, result.density, allow_pickle=False)
        write(outputs.density / f"{photo.place}.npy", buffer.getvalue())


def picture_path(folder: Path, photo: PhotoFile) -> Path:
    """Where a photo's overlay goes."""
    return folder / f"{photo.place}.jpg"


def jpeg(result: CountResult, zones: Zones | None) -> bytes:
    """The overlay as a JPEG file, shrunk where a side is longer than the format allows."""
    import cv2

    from sdk.frame import shrink

    picture = shrink(result.overlay(), 65_500).image
    if zones is not None:
        from sdk.zones_picture import draw_zones

        picture = draw_zones(picture, zones, result.zones, tint=False)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return data.tobytes()


def write(path: Path, data: bytes) -> None:
    """Write one output file."""
    from sdk.files import write_whole

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}", hint="free space or name another folder") from error


def printer(
    photos: Sequence[PhotoFile], zones: Zones | None, *, as_json: bool, as_csv: bool
) -> Callable[[Outcome], None]:
    """What prints one outcome, as soon as it is there."""
    if as_json:
        return lambda outcome: print_json(record(outcome))
    if as_csv:
        columns = (*COLUMNS, *(f"zone {zone.name}" for zone in (zones.counted if zones else ())))
        click.echo(csv_line(columns), nl=False)
        return lambda outcome: click.echo(csv_row(outcome, columns), nl=False)
    return Table(photos).show


def record(outcome: Outcome) -> dict[str, object]:
    """One photo as plain values."""
    photo = {"photo": str(outcome.photo.path)}
    if isinstance(outcome.result, InputError):
        return {**photo, "error": outcome.result.to_json()}
    return {**photo, **outcome.result.to_json()}


def csv_row(outcome: Outcome, columns: Sequence[str]) -> str:
    """One photo as a line of CSV."""
    values = record(outcome)
    if isinstance(outcome.result, InputError):
        values["error"] = outcome.result.message
    else:
        values |= trust_columns(outcome.result)
        values |= {f"zone {zone.name}": round(zone.count, 3) for zone in outcome.result.zones}
    return csv_line([str(values.get(column, "")) for column in columns])


class Table:
    """Lines for people to read: counts on stdout; errors and warnings, each warning once, on stderr."""

    def __init__(self, photos: Sequence[PhotoFile]) -> None:
        self._width = min(max(5, *(len(one_line(str(photo.path))) for photo in photos)), WIDEST)
        self._warned: set[str] = set()
        click.echo(f"{'photo':<{self._width}}  {'people':>9}  {'between':>13}  {'time':>9}  backend")

    def show(self, outcome: Outcome) -> None:
        """One photo."""
        if isinstance(outcome.result, InputError):
            click.echo(f"error: {one_line(str(outcome.result))}", err=True)
            return
        click.echo(self._row(one_line(str(outcome.photo.path)), outcome.result))
        for zone in outcome.result.zones:
            click.echo(
                f"  {one_line(zone.name)[: self._width]:<{self._width}}{zone.count:>9,.1f}  {zone.on_ground()}".rstrip()
            )
        if outcome.result.note:
            click.echo(f"  {outcome.result.note}")
        for warning in outcome.result.warnings:
            if warning not in self._warned:
                self._warned.add(warning)
                click.echo(f"warning: {one_line(warning)}", err=True)

    def _row(self, name: str, result: CountResult) -> str:
        shown = name if len(name) <= self._width else f"…{name[1 - self._width :]}"
        used = f"{result.backend.engine} {result.backend.device} {result.backend.precision}"
        between = in_words(result.interval)
        return (
            f"{shown:<{self._width}}  {result.count:>9,.1f}  {between:>13}  {result.timings.total_ms:>6.0f} ms  {used}"
        )


if __name__ == "__main__":
    main()
