"""Frames for tests of states: few drawn streets, as drawing takes long, and what can happen to their camera."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from sdk.frame import Image
from sdk.scenes import SceneStyle, draw_scene

KINDS = ("plaza", "street", "stop", "park")


@lru_cache(maxsize=64)
def view(people: int = 20, seed: int = 7) -> Image:
    """A camera's view (180, 320, 3) with so many people."""
    return draw_scene(seed, width=320, height=180, people=people, style=SceneStyle(background=KINDS[seed % 4])).photo


def noisy(photo: Image, seed: int, sigma: float = 2) -> Image:
    """What a sensor makes of it."""
    grains = np.random.default_rng(seed).normal(0, sigma, photo.shape)
    return np.clip(photo + grains, 0, 255).astype(np.uint8)


def dim(photo: Image, gain: float) -> Image:
    return (photo * gain).astype(np.uint8)


def soft(photo: Image, sigma: float) -> Image:
    return np.asarray(cv2.GaussianBlur(photo, (0, 0), sigma), np.uint8)


def moved(photo: Image, right: int) -> Image:
    return np.roll(photo, right, axis=1)


def hidden(photo: Image, share: float) -> Image:
    """With a hand over so much of the lens."""
    covered = photo.copy()
    covered[:, : round(share * photo.shape[1])] = (90, 80, 70)
    return covered


def page() -> Image:
    """A document."""
    paper = np.full((600, 800, 3), 250, np.uint8)
    for line in range(28):
        text = "".join(chr(97 + (line * 7 + at * at) % 26) if at % 6 else " " for at in range(60))
        cv2.putText(paper, text, (30, 30 + 20 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (20, 20, 20), 1, cv2.LINE_AA)
    return paper
