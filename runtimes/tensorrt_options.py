"""What an engine is built for: sizes of photos, batches, memory, and a DLA core where the device has one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from runtimes.errors import ConfigError

INPUT, OUTPUTS = "image", ("density", "count")
Size = tuple[int, int]  # height and width, pixels
Shape = tuple[int, int, int, int]  # n, h, w, 3
LARGEST = 2048  # pixels, each way, that an engine takes where nothing is named: a tile of the default size
SIZE_HINT = "write HEIGHTxWIDTH, such as 576x864, or LEAST:MOST, such as 576x864:1088x1920"


@dataclass(frozen=True)
class Profile:
    """Between which sizes an engine is built, and for which it is tuned: (n, h, w, 3) each."""

    least: Shape
    best: Shape
    most: Shape


@dataclass(frozen=True)
class Bucket:
    """Photos of one size, or of any size between two; the engine is tuned for one photo of the greatest."""

    least: Size
    most: Size
    batch: int = 1  # photos at once, from 1 to this

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise ConfigError(f"batch {self.batch} of an engine is less than 1 photo")

    @property
    def profile(self) -> Profile:
        """As TensorRT's optimisation profile."""
        return Profile((1, *self.least, 3), (1, *self.most, 3), (self.batch, *self.most, 3))

    @property
    def name(self) -> str:
        """As it is written on the command line."""
        sizes = (self.least,) if self.least == self.most else (self.least, self.most)
        return ":".join(f"{height}x{width}" for height, width in sizes)


DEFAULT_BUCKETS = tuple(Bucket(size, size) for size in ((576, 864), (768, 1024), (1088, 1920)))


@dataclass(frozen=True)
class EngineOptions:
    """How to build an engine. All of it is part of what a cached plan is kept under."""

    buckets: tuple[Bucket, ...] = DEFAULT_BUCKETS
    workspace_mib: int = 2048  # that a layer may use for scratch on the device
    dla_core: int | None = None  # None: the GPU alone

    def __post_init__(self) -> None:
        if self.workspace_mib < 1:
            raise ConfigError(f"workspace {self.workspace_mib} MiB is less than 1")
        if self.dla_core is not None and (len(self.buckets) != 1 or self.buckets[0].batch != 1):
            message = f"a DLA core runs one photo of one size, and {len(self.buckets)} sizes of several are asked for"
            raise ConfigError(message, hint="name one size with --size, and leave --batch at 1")
        if self.dla_core is not None and any(bucket.least != bucket.most for bucket in self.buckets):
            raise ConfigError("a DLA core runs one size only, and a range of sizes is asked for", hint="name one size")


def default_options(multiple: int) -> EngineOptions:
    """An engine of any size up to 2048 x 2048, tuned for the default sizes; all sides are multiples of `multiple`."""
    tuned = [Bucket(_rounded(bucket.least, multiple), _rounded(bucket.most, multiple)) for bucket in DEFAULT_BUCKETS]
    side = LARGEST // multiple * multiple
    return EngineOptions((*tuned, Bucket((multiple, multiple), (side, side))))


def choose_profile(profiles: Sequence[Profile], height: int, width: int) -> int | None:
    """The number of the profile for photos of this size: of those that hold it the one made for the smallest."""
    found = [at for at, sizes in enumerate(profiles) if _holds(sizes, height, width)]
    return min(found, key=lambda at: profiles[at].most[1] * profiles[at].most[2], default=None)


def sizes_of(profiles: Sequence[Profile]) -> str:
    """The sizes of photos that an engine takes, for people."""
    return ", ".join(Bucket(sizes.least[1:3], sizes.most[1:3]).name for sizes in profiles)


def parse_bucket(text: str, batch: int = 1) -> Bucket:
    """The bucket that 576x864, or 576x864:1088x1920, names.

    >>> parse_bucket("576x864").name
    '576x864'
    """
    sizes = [re.fullmatch(r"(\d{1,5})x(\d{1,5})", part) for part in text.split(":")]
    found = [(int(size[1]), int(size[2])) for size in sizes if size]
    if len(found) != len(sizes) or len(found) > 2:
        raise ConfigError(f"size {text!r} is not the size of a photo", hint=SIZE_HINT)
    return Bucket(found[0], found[-1], batch)


def _holds(sizes: Profile, height: int, width: int) -> bool:
    sides = zip((1, height, width), sizes.least, sizes.most[:3], strict=False)
    return all(low <= side <= high for side, low, high in sides)


def _rounded(size: Size, multiple: int) -> Size:
    height, width = (-(-side // multiple) * multiple for side in size)
    return height, width
