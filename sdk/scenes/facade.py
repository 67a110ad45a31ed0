"""House fronts: storeys of windows over shops, drawn flat."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from sdk.scenes.camera import Array
from sdk.scenes.light import Random, linear, noise

SCALE = 20  # pixels per metre
STOREY = 3.6  # metres
WALLS = ((178, 160, 138), (152, 118, 96), (196, 188, 174), (140, 138, 136), (168, 142, 116), (206, 196, 178),
         (116, 108, 104), (128, 88, 72))  # fmt: skip
FRAMES = ((222, 220, 214), (60, 58, 56), (120, 116, 112), (84, 70, 60))
SIGNS = ((132, 48, 46), (46, 62, 96), (50, 80, 68), (186, 158, 84), (226, 224, 220), (40, 40, 42), (92, 70, 60))


@dataclass(frozen=True)
class Facade:
    """One house front."""

    width: float  # metres
    height: float  # metres
    lamps: bool  # some windows are lit


def draw_facade(random: Random, facade: Facade) -> Array:
    """(h, w, 4): colour, linear BGR, and how much of its own light each place sends out; the street is below."""
    height, width = int(facade.height * SCALE), int(facade.width * SCALE)
    front = np.zeros((height, width, 4), np.float32)
    grain = 1 + 0.04 * noise(random, height, width, 3, 2) + 0.05 * noise(random, height, width, 120, 4)
    front[..., :3] = linear(*WALLS[int(random.integers(len(WALLS)))]) * grain[..., None]
    window = _Window(
        float(random.uniform(1.0, 2.6)), float(random.uniform(1.5, 2.4)), linear(*random.choice(FRAMES)), facade.lamps
    )
    pitch = window.width + float(random.uniform(0.5, 1.6))
    columns = max(int(facade.width / pitch), 1)
    for storey in range(1, int(facade.height / STOREY) + 1):
        foot = height - int(storey * STOREY * SCALE)
        _ledge(front, foot)
        for column in range(columns):
            left = int((column + 0.5) * facade.width / columns * SCALE - window.width * SCALE / 2)
            _draw_window(random, front, (left, foot - int(0.9 * SCALE)), window)
    _shops(random, front, facade)
    return front


@dataclass(frozen=True)
class _Window:
    width: float  # metres
    height: float
    frame: Array
    lamps: bool


def _draw_window(random: Random, front: Array, foot: tuple[int, int], window: _Window) -> None:
    """A framed window whose lower left corner is `foot`."""
    left, bottom = foot
    wide, tall = int(window.width * SCALE), int(window.height * SCALE)
    if bottom - tall < 2:
        return
    _fill(front, (left - 2, bottom - tall - 2, left + wide + 2, bottom + 2), window.frame, 0)
    lit = window.lamps and random.random() < 0.35
    glass = linear(250, 212, 150) if lit else linear(40, 48, 56) * np.float32(random.uniform(0.5, 3.2))
    _fill(front, (left, bottom - tall, left + wide, bottom), glass, float(random.uniform(0.4, 1.0)) if lit else 0)
    if random.random() < 0.4:
        _fill(front, (left, bottom - tall, left + wide, bottom - int(tall * random.uniform(0.3, 0.8))), glass * 1.9, 0)
    _fill(front, (left + wide // 2 - 1, bottom - tall, left + wide // 2 + 1, bottom), window.frame, 0)
    _fill(front, (left - 3, bottom + 1, left + wide + 3, bottom + 3), window.frame * 1.2, 0)


def _ledge(front: Array, row: int) -> None:
    front[max(row - 3, 0) : max(row, 0), :, :3] *= 1.18
    front[max(row, 0) : max(row + 4, 0), :, :3] *= 0.66


def _shops(random: Random, front: Array, facade: Facade) -> None:
    """Ground floor: shop windows under signs and awnings."""
    width = front.shape[1]
    left = 0
    while left < width - SCALE * 2:
        right = min(left + int(random.uniform(3.5, 7) * SCALE), width)
        _shop(random, front, (left + 5, right - 5), facade.lamps)
        left = right


def _shop(random: Random, front: Array, sides: tuple[int, int], lamps: bool) -> None:
    bottom = front.shape[0]
    left, right = sides
    top = bottom - int(2.7 * SCALE)
    glow = float(random.uniform(0.5, 1.3)) if lamps else float(random.uniform(0, 0.12))
    inside = (
        linear(236, 206, 160) * random.uniform(0.3, 0.8) if lamps else linear(64, 62, 60) * random.uniform(0.3, 1.6)
    )
    _fill(front, (left, top, right, bottom), np.asarray(inside, np.float32), glow)
    for _ in range(int(random.integers(4, 14))):  # goods and people behind the glass
        x, y = int(random.uniform(left, right)), int(random.uniform(top + 8, bottom))
        goods = np.asarray(inside * random.uniform(0.3, 2.0) * np.exp(random.normal(0, 0.3, 3)), np.float32)
        _fill(
            front,
            (x, y, min(x + int(random.uniform(4, 16)), right), min(y + int(random.uniform(4, 26)), bottom)),
            goods,
            glow,
        )
    for x in range(left, right, int(random.uniform(1.0, 2.2) * SCALE)):
        _fill(front, (x, top, x + 2, bottom), linear(50, 50, 52), 0)
    _sign(random, front, (left, top - int(0.85 * SCALE), right, top), lamps)


def _sign(random: Random, front: Array, box: tuple[int, int, int, int], lamps: bool) -> None:
    """A board with letters that say nothing."""
    left, top, right, bottom = box
    board = linear(*SIGNS[int(random.integers(len(SIGNS)))])
    glow = 0.7 if lamps else 0.0
    _fill(front, box, board, glow)
    letters = linear(240, 238, 230) if float(board.mean()) < 0.4 else linear(40, 36, 36)
    x, last = left + (right - left) // 4, right - (right - left) // 4
    while x < last:
        wide = int(random.integers(3, 8))
        _fill(front, (x, top + 5, x + wide, bottom - 5), letters, glow)
        _fill(
            front,
            (x + 2, top + int(random.integers(6, 9)), x + wide - 1, bottom - int(random.integers(6, 9))),
            board,
            glow,
        )
        x += wide + 3
    front[bottom : bottom + 5, left:right, :3] *= 0.6


def _fill(front: Array, box: tuple[int, int, int, int], colour: Array, glow: float) -> None:
    left, top, right, bottom = (max(edge, 0) for edge in box)
    cv2.rectangle(front, (left, top), (max(right - 1, left), max(bottom - 1, top)), (*map(float, colour), glow), -1)
