"""Large frames in tiles whose counts add up to the whole frame's, exactly.

Each tile is run with a halo of at least the network's receptive radius around the cells that it answers for, so each
of those cells sees what it would have seen in the whole frame.
"""

from __future__ import annotations

from dataclasses import dataclass

from sdk.errors import ConfigError


@dataclass(frozen=True)
class Span:
    """A tile along one side, in pixels: it owns `start` to `stop`, and is run from `low` to `high`."""

    start: int
    stop: int
    low: int
    high: int


@dataclass(frozen=True)
class Tile:
    """A rectangle of the padded frame."""

    rows: Span
    columns: Span


def plan_tiles(height: int, width: int, *, side: int, halo: int, multiple: int) -> list[Tile]:
    """Tiles that own each pixel of a padded frame once, none run on more than `side` pixels each way.

    height, width and halo are multiples of `multiple`, and so are all sides of all tiles; `side` need not be. A frame
    that fits is one tile. Raises ConfigError when `side` leaves no room between two halos.
    """
    rows = spans(height, side=side, halo=halo, multiple=multiple)
    columns = spans(width, side=side, halo=halo, multiple=multiple)
    return [Tile(row, column) for row in rows for column in columns]


def spans(length: int, *, side: int, halo: int, multiple: int) -> list[Span]:
    """The tiles along one side of `length` pixels, as equal as multiples allow."""
    if length <= side:
        return [Span(0, length, 0, length)]
    pieces = -(-length // room_between_halos(side, halo, multiple))
    own = -(-length // (pieces * multiple)) * multiple
    starts = range(0, length, own)
    return [Span(s, min(s + own, length), max(0, s - halo), min(length, s + own + halo)) for s in starts]


def plan_windows(height: int, width: int, *, size: tuple[int, int], halo: int) -> list[Tile]:
    """Tiles that own each pixel of a padded frame once, every one of them run on exactly `size` pixels.

    For a model that takes one size only. Both sides of the frame are at least those of `size`, and all are multiples
    of the model's; a window never leaves the frame, so each owned cell sees what it sees in the whole frame.
    """
    rows, columns = windows(height, side=size[0], halo=halo), windows(width, side=size[1], halo=halo)
    return [Tile(row, column) for row in rows for column in columns]


def windows(length: int, *, side: int, halo: int) -> list[Span]:
    """The windows of `side` pixels along a length of at least that; ConfigError when halos leave no room in them."""
    step = room_between_halos(side, halo, 1) if length > side else side
    lows = [*range(0, length - side, step), length - side]
    stops = [*(low + side - halo for low in lows[:-1]), length]
    starts = [0, *stops[:-1]]
    return [Span(start, stop, low, low + side) for start, stop, low in zip(starts, stops, lows, strict=True)]


def room_between_halos(side: int, halo: int, multiple: int) -> int:
    """Pixels that an inner tile of `side` pixels answers for, a multiple of `multiple`; ConfigError without any."""
    room = (side - 2 * halo) // multiple * multiple
    if room < multiple:
        message = f"tile side is {side} pixels, but this model needs at least {2 * halo + multiple}"
        raise ConfigError(message, hint="raise tile; 2048 fits most machines")
    return room
