"""OpenVINO on a CPU, an Intel GPU or an Intel NPU: reads the package's model.xml and model.bin."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any, final

import numpy as np

from runtimes.base import Backend, BackendInfo, Batch, Grid, LoadOptions, Output, first_line
from runtimes.checks import agree, check_contract, import_engine, read_file, stored_notes
from runtimes.cpu import cores
from runtimes.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runtimes.plan import Candidate

HINTS = {"fp32": "f32", "fp16": "f16", "int8": "f32"}  # arithmetic; of int8, that of what is not quantised


@final
class OpenVinoBackend(Backend):
    """A model compiled for one device, in the precision that was planned and no other."""

    def __init__(self, candidate: Candidate, files: Mapping[str, bytes], options: LoadOptions) -> None:
        engine = import_engine("openvino")
        model = [read_file(files, name, candidate.variant.id) for name in ("model.xml", "model.bin")]
        core, options = engine.Core(), _with_usable_cache(options)
        compiled = _compile(core, model, candidate, options)
        check_contract(candidate, _names(compiled.inputs), _names(compiled.outputs))
        info = _info(core, compiled, candidate, options)
        self._request = compiled.create_infer_request()
        super().__init__(info, Grid(candidate.variant.stride, candidate.variant.multiple))

    def _infer(self, batch: Batch) -> Output:
        self._request.infer({"image": batch}, share_inputs=True)
        # the request owns these arrays and writes to them again
        return Output(*(np.array(self._request.get_tensor(name).data) for name in ("density", "count")))

    def _release(self) -> None:
        self._request = None


def _with_usable_cache(options: LoadOptions) -> LoadOptions:
    """The same without a cache where its folder cannot be written to: a slower start, and a note, but no failure."""
    if options.cache_dir is None:
        return options
    try:
        options.cache_dir.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=options.cache_dir).close()
    except OSError as error:
        note = f"compiled models are not cached: {error}"
        return replace(options, cache_dir=None, notes=(*options.notes, note))
    return options


def device_name(device: str) -> str:
    """What OpenVINO calls a device of a plan: intel:gpu.1 is GPU.1."""
    return device.removeprefix("intel:").upper()


def _compile(core: Any, model: list[bytes], candidate: Candidate, options: LoadOptions) -> Any:
    try:
        read = core.read_model(*model)
        return core.compile_model(read, device_name(candidate.device), _settings(model, candidate, options))
    except Exception as error:
        message = f"openvino cannot load variant {candidate.variant.id} on {candidate.device}: {first_line(error)}"
        hint = "check the package and the devices with skt-doctor"
        raise BackendError(message, hint=hint, variant=candidate.variant.id, device=candidate.device) from error


def _settings(model: list[bytes], candidate: Candidate, options: LoadOptions) -> dict[str, object]:
    """Each one said: left to itself, OpenVINO takes bf16 for fp32 on many CPUs, and f16 on arm64 and on GPUs."""
    settings: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY"}
    if candidate.device != "intel:npu":
        settings["INFERENCE_PRECISION_HINT"] = HINTS[candidate.precision]
    if candidate.device == "cpu":
        settings["INFERENCE_NUM_THREADS"] = options.threads or cores()
    if options.cache_dir is not None:
        # a folder a model: a compiled model can then never be taken for one with other weights
        digest = hashlib.sha256(b"".join(model)).hexdigest()
        settings["CACHE_DIR"] = str(options.cache_dir / f"openvino-{digest[:16]}")
    return settings


def _info(core: Any, compiled: Any, candidate: Candidate, options: LoadOptions) -> BackendInfo:
    """What the compiled model says that it is, after a comparison with the plan."""
    name = device_name(candidate.device)
    loaded = list(compiled.get_property("EXECUTION_DEVICES"))
    if not all(_same_device(name, device) for device in loaded):
        agree("device", name, ", ".join(loaded), candidate)
    if name != "NPU":  # which takes no such hint
        agree("precision", HINTS[candidate.precision], _type_name(compiled, "INFERENCE_PRECISION_HINT"), candidate)
    return BackendInfo(
        engine="openvino",
        engine_version=core.get_versions(name)[name].build_number.split("-")[0],
        device=candidate.device,
        device_name=str(core.get_property(name, "FULL_DEVICE_NAME")).strip(),
        precision=candidate.precision,
        threads=int(compiled.get_property("INFERENCE_NUM_THREADS")) if name == "CPU" else None,
        variant=candidate.variant.id,
        cache_hit=bool(compiled.get_property("LOADED_FROM_CACHE")) if options.cache_dir else None,
        notes=(*options.notes, *stored_notes(candidate)),
    )


def _names(ports: Any) -> list[str]:
    return [port.get_any_name() if port.names else "(no name)" for port in ports]


def _same_device(planned: str, loaded: str) -> bool:
    """OpenVINO calls its only GPU both GPU and GPU.0."""
    return loaded in (planned, f"{planned}.0") or planned == f"{loaded}.0"


def _type_name(compiled: Any, setting: str) -> str:
    return str(compiled.get_property(setting).get_type_name())
