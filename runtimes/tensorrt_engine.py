"""An engine of TensorRT from a plan: what it takes and answers, for which sizes, and places for callers at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runtimes.cuda_memory import Gpu
from runtimes.errors import BackendError
from runtimes.tensorrt_lane import Lane
from runtimes.tensorrt_listen import last_words, log_of
from runtimes.tensorrt_options import INPUT, Profile
from runtimes.tensorrt_rtx import Kernels


@dataclass(frozen=True, eq=False)
class Loaded:
    """An engine on a GPU."""

    trt: Any  # tensorrt or tensorrt_rtx
    runtime: Any  # which must live as long as its engine
    engine: Any
    errors: list[str]  # that TensorRT tells of, the last one last
    profiles: tuple[Profile, ...]
    kernels: Kernels | None  # of TensorRT-RTX


def load_engine(trt: Any, plan: bytes, kernels: bytes = b"") -> Loaded:
    """The engine of a plan, on the GPU that is current; a BackendError says what TensorRT has against it."""
    log = log_of(trt)
    runtime = trt.Runtime(log)
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        message = f"{trt.__name__} does not load the engine: {last_words(log.errors)}"
        raise BackendError(message, hint="update the driver, or build it on this device with skt-export build-engine")
    found = Kernels(engine, kernels) if trt.__name__ == "tensorrt_rtx" else None
    return Loaded(trt, runtime, engine, log.errors, profiles_of(engine), found)


def profiles_of(engine: Any) -> tuple[Profile, ...]:
    """The sizes that an engine was built for, as it tells itself."""
    count = engine.num_optimization_profiles
    return tuple(Profile(*map(_shape, engine.get_tensor_profile_shape(INPUT, at))) for at in range(count))


def tensors_of(loaded: Loaded) -> tuple[list[str], list[str]]:
    """Names of what an engine takes, and of what it answers."""
    trt, engine = loaded.trt, loaded.engine
    names = [engine.get_tensor_name(at) for at in range(engine.num_io_tensors)]
    inputs = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
    return inputs, [name for name in names if name not in inputs]


def lane_at(loaded: Loaded, gpu: Gpu) -> Lane:
    """A place for one caller; a BackendError where the GPU has no memory for it."""
    trt, engine = loaded.trt, loaded.engine
    with gpu.current():
        context = loaded.kernels.context(trt) if loaded.kernels else engine.create_execution_context()
    if context is None:
        message = f"{trt.__name__} makes no execution context: {last_words(loaded.errors)}"
        raise BackendError(message, hint="free memory on the GPU, or build the engine for smaller sizes")
    return Lane(context, gpu, loaded.profiles, loaded.errors, record=loaded.kernels is None)


def _shape(dims: Any) -> tuple[int, int, int, int]:
    n, height, width, channels = dims
    return int(n), int(height), int(width), int(channels)
