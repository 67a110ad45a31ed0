"""What is corrected for one camera: the scale at which its frames are counted, and a factor on what is counted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from sdk.config import parse, read_yaml, to_plain
from sdk.errors import ConfigError
from sdk.files import write_whole

if TYPE_CHECKING:
    from typing_extensions import Self

FACTORS = (0.2, 5.0)
SCALES = (0.25, 4.0)


@dataclass(frozen=True)
class Measured:
    """What a correction was worth on the frames that it was found by, each left out once."""

    frames: int
    people: int  # in all of them
    error_before: float  # people a frame, mean of |true - counted| without a correction
    error_after: float  # the same, each frame by the correction that the others gave
    model: str  # name and version of the package
    width: int  # of the frames, in pixels
    height: int


@dataclass(frozen=True)
class Correction:
    """What is done for one camera. skt-calibrate finds it."""

    factor: float = 1.0  # by which what is counted is multiplied
    scale: float = 1.0  # of the frame that is counted beside the camera's; above 1 for people who are small
    measured: Measured | None = None  # None: written by hand

    def __post_init__(self) -> None:
        for name, value, (low, high) in (("factor", self.factor, FACTORS), ("scale", self.scale, SCALES)):
            if not (math.isfinite(value) and low <= value <= high):
                raise ConfigError(f"{name} of a correction is {value}, expected {low} to {high}", hint="1 changes none")

    @classmethod
    def read(cls, path: Path) -> Self:
        """The correction in a YAML file; raises ConfigError for an unknown key or a wrong value."""
        return parse(cls, read_yaml(path))

    def write(self, path: Path) -> None:
        """Write it as YAML, whole or not at all."""
        try:
            write_whole(path, yaml.safe_dump(to_plain(self), sort_keys=False).encode())
        except OSError as error:
            raise ConfigError(
                f"cannot write {path}: {error.strerror}", hint="name a file that you may write"
            ) from error

    def doubts(self, model: str, size: tuple[int, int]) -> tuple[str, ...]:
        """Why it may not fit: measured with another model, or on frames of another size (height, width)."""
        if self.measured is None:
            return ()
        found, known = [], self.measured
        if known.model != model:
            found.append(f"the correction was measured with model {known.model}, this is {model}")
        if (known.height, known.width) != size:
            found.append(f"the correction was measured on frames of {known.width} x {known.height} pixels")
        return tuple(found)

    def in_words(self) -> str:
        """What it does, in a line."""
        return f"corrected for this camera: counts times {self.factor:.3f}, frames scaled by {self.scale:.3f}"

    def to_json(self) -> dict[str, Any]:
        """What it does, and what it was worth."""
        worth = self.measured
        errors = {} if worth is None else {"error_before": worth.error_before, "error_after": worth.error_after}
        return {"factor": self.factor, "scale": self.scale, **errors}
