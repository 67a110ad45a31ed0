"""The one seam between photos and engines: a uint8 batch in, density and count out."""

from __future__ import annotations

import abc
import functools
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from runtimes.errors import ConfigError, InferenceError, InputError, OutOfMemory, SktError
from runtimes.lanes import Lanes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

Batch = NDArray[np.uint8]
Floats = NDArray[np.float32]

NO_MEMORY = (  # in the words of engines
    "out of memory",
    "bad_alloc",
    "failed to allocate memory",
    "cuda_error_out_of_memory",
    "smaller than requested bytes",  # of ONNX Runtime's pool of GPU memory
)
SOURCE_LINES = ("Exception from ", "Check '", "While validating ")  # where in OpenVINO's sources, not what


@dataclass(frozen=True)
class Output:
    """What a model answers for a batch of n photos."""

    density: Floats  # (n, h/stride, w/stride) float32, people per cell
    count: Floats  # (n,) float32, people per photo


@dataclass(frozen=True)
class BackendInfo:
    """What really loaded, read back from the engine."""

    engine: str
    engine_version: str
    device: str  # as in a plan: cpu, intel:gpu, ...
    device_name: str  # what the maker calls it
    precision: str  # of the arithmetic: fp32, fp16, int8
    threads: int | None  # None: the device has no such setting
    variant: str  # id in the package
    cache_hit: bool | None = None  # None: nothing was cached or asked to be
    int8: tuple[int, int] | None = None  # convolutions that run in 8 bits, and that are stored so; None: not int8
    notes: tuple[str, ...] = ()  # what a user should know: fallbacks, stored against computed precision
    in_flight: int = 1  # batches that it works on at once, which share the threads


@dataclass(frozen=True)
class LoadOptions:
    """How to load a model, whichever engine it is."""

    threads: int | None = None  # None: every physical core that this process may use
    cache_dir: Path | None = None  # where an engine may keep compiled models; None: nowhere
    notes: tuple[str, ...] = ()  # what happened before this load; repeated in `BackendInfo.notes`
    in_flight: int = 1  # batches that callers may run at once, where the engine can; they share the threads
    plan: Path | None = None  # folder of an engine for TensorRT to use as it is; None: the cache's, or one built now

    def __post_init__(self) -> None:
        if self.threads is not None and self.threads < 1:
            message = f"threads must be 1 or more, not {self.threads}"
            raise ConfigError(message, hint="leave it out to use every physical core", threads=self.threads)
        if self.in_flight < 1:
            message = f"in_flight must be 1 or more, not {self.in_flight}"
            raise ConfigError(message, hint="1 gives each batch all threads", in_flight=self.in_flight)


@dataclass(frozen=True)
class Grid:
    """The sizes that a model takes and answers, in pixels."""

    stride: int = 8  # a density cell is stride x stride
    multiple: int = 16  # both sides of a batch are multiples of this
    size: tuple[int, int] | None = None  # height and width of all photos; None: any

    def shape(self, batch: Batch) -> tuple[int, int, int]:
        """The shape of the density of a batch: (n, h/stride, w/stride)."""
        return batch.shape[0], batch.shape[1] // self.stride, batch.shape[2] // self.stride


class Backend(abc.ABC):
    """A loaded model. Safe to share between threads, which take turns, as many at once as `info().in_flight` says;
    use it with `with`, or close it.

    A new engine adds `_infer`, and `_release` where it holds anything; all that callers rely on is here, once.
    """

    def __init__(self, info: BackendInfo, grid: Grid) -> None:
        self._info = info
        self._grid = grid
        self._lanes = Lanes(info.in_flight)
        self._process = os.getpid()

    @abc.abstractmethod
    def _infer(self, batch: Batch) -> Output:
        """The engine's own answer to a checked, contiguous batch of one photo or more.

        Up to `info().in_flight` threads call it at once.
        """

    def _release(self) -> None:  # noqa: B027 - most engines hold nothing but memory
        """Let go of what the engine holds."""

    @final
    def run(self, batch: Batch) -> Output:
        """(n, h, w, 3) uint8 BGR, both sides multiples of the model's, to density and count.

        A batch of no photos gets an output of none. Anything else than such a batch is an `InputError`.
        """
        check_batch(batch, self._grid)
        if os.getpid() != self._process:
            message = f"this {self._info.engine} backend was loaded before a fork, and engines do not survive one"
            raise InferenceError(message, hint="load the model in the new process", engine=self._info.engine)
        with self._lanes.turn() as entered:
            if not entered:
                message = f"this {self._info.engine} backend is closed"
                raise InferenceError(message, hint="load the model again, or close it later", engine=self._info.engine)
            return self._answer(batch) if len(batch) else _nothing(self._grid.shape(batch))

    @final
    def info(self) -> BackendInfo:
        """What really loaded; still readable after `close`."""
        return self._info

    @final
    def close(self) -> None:
        """Let go of the model, after the runs that other threads may be in. Closing twice is fine.

        After a fork nothing happens in the new process: the threads that it would wait for are not there.
        """
        if os.getpid() == self._process and self._lanes.close():
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self, batch: Batch) -> Output:
        try:
            output = self._infer(np.ascontiguousarray(batch))
        except SktError:
            raise
        except Exception as error:
            raise _failure(error, batch, self._info) from error
        _check_output(output, self._grid.shape(batch), self._info)
        return output


@final
class FakeBackend(Backend):
    """A backend that answers with a function: for tests and samples that need no engine.

    The function takes the batch (n, h, w, 3) uint8 and returns the density (n, h/stride, w/stride), people per cell.
    """

    def __init__(self, function: Callable[[Batch], Floats], *, stride: int = 8, multiple: int = 16) -> None:
        self._function = function
        info = BackendInfo("fake", "0", "cpu", "a Python function", "fp32", threads=None, variant="fake")
        super().__init__(info, Grid(stride, multiple))

    def _infer(self, batch: Batch) -> Output:
        density = np.asarray(self._function(batch), np.float32)
        return Output(density, density.sum(axis=(1, 2), dtype=np.float32))


def engine_call(backend: Backend, batch: Batch) -> Callable[[], Output]:
    """The engine's own answer to one batch and nothing around it: what a benchmark holds everything else against."""
    check_batch(batch, backend._grid)  # noqa: SLF001 - one module
    return functools.partial(backend._infer, np.ascontiguousarray(batch))  # noqa: SLF001


def check_batch(batch: object, grid: Grid) -> None:
    """Refuse anything but (n, h, w, 3) uint8 with positive sides on the grid."""
    if not isinstance(batch, np.ndarray) or batch.dtype != np.uint8 or batch.ndim != 4 or batch.shape[3] != 3:
        message = f"a batch must be uint8 (n, h, w, 3) BGR; this one is {_describe(batch)}"
        raise InputError(message, hint="decode photos with sdk.frame, which gives uint8 BGR", got=_describe(batch))
    height, width = batch.shape[1:3]
    if height % grid.multiple or width % grid.multiple or not height or not width:
        message = f"photo sides must be multiples of {grid.multiple} pixels; these are {height} high, {width} wide"
        hint = "pad with sdk.frame.pad_to_multiple"
        raise InputError(message, hint=hint, height=height, width=width, multiple=grid.multiple)
    if grid.size not in (None, (height, width)):
        message = f"this model takes photos {grid.size[0]} high, {grid.size[1]} wide; these are {height} and {width}"
        raise InputError(message, hint="CrowdCounter cuts and pads frames", height=height, width=width, size=grid.size)


def first_line(error: BaseException) -> str:
    """The first line that says something in an engine's message, or the kind of the error."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(SOURCE_LINES)]
    return next(iter(telling + lines), type(error).__name__)


def _failure(error: Exception, batch: Batch, info: BackendInfo) -> InferenceError:
    """What an engine raised, as ours; engines have no common word for a lack of memory but these."""
    about: dict[str, Any] = {"engine": info.engine, "variant": info.variant, "shape": batch.shape}
    told = " ".join(str(error).lower().split())
    if isinstance(error, MemoryError) or any(words in told for words in NO_MEMORY):
        message = f"{info.engine} has not enough memory for a batch {batch.shape}"
        return OutOfMemory(message, hint="count with a smaller tile, or fewer photos at once", **about)
    return InferenceError(f"{info.engine} failed on a batch {batch.shape}: {first_line(error)}", **about)


def _is(value: object, shape: tuple[int, ...]) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == np.float32 and value.shape == shape


def _describe(value: object) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"


def _nothing(shape: tuple[int, int, int]) -> Output:
    return Output(np.zeros(shape, np.float32), np.zeros(0, np.float32))


def _check_output(output: Output, shape: tuple[int, int, int], info: BackendInfo) -> None:
    """An answer of another shape or kind than promised, or with a number that is none, never reaches a user."""
    if not (_is(output.density, shape) and _is(output.count, shape[:1])):
        expected = f"float32 {shape} and float32 {shape[:1]}"
        answered = f"{_describe(output.density)} and {_describe(output.count)}"
        message = f"{info.engine} answered density and count of {answered}; expected {expected}"
        raise InferenceError(message, hint="export the model again", engine=info.engine, variant=info.variant)
    if not (np.isfinite(output.density).all() and np.isfinite(output.count).all()):
        message = f"{info.engine} answered with numbers that are not finite (variant {info.variant})"
        raise InferenceError(message, hint="use the fp32 variant", engine=info.engine, variant=info.variant)
