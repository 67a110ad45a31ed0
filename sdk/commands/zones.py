"""`skt-zones`: draw, check and show the zones of a camera."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdk.commands.common import friendly, json_option, one_line, print_json

if TYPE_CHECKING:
    from sdk.frame import Image
    from sdk.zones import Zone, Zones
    from sdk.zones_server import Edited

FILE = click.Path(path_type=Path)
PAGE_SIDE = 1920  # pixels; larger photos are shrunk for the page
SHOWN = 24  # characters of a name


@click.group()
def main() -> None:
    """Draw, check and show the zones of a camera; count in them with skt-count --zones."""


@main.command()
@click.argument("photo", type=FILE)
@click.option("-o", "--output", required=True, type=FILE, help="The zones: .yaml or .json; edited where it exists.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of the page; a free one if absent.")
@friendly
def edit(photo: Path, output: Path, port: int) -> None:
    """Open a page on this machine to draw zones over PHOTO, a frame of the camera.

    Prints its address and serves it until Ctrl-C. It answers to this machine only; from another one, reach it with
    ssh -L PORT:127.0.0.1:PORT.
    """
    from sdk.zones_server import EditorServer

    server = EditorServer(prepare(photo, output), port)
    click.echo(server.url)
    click.echo("open this address in a browser on this machine; Ctrl-C ends", err=True)
    server.serve()


@main.command()
@click.argument("file", type=FILE)
@json_option
@friendly
def check(file: Path, as_json: bool) -> None:
    """Check the zones in FILE; exit code 2 and one line when something is wrong."""
    from sdk.zones import Zones

    zones = Zones.read(file)
    if as_json:
        print_json({"file": str(file), "zones": [described(zone, zones) for zone in zones.zones]})
        return
    click.echo(f"{'zone':<{SHOWN}}  {'kind':<7}  {'points':>6}  {'of frame':>8}  ground")
    for zone in zones.zones:
        click.echo(row(zone, zones))


@main.command()
@click.argument("file", type=FILE)
@click.option("--photo", required=True, type=FILE, help="A frame of the camera.")
@click.option("-o", "--output", required=True, type=FILE, help="The picture to write: .jpg or .png.")
@friendly
def show(file: Path, photo: Path, output: Path) -> None:
    """Draw the zones of FILE over a photo."""
    from sdk.frame import decode
    from sdk.zones import Zones
    from sdk.zones_picture import draw_zones

    zones = Zones.read(file)
    suffix = picture_suffix(output)
    save(output, encoded(draw_zones(decode(photo), zones), suffix))


def prepare(photo: Path, output: Path) -> Edited:
    """What the page edits; refuses a photo, a file of zones or a folder that will not do, before it opens."""
    from sdk.errors import ConfigError
    from sdk.frame import decode, shrink
    from sdk.zones import Zones, check_suffix
    from sdk.zones_server import Edited

    check_suffix(output)
    if not output.parent.is_dir():
        raise ConfigError(f"no folder {output.parent} for the zones {output.name}", hint="make it first")
    if output.exists():
        Zones.read(output)
    picture = shrink(decode(photo), PAGE_SIDE).image
    return Edited(photo.name, encoded(picture, ".jpg"), output, said)


def said(zones: Zones) -> None:
    """Tell of a save."""
    click.echo(f"saved {len(zones.zones)} zone{'' if len(zones.zones) == 1 else 's'}", err=True)


def described(zone: Zone, zones: Zones) -> dict[str, object]:
    """One zone as plain values."""
    ground = zones.square_metres.get(zone.name)
    return {
        "name": zone.name,
        "kind": zone.kind,
        "points": len(zone.points),
        "share_of_frame": round(zone.share, 6),
        "square_metres": None if ground is None else round(ground, 2),
    }


def row(zone: Zone, zones: Zones) -> str:
    """One zone in a line."""
    ground = zones.square_metres.get(zone.name)
    shown = "" if ground is None else f"  {ground:,.1f} m2"
    name = one_line(zone.name)[:SHOWN]
    return f"{name:<{SHOWN}}  {zone.kind:<7}  {len(zone.points):>6}  {100 * zone.share:>6.1f} %{shown}"


def picture_suffix(path: Path) -> str:
    """The end of a picture's name, refused where it says nothing."""
    from sdk.errors import ConfigError

    if path.suffix.lower() not in {".jpg", ".jpeg", ".png"}:
        raise ConfigError(f"picture {path} ends with {path.suffix!r}", hint="choose .jpg or .png")
    return path.suffix.lower()


def encoded(picture: Image, suffix: str) -> bytes:
    """A picture (h, w, 3) uint8 BGR as the bytes of a file."""
    import cv2

    return bytes(cv2.imencode(suffix, picture)[1].tobytes())


def save(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all."""
    from sdk.errors import ConfigError
    from sdk.files import write_whole

    try:
        write_whole(path, data)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}", hint="name another file") from error


if __name__ == "__main__":
    main()
