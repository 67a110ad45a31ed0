"""From a strongly typed ONNX source to a plan, through TensorRT's own parser and builder.

`trt` is the module: `tensorrt` 10.3 to 11.x, or `tensorrt_rtx`, which has the same builder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runtimes.errors import BackendError
from runtimes.tensorrt_device import numbers
from runtimes.tensorrt_listen import Bar, Phases, log_of, monitor_of, stoppable
from runtimes.tensorrt_options import INPUT, EngineOptions

ALWAYS_TYPED = 11  # from this TensorRT on every network is strongly typed, and the flag is deprecated
MIB = 2**20
OF_MEMORY = ("outofmemory", "out of memory", "workspace")  # in errors that memory is behind

Prepare = Callable[[Any], None]  # takes the builder's config
Draw = Callable[[int, str], Bar]  # a progress bar of so many steps, of that


@dataclass(frozen=True)
class BuiltPlan:
    """A plan for one kind of device, and what the builder said."""

    data: bytes
    timing_cache: bytes  # to build the like of it faster
    warnings: tuple[str, ...]
    layers: int
    on_dla: int  # layers that can run on the DLA core, where one was asked for


def build_plan(
    trt: Any,
    source: bytes,
    options: EngineOptions,
    timing_cache: bytes = b"",
    prepare: Prepare = lambda _: None,
    draw: Draw | None = None,
) -> BuiltPlan:
    """Parse the source and build its plan; raises BackendError with what TensorRT says against it.

    timing_cache: of an earlier build, or empty; prepare: further settings, as TensorRT-RTX wants for other machines;
    draw: shows how far it is.
    """
    log = log_of(trt)
    builder = trt.Builder(log)
    network = builder.create_network(_network_flags(trt))
    parse(trt, network, log, source)
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_mib * MIB)
    config.clear_flag(trt.BuilderFlag.TF32)  # fp32 is fp32
    _add_profiles(builder, config, options)
    on_dla = _use_dla(trt, builder, network, config, options.dla_core)
    cache = _use_timings(config, timing_cache)
    plan = _built(trt, builder, network, config, (prepare, Phases(draw)))
    if plan is None:
        raise _refusal("build the engine", log.errors)
    return BuiltPlan(bytes(plan), bytes(cache.serialize()), tuple(log.warnings), network.num_layers, on_dla)


def _built(trt: Any, builder: Any, network: Any, config: Any, steps: tuple[Prepare, Phases]) -> Any:
    """The serialised plan, or None where the builder gave up."""
    prepare, phases = steps
    with stoppable() as stop:
        prepare(config)
        config.progress_monitor = monitor_of(trt, phases, stop)
        plan = builder.build_serialized_network(network, config)
        phases.end()
    return plan


def parse(trt: Any, network: Any, log: Any, source: bytes) -> None:
    """Read the source into a network, or raise with every error of the parser."""
    parser = trt.OnnxParser(network, log)
    if parser.parse(source):
        return
    told = []
    for at in range(parser.num_errors):
        fault = parser.get_error(at)
        told.append(f"{fault.node_operator()} {fault.node_name()}: {fault.desc()}")
    raise _refusal("parse the source", told or log.errors)


def _network_flags(trt: Any) -> int:
    if numbers(trt.__version__)[0] >= ALWAYS_TYPED:
        return 0
    return 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)


def _add_profiles(builder: Any, config: Any, options: EngineOptions) -> None:
    for bucket in options.buckets:
        profile = builder.create_optimization_profile()
        profile.set_shape(INPUT, bucket.profile.least, bucket.profile.best, bucket.profile.most)
        if config.add_optimization_profile(profile) < 0:
            raise BackendError(f"TensorRT does not take the size {bucket.name}", hint="name another with --size")


def _use_dla(trt: Any, builder: Any, network: Any, config: Any, core: int | None) -> int:
    """Put what can run there on a DLA core, the rest on the GPU; the number of layers that can."""
    if core is None:
        return 0
    if not 0 <= core < builder.num_DLA_cores:
        message = f"DLA core {core} is asked for, and this device has {builder.num_DLA_cores}"
        raise BackendError(message, hint="leave --dla out to build for the GPU")
    config.default_device_type = trt.DeviceType.DLA
    config.DLA_core = core
    config.set_flag(trt.BuilderFlag.GPU_FALLBACK)
    able = sum(bool(config.can_run_on_DLA(network.get_layer(at))) for at in range(network.num_layers))
    if not able:
        raise BackendError("no layer of this source can run on a DLA core", hint="leave --dla out, or ask for fp16")
    return able


def _use_timings(config: Any, timing_cache: bytes) -> Any:
    """Let the builder start from timings of earlier builds; those that do not fit this device are not taken."""
    cache = config.create_timing_cache(timing_cache)
    if not config.set_timing_cache(cache, False):
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, False)
    return cache


def _refusal(what: str, told: list[str]) -> BackendError:
    lines = [" ".join(line.split()) for line in told]
    first = lines[0][:400] if lines else "it does not say why"
    hint = "run skt-export lint on the package, and export it again with this release"
    if any(word in line.lower() for line in lines for word in OF_MEMORY):
        hint = "raise --workspace, or name fewer or smaller sizes"
    return BackendError(f"TensorRT does not {what}: {first}", hint=hint, errors=lines[:20])
