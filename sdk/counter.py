"""`CrowdCounter`: a model package on the best engine of this machine; photos in, counts out."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from runtimes import Backend, BackendInfo, LoadOptions, Plan, Request, open_first, plan, probe
from sdk.cache import cache_folder
from sdk.errors import ConfigError, InputError, OutOfMemory
from sdk.frame import Image, Photo, decode, rescale, shrink
from sdk.many import in_order
from sdk.package import Package
from sdk.result import CountResult, Timings
from sdk.shipped import DEFAULT_PACKAGE
from sdk.tiling import room_between_halos
from sdk.timing import Stopwatch
from sdk.trust.calibration import TrustCalibration, read_trust
from sdk.trust.correction import Correction
from sdk.trust.picture import look_at
from sdk.trust.state import state_of
from sdk.variants import planned_variants
from sdk.whole import Pieces, whole_density

if TYPE_CHECKING:
    from typing_extensions import Self

    from sdk.streams import Stable, Stream, StreamLimits

log = logging.getLogger(__name__)

PADDED = "the frame is smaller than the {1} x {0} pixels that this variant takes; counts near its padded sides differ"
ENGINES_WITH_PLANS = ("tensorrt", "tensorrt-rtx")
SMALLEST_SIDE = 64  # pixels; below it a photo shows too little of a scene to be trusted


@dataclass(frozen=True)
class CountOptions:
    """How photos are counted."""

    max_side: int | None = None  # pixels; larger photos are shrunk to it, which changes counts; None: never
    tile: int = 2048  # pixels, each way, that the engine sees at once; larger frames go in tiles, to the same count
    variant: str = "auto"  # the id of a variant of the package, which is then kept to or refused
    max_in_flight: int = 1  # photos that the engine works on at once; they share its threads: more a second, each later
    plan: str | os.PathLike[str] | None = None  # folder of a TensorRT engine to use as it is; None: kept or built

    def __post_init__(self) -> None:
        if self.max_side is not None and self.max_side < 1:
            raise ConfigError(f"max_side is {self.max_side}, expected 1 pixel or more", hint="None keeps all sizes")
        if self.tile < 1:
            raise ConfigError(f"tile is {self.tile}, expected 1 pixel or more", hint="2048 fits most machines")
        if self.max_in_flight < 1:
            message = f"max_in_flight is {self.max_in_flight}, expected 1 photo or more"
            raise ConfigError(message, hint="1 gives each photo all threads")


@final
class CrowdCounter:
    """Counts the people in photos.

    package: a model package (`NAME.skt`), or the name of one that ships with the SDK: "default", the one if absent, or
    "quick". device, backend, precision: "auto"
    lets the machine decide and falls back where it must, saying so in `info().notes` and each result's warnings;
    anything named is kept to or refused. backend may also be a loaded one, such as a `FakeBackend` in a test, which
    then answers in place of the package's model and is closed with the counter; its counts are held against the
    calibration of a package that is named, and of none otherwise. threads: of a CPU engine, all cores if absent.
    strict: True lets "auto", too, take its first choice alone; False lets what is named go on to the next that fits
    it, and says so. correction: of the camera whose frames are counted, from skt-calibrate.

    Raises ConfigError, ArtifactError, BackendError. Close it, or use it in a `with`. Threads may share one.
    """

    def __init__(  # noqa: PLR0913 - the request is what users write out
        self,
        package: str | os.PathLike[str] | None = None,
        *,
        device: str = "auto",
        backend: str | Backend = "auto",
        precision: str = "auto",
        threads: int | None = None,
        strict: bool | None = None,
        options: CountOptions | None = None,
        correction: Correction | None = None,
    ) -> None:
        self.options = options or CountOptions()
        self._correction = correction
        with Package.open(DEFAULT_PACKAGE if package is None else package) as opened:
            self.manifest = opened.manifest
            # a tile that is too small is refused now, not when the first large photo comes
            room_between_halos(self.options.tile, self._halo(), self.manifest.input.multiple)
            self._size: tuple[int, int] | None = None  # of all that the engine takes, where it takes no other
            of_package = package is not None or not isinstance(backend, Backend)
            self._trust: TrustCalibration | None = read_trust(opened) if of_package else None
            if isinstance(backend, Backend):
                self._plan, self._backend = Plan((), ()), backend
                return
            request = Request(device, self._engine(backend), precision, self.options.variant, strict)
            machine = probe(quick=True)
            self._plan = plan(planned_variants(self.manifest), machine, request)
            given = None if self.options.plan is None else Path(self.options.plan)
            load = LoadOptions(threads, cache_folder(), machine.warnings, self.options.max_in_flight, given)
            self._backend = open_backend(self._plan, opened, load)
            self._size = self.manifest.variant(self._backend.info().variant).size

    def count(self, photo: Photo, correction: Correction | None = None) -> CountResult:
        """People in one photo: a path, the bytes of an image file, or a uint8 array (h, w, 3) BGR.

        correction: of the camera that took it; the counter's own if absent.

        Raises InputError for what is no photo, InferenceError when the engine fails or this counter is closed.
        """
        return self._counted(_decoded(photo), correction)

    def count_many(self, photos: Iterable[Photo]) -> Iterator[CountResult | InputError]:
        """The results of many photos as they come, in their order; in place of a bad photo's, its error.

        Photos are decoded while others are counted, and taken from `photos` no more than a few ahead
        (`options.max_in_flight`, twice). Raises InferenceError when the engine fails or this counter is closed.
        """
        return in_order(photos, _decoded_or_error, self._counted_or_error, self.options.max_in_flight)

    def _counted_or_error(self, decoded: Decoded | InputError) -> CountResult | InputError:
        return decoded if isinstance(decoded, InputError) else self._counted(decoded)

    def _counted(self, decoded: Decoded, correction: Correction | None = None) -> CountResult:
        watch, image = Stopwatch(), decoded.image
        fix = correction or self._correction
        asked = rescale(image, 1.0 if fix is None else fix.scale)
        frame = shrink(asked.image, self.options.max_side)
        density, tiles = self.density(frame.image)
        if fix is not None:
            density = density * np.float32(fix.factor)
        engine_ms = watch.lap_ms()
        trust, look = self._trust, look_at(image)
        state = state_of(look, None if trust is None else trust.likeness)
        timings = Timings(decoded.ms, engine_ms, decoded.ms + engine_ms + watch.lap_ms())
        return CountResult(
            count=float(density.sum(dtype=np.float64)),
            density=density,
            stride=self.manifest.output.stride,
            scale=asked.scale * frame.scale,
            tiles=tiles,
            backend=self._backend.info(),
            timings=timings,
            warnings=(*self._warnings(image, frame.image, frame.scale), *self._doubts(image, fix)),
            photo=image,
            state=state.name,
            reasons=state.reasons,
            intervals=None if trust is None else trust.intervals,
            look=look,
            correction=fix,
        )

    def count_batch(self, photos: Iterable[Photo]) -> list[CountResult]:
        """The results of many photos, in their order; the first bad photo raises, and Ctrl-C does.

        Where those that are done must not be lost by that, take them one by one from `count_many`.
        """
        if isinstance(photos, (str, bytes, os.PathLike)):
            raise InputError("count_batch takes many photos, and this is one", hint="pass a list, or call count")
        return list(in_order(photos, _decoded, self._counted, self.options.max_in_flight))

    def stream(
        self,
        source: str | os.PathLike[str],
        *,
        every: float | None = None,
        policy: str = "auto",
        limits: StreamLimits | None = None,
        stable: Stable | None = None,
    ) -> Stream:
        """Results of a camera, video, folder or pipe, one after the other; iterate over it in a `with`.

        source: `rtsp://`, `http://`, `/dev/video0`, `csi://0`, `raw://1920x1080` (stdin), a video file or a folder.
        every: seconds between counted frames. policy: "latest" drops the oldest frames when the engine is late, "all"
        none; "auto" is latest for cameras. stable: when more frames may be left out, because counts hardly change.
        Raises ConfigError, InputError; later failures are results.
        """
        from sdk.streams import Feed, Sampling, Stream, StreamLimits, read_source

        return Stream(self.count, Feed(read_source(source), Sampling(every, policy, stable), limits or StreamLimits()))

    def density(self, image: Image) -> tuple[NDArray[np.float32], int]:
        """People per cell of a frame (h, w, 3) uint8 BGR at its own size, and in how many tiles it was run.

        Where the engine lacks memory it is tried once more in tiles of half the size, to the same count.
        """
        side = min(self.options.tile, self.manifest.input.max_side or self.options.tile)
        pieces = Pieces(side, self._halo(), self.manifest.input.multiple, self.manifest.output.stride, self._size)
        try:
            return whole_density(self._backend.run, image, pieces)
        except OutOfMemory as error:
            if (smaller := pieces.halved(*image.shape[:2])) is None:
                raise
            log.warning("%s; trying tiles of %d pixels", error.message, smaller.side)
            return whole_density(self._backend.run, image, smaller)

    def info(self) -> BackendInfo:
        """What really loaded: engine, device, precision, threads, and notes on fallbacks."""
        return self._backend.info()

    def explain(self) -> Plan:
        """Which variants could run here, best first, and why the others will not; empty for a backend of your own."""
        return self._plan

    def close(self) -> None:
        """Let go of the engine; a second call does nothing."""
        self._backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _engine(self, backend: str) -> str:
        """The backend of the request; an engine that is given runs on TensorRT, and on nothing else."""
        if self.options.plan is None:
            return backend
        if backend not in ("auto", *ENGINES_WITH_PLANS):
            message = f"plan is an engine of TensorRT, and backend {backend} is asked for"
            raise ConfigError(message, hint=f"ask for backend {' or '.join(ENGINES_WITH_PLANS)}, or leave plan out")
        return ENGINES_WITH_PLANS[0] if backend == "auto" else backend

    def _halo(self) -> int:
        """Pixels around a tile that its counts depend on, rounded up to the model's multiple."""
        multiple = self.manifest.input.multiple
        return -(-self.manifest.receptive_halo // multiple) * multiple

    def _doubts(self, image: Image, fix: Correction | None) -> tuple[str, ...]:
        model = f"{self.manifest.name} {self.manifest.version}"
        return () if fix is None else fix.doubts(model, (image.shape[0], image.shape[1]))

    def _warnings(self, image: Image, frame: Image, shrunk: float) -> tuple[str, ...]:
        height, width = image.shape[:2]
        notes = list(self._backend.info().notes)
        if min(height, width) < SMALLEST_SIDE:
            notes.append(f"the photo is {width} x {height} pixels; below {SMALLEST_SIDE} counts mean little")
        if self._size is not None and (frame.shape[0] < self._size[0] or frame.shape[1] < self._size[1]):
            notes.append(PADDED.format(*self._size))
        if shrunk != 1.0:
            notes.append(f"the photo was shrunk by {shrunk:.3f} (max_side), which changes counts")
        return tuple(notes)


@dataclass(frozen=True, eq=False)
class Decoded:
    """A photo as pixels."""

    image: Image
    ms: float  # that decoding took; 0 for an array


def _decoded(photo: Photo) -> Decoded:
    watch = Stopwatch()
    image = decode(photo)
    return Decoded(image, 0.0 if isinstance(photo, np.ndarray) else watch.lap_ms())


def _decoded_or_error(photo: Photo) -> Decoded | InputError:
    try:
        return _decoded(photo)
    except InputError as error:
        return error


def open_backend(chosen: Plan, package: Package, options: LoadOptions) -> Backend:
    """The best planned backend that loads."""
    backend, _ = open_first(chosen, lambda variant: package.read(variant.id), options)
    return backend
