"""TensorRT-RTX: plans for GPUs that are not in this machine, built without one. It takes the same sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from exporters.engine_build import BuiltPlan, build_plan
from exporters.engine_options import EngineOptions
from sdk.errors import ConfigError


def build_rtx_plan(rtx: Any, source: bytes, options: EngineOptions, targets: Sequence[str]) -> BuiltPlan:
    """A plan of module `tensorrt_rtx` for these compute capabilities, such as 8.6; needs no GPU."""
    capabilities = [_capability(rtx, target) for target in targets]

    def aim(config: Any) -> None:
        config.num_compute_capabilities = len(capabilities)
        for at, capability in enumerate(capabilities):
            config.set_compute_capability(capability, at)

    return build_plan(rtx, source, options, prepare=aim)


def _capability(rtx: Any, target: str) -> Any:
    name = f"SM{target.replace('.', '')}"
    known = rtx.ComputeCapability.__members__
    if name not in known:
        told = ", ".join(sorted(known))
        raise ConfigError(f"TensorRT-RTX builds for no compute capability {target!r}", hint=f"known: {told}")
    return known[name]
