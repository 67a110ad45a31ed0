"""A run's curves as a picture: the loss, and the held-out photos' errors, over the steps."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sdk.files import write_whole

Series = dict[str, list[tuple[float, float]]]  # name: step and value

WIDTH, HEIGHT = 760, 360  # pixels of a panel
LEFT, TOP, RIGHT, BOTTOM = 76, 40, 20, 44  # margins around what is plotted
COLOURS = ((199, 110, 31), (40, 120, 220), (70, 150, 60), (150, 80, 150), (60, 60, 60), (170, 150, 40))  # BGR
FONT, INK, GRID = cv2.FONT_HERSHEY_SIMPLEX, (70, 70, 70), (232, 232, 232)


def write_curves(metrics: Path, picture: Path) -> None:
    """Draw a file of metrics, JSON lines, into a PNG; nothing where there is nothing to draw."""
    records = [json.loads(line) for line in metrics.read_text("utf-8").splitlines()]
    panels = [panel(title, series) for title, series in series_of(records).items() if any(series.values())]
    if panels:
        _, data = cv2.imencode(".png", np.vstack(panels))
        write_whole(picture, data.tobytes())


def series_of(records: Iterable[Mapping[str, Any]]) -> dict[str, Series]:
    """Panels by title: the loss with its parts, and the MAE of each set."""
    loss: Series = {}
    errors: Series = {}
    for record in records:
        step = float(record["step"])
        if "loss" in record:
            for name, value in {"loss": record["loss"], **record.get("parts", {})}.items():
                loss.setdefault(name, []).append((step, float(value)))
        for name, scores in record.get("validation", {}).items():
            errors.setdefault(name, []).append((step, float(scores["mae"])))
    return {"loss a crop": loss, "MAE of held-out photos": errors}


def panel(title: str, series: Series) -> NDArray[np.uint8]:
    """(HEIGHT, WIDTH, 3) uint8 BGR: lines over steps, values on a logarithmic axis without those of 0 and below."""
    image = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    shown = {name: [(x, y) for x, y in points if y > 0 and math.isfinite(y)] for name, points in series.items()}
    everything = [point for points in shown.values() for point in points]
    cv2.putText(image, title, (LEFT, 24), FONT, 0.55, INK, 1, cv2.LINE_AA)
    if not everything:
        return image
    steps = (0.0, max(x for x, _ in everything))
    decades = [math.log10(y) for _, y in everything]
    values = (min(decades) - 0.05, max(decades) + 0.05)
    for tick in ticks(10 ** values[0], 10 ** values[1]):
        _, row = _place(0, tick, steps, values)
        cv2.line(image, (LEFT, row), (WIDTH - RIGHT, row), GRID, 1)
        cv2.putText(image, f"{tick:g}", (8, row + 4), FONT, 0.42, INK, 1, cv2.LINE_AA)
    cv2.putText(image, f"step {steps[1]:,.0f}", (WIDTH - RIGHT - 110, HEIGHT - 14), FONT, 0.45, INK, 1, cv2.LINE_AA)
    for index, (name, points) in enumerate(shown.items()):
        _draw_line(image, [_place(x, y, steps, values) for x, y in points], COLOURS[index % len(COLOURS)])
        at = (LEFT + 110 * index, HEIGHT - 14)
        cv2.putText(image, name[:14], at, FONT, 0.42, COLOURS[index % len(COLOURS)], 1, cv2.LINE_AA)
    return image


def ticks(least: float, most: float) -> list[float]:
    """Round values between two limits, at least one: 1, 2 and 5 of each decade, or the middle."""
    decades = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
    found = [factor * 10.0**power for power in decades for factor in (1, 2, 5)]
    return [value for value in found if least <= value <= most] or [math.sqrt(least * most)]


def _place(x: float, y: float, steps: tuple[float, float], values: tuple[float, float]) -> tuple[int, int]:
    """A point's pixel."""
    across = (x - steps[0]) / max(steps[1] - steps[0], 1)
    up = (math.log10(y) - values[0]) / (values[1] - values[0])
    return round(LEFT + across * (WIDTH - LEFT - RIGHT)), round(HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM))


def _draw_line(image: NDArray[np.uint8], places: Sequence[tuple[int, int]], colour: tuple[int, int, int]) -> None:
    if len(places) > 1:
        cv2.polylines(
            image, [np.array(places, np.int32)], isClosed=False, color=colour, thickness=2, lineType=cv2.LINE_AA
        )
    for place in places if len(places) < 30 else []:
        cv2.circle(image, place, 3, colour, -1, cv2.LINE_AA)
