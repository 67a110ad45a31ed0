"""What TensorRT-RTX alone has: plans for GPUs that need not be here, and kernels that it compiles on the GPU.

Its plans are built in a second and hold no kernels of the GPU; those are compiled when a size is first run, and kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runtimes.errors import ConfigError
from runtimes.tensorrt_build import BuiltPlan, build_plan
from runtimes.tensorrt_options import EngineOptions


def build_rtx_plan(rtx: Any, source: bytes, options: EngineOptions, targets: Sequence[str]) -> BuiltPlan:
    """A plan of module `tensorrt_rtx` for these compute capabilities, such as 8.6; needs no GPU."""
    capabilities = [_capability(rtx, target) for target in targets]

    def aim(config: Any) -> None:
        config.num_compute_capabilities = len(capabilities)
        for at, capability in enumerate(capabilities):
            config.set_compute_capability(capability, at)

    return build_plan(rtx, source, options, prepare=aim)


class Kernels:
    """The kernels that an engine compiles on the GPU, shared by its contexts."""

    def __init__(self, engine: Any, kept: bytes = b"") -> None:
        self._engine = engine
        settings = engine.create_runtime_config()
        self._kernels = kernels = settings.create_runtime_cache()
        self.known = bool(kept) and bool(kernels.deserialize(kept))  # it refuses what another machine compiled

    def context(self, rtx: Any) -> Any:
        """An execution context that compiles into and takes from them, and records its launches by itself; or None."""
        engine, kernels = self._engine, self._kernels
        settings = engine.create_runtime_config()
        settings.set_runtime_cache(kernels)
        settings.cuda_graph_strategy = rtx.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        return engine.create_execution_context(settings)

    def data(self) -> bytes:
        """All of them, to keep."""
        kernels = self._kernels
        return bytes(kernels.serialize())


def _capability(rtx: Any, target: str) -> Any:
    name = f"SM{target.replace('.', '')}"
    known = rtx.ComputeCapability.__members__
    if name not in known:
        told = ", ".join(sorted(known))
        raise ConfigError(f"TensorRT-RTX builds for no compute capability {target!r}", hint=f"known: {told}")
    return known[name]
