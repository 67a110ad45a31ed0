"""Pictures of readings, for the sinks that show or store frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sdk.errors import ConfigError
from sdk.frame import Image, shrink
from sdk.overlay import draw_overlay
from sdk.result import CountResult
from sdk.sinks.hide import WAYS, around_heads
from sdk.sinks.target import nearest

REGIONS = ("picture", "heads")


@dataclass(frozen=True, kw_only=True)
class PictureSettings:
    """What a picture shows."""

    hide: str = "none"  # pixelate or blur
    region: str = "picture"  # what is hidden: all of it, or where the model sees heads; it can miss one
    overlay: bool = True  # heat map and count over the frame
    max_side: int = 1280  # pixels; larger frames are shrunk for the picture

    def __post_init__(self) -> None:
        for name, value, known in (("hide", self.hide, ("none", *WAYS)), ("region", self.region, REGIONS)):
            if value not in known:
                raise ConfigError(f"{name} is {value!r}", hint=nearest(value, known))
        if self.max_side < 16:
            raise ConfigError(f"max_side is {self.max_side}, expected 16 pixels or more")


def picture_of(result: CountResult, chosen: PictureSettings) -> Image:
    """The frame (h, w, 3) uint8 BGR as it may be shown: detail is taken out before anything is drawn."""
    shown = shrink(result.photo, chosen.max_side)
    cell = result.stride / result.scale * shown.scale
    picture = shown.image
    if chosen.hide != "none":
        hidden = WAYS[chosen.hide](picture)
        if chosen.region == "heads":
            heads = around_heads(result.density, picture, cell)
            hidden = np.where(heads[..., None], hidden, picture)
        picture = hidden
    return draw_overlay(picture, result.density, result.count, cell, result.note) if chosen.overlay else picture
