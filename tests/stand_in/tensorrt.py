"""In the place of TensorRT where there is none: the names that our code uses, and what they do, on a GPU of C.

A plan is its source and its profiles; ONNX Runtime runs it on the memory of the driver in tests.compiled. It shows what
our code does, and nothing about TensorRT. Every name in it is in NVIDIA's bindings: test_tensorrt_bindings looks.
"""

from __future__ import annotations

import ctypes
import enum
import json
import os
import signal
from typing import Any

import numpy as np
import onnxruntime

__version__ = "10.3.0"
WORK = ctypes.CFUNCTYPE(None)
OUTPUTS = ("density", "count")


def _fails(what: str) -> bool:
    """Whether a test wants this to fail."""
    return os.environ.get("STAND_IN_FAILS") == what


class ILogger:
    class Severity(enum.IntEnum):
        INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)

    INTERNAL_ERROR, ERROR, WARNING = Severity.INTERNAL_ERROR, Severity.ERROR, Severity.WARNING

    def log(self, severity: Severity, msg: str) -> None:
        pass


class Logger(ILogger):
    def __init__(self, min_severity: ILogger.Severity) -> None:
        pass


class IProgressMonitor:
    def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
        pass

    def step_complete(self, phase_name: str, step: int) -> bool:
        return True

    def phase_finish(self, phase_name: str) -> None:
        pass


class MemoryPoolType(enum.Enum):
    WORKSPACE = 0


class BuilderFlag(enum.Enum):
    TF32 = 0


class NetworkDefinitionCreationFlag(enum.IntEnum):
    STRONGLY_TYPED = 1


class TensorIOMode(enum.Enum):
    NONE, INPUT, OUTPUT = range(3)


class INetworkDefinition:
    num_layers = 7

    def __init__(self, flags: int) -> None:
        assert flags == 1 << NetworkDefinitionCreationFlag.STRONGLY_TYPED
        self._source = b""


class OnnxParser:
    num_errors = 0

    def __init__(self, network: INetworkDefinition, logger: ILogger) -> None:
        self._network, self._logger = network, logger

    def parse(self, model: bytes) -> bool:
        self._network._source = model
        try:
            _session(model)
        except Exception as error:
            self._logger.log(ILogger.ERROR, str(error))
            return False
        return True


class ITimingCache:
    def serialize(self) -> bytes:
        return b"timings"


class IOptimizationProfile:
    def __init__(self) -> None:
        self._shapes: list[tuple[int, ...]] = []

    def set_shape(self, input: str, min: tuple[int, ...], opt: tuple[int, ...], max: tuple[int, ...]) -> None:
        assert input == "image"
        self._shapes = [min, opt, max]


class IBuilderConfig:
    progress_monitor: IProgressMonitor

    def __init__(self) -> None:
        self._profiles: list[Any] = []

    def set_memory_pool_limit(self, pool: MemoryPoolType, pool_size: int) -> None:
        assert pool_size > 0

    def clear_flag(self, flag: BuilderFlag) -> None:
        pass

    def add_optimization_profile(self, profile: IOptimizationProfile) -> int:
        self._profiles.append(profile._shapes)
        return len(self._profiles) - 1

    def create_timing_cache(self, serialized_timing_cache: bytes) -> ITimingCache:
        return ITimingCache()

    def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> bool:
        return True


class Builder:
    num_DLA_cores = 0

    def __init__(self, logger: ILogger) -> None:
        pass

    def create_network(self, flags: int) -> INetworkDefinition:
        return INetworkDefinition(flags)

    def create_builder_config(self) -> IBuilderConfig:
        return IBuilderConfig()

    def create_optimization_profile(self) -> IOptimizationProfile:
        return IOptimizationProfile()

    def build_serialized_network(self, network: INetworkDefinition, config: IBuilderConfig) -> bytes:
        config.progress_monitor.phase_start("Building", None, 1)
        config.progress_monitor.phase_finish("Building")
        return json.dumps(config._profiles).encode() + b"\n" + network._source


class Runtime:
    def __init__(self, logger: ILogger) -> None:
        self._logger = logger

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> ICudaEngine | None:
        head, _, source = serialized_engine.partition(b"\n")
        if head == b"crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if head.startswith(b"of another version"):
            self._logger.log(ILogger.ERROR, "the engine plan file is not compatible")
            return None
        engine = ICudaEngine(json.loads(head), source)
        engine._logger = self._logger
        return engine


class ICudaEngine:
    num_io_tensors = 3
    _logger: ILogger

    def __init__(self, profiles: list[list[list[int]]], source: bytes) -> None:
        self._profiles, self._session = profiles, _session(source)
        self.num_optimization_profiles = len(profiles)

    def get_tensor_name(self, index: int) -> str:
        return ("picture" if _fails("names") else "image", *OUTPUTS)[index]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        if _fails("bindings"):
            raise TypeError("incompatible function arguments")
        return TensorIOMode.OUTPUT if name in OUTPUTS else TensorIOMode.INPUT

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[list[int]]:
        assert name == "image"
        return self._profiles[profile_index]

    def create_execution_context(self) -> IExecutionContext | None:
        if _fails("context"):
            self._logger.log(ILogger.ERROR, "out of memory")
            return None
        return IExecutionContext(self)


class IExecutionContext:
    def __init__(self, engine: ICudaEngine) -> None:
        self._engine, self._profile = engine, 0
        self._shape: tuple[int, ...] = ()
        self._addresses: dict[str, int] = {}
        self._works: list[Any] = []  # what the driver may do again later

    def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> bool:
        assert stream_handle
        self._profile, self._shape = profile_index, ()
        return True

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        least, _, most = self._engine._profiles[self._profile]
        fits = all(low <= side <= high for low, side, high in zip(least, shape, most, strict=True))
        self._shape = shape if fits and not _fails("shape") else ()
        return bool(self._shape)

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        n, height, width, _ = self._shape
        return (n, height // 8, width // 8) if name == "density" else (n,)

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        if not self._shape or len(self._addresses) < 3 or _fails("execute"):
            self._engine._logger.log(ILogger.ERROR, "a kernel failed")
            return False
        self._works.append(WORK(self._compute))
        ctypes.CDLL("libcuda.so.1").standInDo(self._works[-1])
        return True

    def _compute(self) -> None:
        image = _array(self._addresses["image"], ctypes.c_uint8, self._shape)
        answers = self._engine._session.run(OUTPUTS, {"image": image})
        for name, answer in zip(OUTPUTS, answers, strict=True):
            _array(self._addresses[name], ctypes.c_float, answer.shape)[...] = answer


def _array(address: int, kind: Any, shape: tuple[int, ...]) -> np.ndarray:
    return np.ctypeslib.as_array((kind * int(np.prod(shape))).from_address(address)).reshape(shape)


def _session(source: bytes) -> onnxruntime.InferenceSession:
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level, settings.intra_op_num_threads = 3, 1
    return onnxruntime.InferenceSession(source, settings, providers=["CPUExecutionProvider"])
