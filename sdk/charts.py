"""Charts as SVG: no library, no network, sharp at any size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from itertools import count

from sdk.metrics import PhotoScore

SIDE = 440  # of the square that is plotted, in SVG units
LEFT, TOP, RIGHT, BOTTOM = 64, 16, 16, 52  # margins around it
STYLE = (
    "text{font:12px system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#57606a}"
    ".grid{stroke:#e8ebef}.frame{stroke:#c9d0d8;fill:none}.equal{stroke:#8c959f;stroke-dasharray:5 4}"
    ".photo{fill:#1f6feb;fill-opacity:.5;stroke:#1f6feb;stroke-opacity:.85}"
)


def scatter_svg(photos: Sequence[PhotoScore]) -> str:
    """True people (right) against counted people (up), a dot a photo, with the line on which both are equal."""
    ticks = ticks_to(max((max(photo.true, photo.counted) for photo in photos), default=0.0))
    width, height = LEFT + SIDE + RIGHT, TOP + SIDE + BOTTOM
    box = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    middle = TOP + SIDE / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {box}>',
        "<title>People counted against true people, a dot a photo</title>",
        f"<style>{STYLE}</style>",
        *(_tick(tick, ticks[-1]) for tick in ticks),
        f'<rect class="frame" x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}"/>',
        f'<line class="equal" x1="{LEFT}" y1="{TOP + SIDE}" x2="{LEFT + SIDE}" y2="{TOP}"/>',
        *(_dot(photo, ticks[-1]) for photo in photos),
        f'<text x="{LEFT + SIDE / 2}" y="{height - 12}" text-anchor="middle">true people</text>',
        f'<text x="16" y="{middle}" text-anchor="middle" transform="rotate(-90 16 {middle})">counted people</text>',
        "</svg>",
    ]
    return "\n".join(parts)


def ticks_to(most: float) -> list[int]:
    """Round numbers from 0 to the first that is not below `most`, at most seven."""
    steps = (factor * 10**power for power in count() for factor in (1, 2, 5))
    step = next(step for step in steps if most <= 6 * step)
    return list(range(0, max(1, math.ceil(most / step)) * step + 1, step))


def _tick(tick: int, most: int) -> str:
    """The grid lines of a number of people, and the number on both axes."""
    x, y = _place(tick, tick, most)
    return (
        f'<line class="grid" x1="{x}" y1="{TOP}" x2="{x}" y2="{TOP + SIDE}"/>'
        f'<line class="grid" x1="{LEFT}" y1="{y}" x2="{LEFT + SIDE}" y2="{y}"/>'
        f'<text x="{x}" y="{TOP + SIDE + 18}" text-anchor="middle">{tick:,}</text>'
        f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{tick:,}</text>'
    )


def _dot(photo: PhotoScore, most: int) -> str:
    x, y = _place(photo.true, photo.counted, most)
    words = escape(f"{photo.name}: {photo.true:,} people, counted {photo.counted:,.1f}")
    return f'<circle class="photo" cx="{x}" cy="{y}" r="3.5"><title>{words}</title></circle>'


def _place(true: float, counted: float, most: int) -> tuple[float, float]:
    return round(LEFT + SIDE * true / most, 1), round(TOP + SIDE * (1 - counted / most), 1)
