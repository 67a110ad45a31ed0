"""What a drawn scene is, and what may be asked of one."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from sdk.errors import ConfigError

BACKGROUNDS = ("plaza", "street", "stop", "park")
LIGHTS = ("day", "overcast", "evening", "night")
SMALLEST_SIDE = 96  # pixels
LARGEST_SIDE = 4096  # pixels
MOST_PEOPLE = 5000


@dataclass(frozen=True)
class Scene:
    """A drawn photo and the heads in it."""

    photo: NDArray[np.uint8]  # (h, w, 3) BGR
    points: NDArray[np.float32]  # (n, 2), x and y of each head's centre in pixels, far to near


@dataclass(frozen=True)
class SceneStyle:
    """How scenes look: each range is (least, most), and a scene takes one value out of it."""

    background: str = "any"  # one of BACKGROUNDS
    light: str = "any"  # one of LIGHTS
    camera_height: tuple[float, float] = (4.0, 8.0)  # metres above the ground
    tilt: tuple[float, float] = (10.0, 22.0)  # degrees below the horizon
    view: tuple[float, float] = (50.0, 66.0)  # degrees from the photo's left side to its right
    reach: tuple[float, float] = (26.0, 42.0)  # metres to the farthest people
    groups: tuple[float, float] = (0.2, 0.6)  # share of the people who stand beside somebody
    blur: tuple[float, float] = (0.35, 0.8)  # pixels, standard deviation
    noise: tuple[float, float] = (0.004, 0.014)  # of full scale, in the middle tones
    quality: tuple[float, float] = (72.0, 94.0)  # of the JPEG the photo passes through

    def __post_init__(self) -> None:
        _check_choice("background", self.background, BACKGROUNDS)
        _check_choice("light", self.light, LIGHTS)
        for field in fields(self):
            if field.name in _LIMITS:
                _check_range(field.name, getattr(self, field.name), *_LIMITS[field.name])


_LIMITS = {
    "camera_height": (2.4, 40.0),
    "tilt": (0.0, 60.0),
    "view": (20.0, 90.0),
    "reach": (8.0, 200.0),
    "groups": (0.0, 1.0),
    "blur": (0.0, 5.0),
    "noise": (0.0, 0.2),
    "quality": (1.0, 100.0),
}


def check_request(seed: int, width: int, height: int, people: int) -> None:
    """Refuse what cannot be drawn."""
    if seed < 0:
        raise ConfigError(f"seed {seed} is negative, expected 0 or more")
    for name, side in (("width", width), ("height", height)):
        if not SMALLEST_SIDE <= side <= LARGEST_SIDE:
            raise ConfigError(f"{name} {side} is outside {SMALLEST_SIDE} to {LARGEST_SIDE} pixels")
    if not 0 <= people <= MOST_PEOPLE:
        raise ConfigError(f"people {people} is outside 0 to {MOST_PEOPLE}")


def _check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in (*known, "any"):
        raise ConfigError(f"unknown {name} {value!r}", hint=f"known: any, {', '.join(known)}")


def _check_range(name: str, value: tuple[float, float], least: float, most: float) -> None:
    if not least <= value[0] <= value[1] <= most:
        raise ConfigError(f"{name} {value} is not a range (least, most) within {least:g} to {most:g}")
