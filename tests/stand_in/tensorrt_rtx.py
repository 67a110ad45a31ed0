"""In the place of TensorRT-RTX where there is no GPU for it: what it has beside TensorRT's names."""

from __future__ import annotations

import enum

import tensorrt
from tensorrt import *  # noqa: F403

__version__ = "1.7.1.116"


class ComputeCapability(enum.Enum):
    SM80, SM86 = range(2)


class CudaGraphStrategy(enum.Enum):
    DISABLED, WHOLE_GRAPH_CAPTURE = range(2)


class INetworkDefinition(tensorrt.INetworkDefinition):
    pass


class IBuilderConfig(tensorrt.IBuilderConfig):
    num_compute_capabilities = 0

    def set_compute_capability(self, compute_capability: ComputeCapability, index: int) -> bool:
        return index < self.num_compute_capabilities


class Builder(tensorrt.Builder):
    def create_builder_config(self) -> IBuilderConfig:
        return IBuilderConfig()


class IRuntimeCache:
    def __init__(self) -> None:
        self._kernels = b""

    def deserialize(self, blob: bytes) -> bool:
        self._kernels = blob if blob.startswith(b"kernels") else b""
        return bool(self._kernels)

    def serialize(self) -> bytes:
        return self._kernels or b"kernels of this GPU"


class IRuntimeConfig:
    cuda_graph_strategy = CudaGraphStrategy.DISABLED

    def create_runtime_cache(self) -> IRuntimeCache:
        return IRuntimeCache()

    def set_runtime_cache(self, cache: IRuntimeCache) -> bool:
        self._cache = cache
        return True


class ICudaEngine(tensorrt.ICudaEngine):
    def create_runtime_config(self) -> IRuntimeConfig:
        return IRuntimeConfig()

    def create_execution_context(self, runtime_config: IRuntimeConfig | None = None) -> tensorrt.IExecutionContext:
        assert runtime_config is None or runtime_config.cuda_graph_strategy == CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        return tensorrt.IExecutionContext(self)


class Runtime(tensorrt.Runtime):
    def deserialize_cuda_engine(self, serialized_engine: bytes) -> ICudaEngine | None:
        engine = super().deserialize_cuda_engine(serialized_engine)
        if engine is None:
            return None
        own = ICudaEngine(engine._profiles, serialized_engine.partition(b"\n")[2])
        own._logger = self._logger
        return own
