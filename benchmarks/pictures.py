"""Pictures of how a package counts, as SVG: true against counted people, and where in the worst photos it counts them.

Made by tables.py from the committed results; no photo is shown, only people in squares of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10, sqrt
from typing import Any
from xml.sax.saxutils import escape

PANEL, LEFT, TOP, GAP = 300, 60, 44, 76  # pixels of a plot's side, of the margins, and between plots
MAP, MAP_GAP = 300, 24  # pixels of a map's width, and between maps
INK, GREY, BLUE = "#333", "#bbb", "#1f77b4"
DEEP = (8, 48, 107)  # RGB of the fullest square


def scatter(sets: Sequence[dict[str, Any]]) -> str:
    """A plot for each evaluation, two a row: a dot a photo, people counted over people there; on the line is right."""
    rows = ceil(len(sets) / 2)
    width, height = 2 * (LEFT + PANEL) + GAP, TOP + rows * (PANEL + GAP) - GAP // 3
    parts = [_plot(LEFT + i % 2 * (PANEL + GAP), TOP + i // 2 * (PANEL + GAP), one) for i, one in enumerate(sets)]
    return _svg(width, height, parts)


def _plot(left: int, top: int, evaluation: dict[str, Any]) -> str:
    photos = evaluation["photos"]
    most = max(1.0, *(max(photo["true"], photo["counted"]) for photo in photos))
    step = _round_step(most)
    most = step * ceil(most / step)
    scale, bottom = PANEL / most, top + PANEL
    parts = [_text(left, top - 14, evaluation["dataset"].partition(",")[0], size=14)]
    for index in range(round(most / step) + 1):
        at, told = index * step * scale, f"{index * step:g}"
        parts += [
            _line(left, bottom - at, left + PANEL, bottom - at, GREY),
            _text(left - 6, bottom - at + 4, told, "end"),
            _text(left + at, bottom + 16, told, "middle"),
        ]
    parts += [
        _line(left, bottom, left + PANEL, top, INK),
        _text(left + PANEL / 2, bottom + 34, "people, by head points", "middle"),
        f'<text transform="translate({left - 42} {top + PANEL / 2}) rotate(-90)" text-anchor="middle">counted</text>',
    ]
    for photo in photos:
        x, y = left + photo["true"] * scale, bottom - photo["counted"] * scale
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"><title>{escape(photo["name"])}</title></circle>')
    return "\n".join(parts)


def _round_step(most: float) -> float:
    """1, 2 or 5 of a decade: between ticks of an axis that has four to ten of them."""
    decade = 10 ** floor(log10(most))
    return float(next(part * decade for part in (0.1, 0.2, 0.5, 1) if most / (part * decade) <= 10))


def worst_maps(photos: Sequence[dict[str, Any]]) -> str:
    """A row for each photo: people in squares of it, by head points and as counted, in the same colours."""
    parts, top = [], TOP
    for photo in photos:
        side = MAP / len(photo["counted_in"][0])
        parts.append(_text(MAP_GAP, top - 14, f"{photo['set']}, {photo['name']}", size=14))
        fullest = max(max(map(max, photo[key])) for key in ("true_in", "counted_in"))
        for column, (key, told) in enumerate((("true_in", "true"), ("counted_in", "counted"))):
            left = MAP_GAP + column * (MAP + MAP_GAP)
            title = f"{photo[told]:.0f} people {'by head points' if told == 'true' else 'counted'}"
            parts += [_map(left, top, side, photo[key], fullest), _text(left, top + _height(photo) + 18, title)]
        top += _height(photo) + TOP + 30
    return _svg(2 * MAP + 3 * MAP_GAP, top - 20, parts)


def _height(photo: dict[str, Any]) -> float:
    rows = photo["counted_in"]
    return MAP / len(rows[0]) * len(rows)


def _map(left: float, top: float, side: float, squares: Sequence[Sequence[float]], fullest: float) -> str:
    width, height = side * len(squares[0]), side * len(squares)
    parts = [f'<rect x="{left}" y="{top}" width="{width:.1f}" height="{height:.1f}" fill="#fff" stroke="{GREY}"/>']
    for row, values in enumerate(squares):
        for column, value in enumerate(values):
            colour = _colour(sqrt(max(0.0, value) / fullest) if fullest else 0.0)
            if colour != "#ffffff":
                at = f'x="{left + column * side:.1f}" y="{top + row * side:.1f}"'
                parts.append(f'<rect {at} width="{side:.2f}" height="{side:.2f}" fill="{colour}"/>')
    return "\n".join(parts)


def _colour(part: float) -> str:
    """From white to the colour of the fullest square."""
    return "#" + "".join(f"{round(255 + (end - 255) * part):02x}" for end in DEEP)


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    style = f'font-family="sans-serif" font-size="11" fill="{INK}"'
    dots = f"<style>circle {{ fill: {BLUE}; fill-opacity: 0.6 }}</style>"
    ground = f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>'
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>', dots, ground, *parts, "</svg>"]
    return "\n".join(lines) + "\n"


def _line(x: float, y: float, to_x: float, to_y: float, colour: str) -> str:
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="{colour}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", *, size: int = 11) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(text)}</text>'
