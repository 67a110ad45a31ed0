"""A benchmark from end to end: the photo, who takes part, the rounds, the figures."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from runtimes import Environment, probe
from sdk import __version__
from sdk.bench.compare import comparisons
from sdk.bench.contenders import Asked, Photo, of_package, peaks_for
from sdk.bench.figures import Ratio, Row, peak_gops, ratio, rows
from sdk.bench.rounds import Seen, run_rounds
from sdk.errors import ConfigError
from sdk.files import write_whole
from sdk.frame import Image, decode
from sdk.package import Package

JPEG_QUALITY = 90


@dataclass(frozen=True)
class Settings:
    """What is measured, and for how long."""

    asked: Asked = field(default_factory=Asked)
    compare: tuple[str, ...] = ()
    size: tuple[int, int] = (576, 864)  # height and width of the package's golden photo once it is mirrored on to that
    photo: Path | None = None  # a photo of the user's
    from_file: bool = False  # count a JPEG file, its decoding included, and not an array
    rounds: int = 7
    seconds: float = 1.0  # a contender, a round
    score: dict[str, Any] | None = None  # a labelled set

    def __post_init__(self) -> None:
        if min(self.size) < 64:
            raise ConfigError(f"size {self.size[1]}x{self.size[0]} is below 64 pixels a side", hint="try 864x576")


@dataclass(frozen=True)
class Bench:
    """The results."""

    package: str
    photo: str
    settings: Settings
    machine: Environment
    rows: tuple[Row, ...]
    peaks: dict[str, float]  # billions of operations a second of engines' own convolutions
    ratios: tuple[Ratio, ...]

    @property
    def clean(self) -> bool:
        """Whether all times were measured while nothing else ran."""
        return all(row.clean for row in self.rows if not row.failed)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        about = {"package": self.package, "photo": self.photo, "version": __version__, "clean": self.clean}
        machine = {**self.machine.to_json(), "engines": {e.name: e.version for e in self.machine.engines if e.usable}}
        rounds = {"rounds": self.settings.rounds, "seconds": self.settings.seconds}
        found = {"peaks_gops": self.peaks, "ratios": [asdict(one) for one in self.ratios]}
        return {**about, **rounds, "machine": machine, "rows": [asdict(row) for row in self.rows], **found}


def bench(package: Path, settings: Settings, tell: Callable[[str], None] = lambda _: None) -> Bench:
    """Measure; raises ConfigError, ArtifactError, BackendError. A contender that fails is told in its row."""
    with tempfile.TemporaryDirectory(prefix="skt-bench-") as name:
        folder = Path(name)
        photo = _photo(package, settings, folder)
        own = of_package(package, settings.asked, photo)
        others = comparisons(settings.compare, package, own, photo, folder, tell)
        contenders = [*own, *others]
        seen = run_rounds(
            [*contenders, *peaks_for(contenders)], settings.rounds, settings.seconds, settings.score, tell
        )
    return Bench(
        package=own[0].network,
        photo=photo.name,
        settings=settings,
        machine=probe(),
        rows=tuple(rows(seen)),
        peaks=_peaks(seen),
        ratios=tuple(_ratios(seen)),
    )


def _peaks(seen: Sequence[Seen]) -> dict[str, float]:
    found = [one for one in seen if not one.contender.network and one.rounds]
    return {f"{one.contender.name}, {one.contender.threads} threads": round(peak_gops(one), 1) for one in found}


def _ratios(seen: Sequence[Seen]) -> Iterator[Ratio]:
    """The first contender beside every other that ran, and each other one beside its like."""
    ran = [one for one in seen if one.contender.network and one.rounds]
    for at, one in enumerate(ran):
        yield from (ratio(one, other) for other in ran if one is not other and (at == 0 or _alike(one, other)))


def _alike(one: Seen, other: Seen) -> bool:
    """In one engine INT8 beside fp32 of one network, and a smaller network beside a larger one; INT8 beside PyTorch."""
    own, theirs = one.contender, other.contender
    if theirs.engine == "torch":
        return own.precision == "int8"
    if own.engine != theirs.engine or own.macs is None or theirs.macs is None:
        return False
    if own.network == theirs.network:
        return own.precision == "int8" and theirs.precision == "fp32"
    return own.precision == theirs.precision and own.macs < theirs.macs


def _photo(package: Path, settings: Settings, folder: Path) -> Photo:
    if settings.photo is not None:
        image, name = decode(settings.photo), settings.photo.name
    else:
        image, name = _golden(package, settings.size), "the package's golden photo, mirrored on"
    height, width = image.shape[:2]
    path = folder / ("photo.jpg" if settings.from_file else "photo.npy")
    if not settings.from_file:
        np.save(path, image)
    elif settings.photo is not None:
        path = settings.photo
    else:
        write_whole(path, cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes())
    kind = "from a file, decoding included" if settings.from_file else "from a decoded frame"
    return Photo(path, height, width, f"{name}, {width} x {height}, {kind}")


def _golden(package: Path, size: tuple[int, int]) -> Image:
    with Package.open(package) as opened:
        image = opened.golden().image
    after = [(0, max(0, side - own)) for side, own in zip(size, image.shape, strict=False)]
    return np.ascontiguousarray(np.pad(image, [*after, (0, 0)], "symmetric")[: size[0], : size[1]])
