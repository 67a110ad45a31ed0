"""The photos of a calibration or a gate: where each comes from, and how it is read, one at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sdk.frame import Image, decode_bytes, read_bytes


@dataclass(frozen=True, eq=False)
class Shot:
    """A photo that is decoded when its turn comes."""

    name: str
    sha256: str  # of the file's bytes
    load: Callable[[], Image]
    people: float | None = None  # by the fp32 master, once it has counted
    true: int | None = None  # head points; None where the photo is not labelled

    @property
    def density(self) -> float:
        """People to choose by: head points where there are labels, else the master's count, else 0."""
        return float(self.true if self.true is not None else self.people or 0.0)

    @property
    def counted(self) -> float:
        """The master's count, 0 where it has not counted."""
        return self.people or 0.0


def shot_of_file(path: Path, name: str = "", *, upright: bool = True, true: int | None = None) -> Shot:
    """A photo file; raises InputError where it cannot be read. upright: as in `sdk.frame.decode_bytes`."""
    digest = hashlib.sha256(read_bytes(path)).hexdigest()
    return Shot(
        name or path.name, digest, lambda: decode_bytes(read_bytes(path), str(path), upright=upright), true=true
    )


def shot_of_image(name: str, image: Image, *, people: float | None = None, true: int | None = None) -> Shot:
    """A photo in memory (h, w, 3) uint8 BGR, known by its pixels."""
    return Shot(name, hashlib.sha256(image.tobytes()).hexdigest(), lambda: image, people, true)
