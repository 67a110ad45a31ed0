"""OpenVINO on a CPU, an Intel GPU or an Intel NPU: reads the package's model.xml and model.bin."""

from __future__ import annotations

from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, final

import numpy as np

from runtimes.base import Backend, BackendInfo, Batch, LoadOptions, Output
from runtimes.checks import agree, check_contract, import_engine, read_file, stored_notes
from runtimes.int8 import Stored, checked, openvino_running
from runtimes.openvino_load import HINTS, Loaded, device_name, load_compiled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runtimes.plan import Candidate


@final
class OpenVinoBackend(Backend):
    """A model compiled for one device, in the precision that was planned and no other."""

    def __init__(self, candidate: Candidate, files: Mapping[str, bytes], options: LoadOptions) -> None:
        engine = import_engine("openvino")
        model = [read_file(files, name, candidate.variant.id) for name in ("model.xml", "model.bin")]
        core = engine.Core()
        loaded = load_compiled(core, model, candidate, options)
        check_contract(candidate, _names(loaded.compiled.inputs), _names(loaded.compiled.outputs))
        info = _info(core, loaded, candidate, options)
        self._idle: SimpleQueue[Any] = SimpleQueue()  # requests that nobody is using: as many as there are lanes
        for _ in range(info.in_flight):
            self._idle.put(loaded.compiled.create_infer_request())
        self._one_by_one = candidate.variant.size is not None
        super().__init__(info, candidate.variant.grid)

    def _infer(self, batch: Batch) -> Output:
        if not self._one_by_one:
            return self._infer_together(batch)
        outputs = [self._infer_together(batch[at : at + 1]) for at in range(len(batch))]
        return Output(*(np.concatenate(parts) for parts in zip(*((o.density, o.count) for o in outputs), strict=True)))

    def _infer_together(self, batch: Batch) -> Output:
        request = self._idle.get()
        try:
            request.infer({"image": batch}, share_inputs=True, share_outputs=True)
            # the request owns these arrays and writes to them again
            return Output(*(np.array(request.get_tensor(name).data) for name in ("density", "count")))
        finally:
            self._idle.put(request)

    def _release(self) -> None:
        self._idle = SimpleQueue()


def _info(core: Any, loaded: Loaded, candidate: Candidate, options: LoadOptions) -> BackendInfo:
    """What the compiled model says that it is, after a comparison with the plan."""
    name, compiled = device_name(candidate.device), loaded.compiled
    devices = list(compiled.get_property("EXECUTION_DEVICES"))
    if not all(_same_device(name, device) for device in devices):
        agree("device", name, ", ".join(devices), candidate)
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
        cache_hit=loaded.cache_hit,
        int8=_int8(loaded, candidate),
        notes=(*loaded.notes, *stored_notes(candidate)),
        in_flight=options.in_flight,
    )


def _int8(loaded: Loaded, candidate: Candidate) -> tuple[int, int] | None:
    """Convolutions that run in 8 bits and that are stored so; only the CPU's graph tells, in words that we know."""
    if candidate.precision != "int8" or candidate.device != "cpu":
        return None
    stored = Stored(loaded.stored_int8, expected=loaded.stored_int8)  # it gives floats from 8-bit arithmetic as well
    return checked(stored, openvino_running(loaded.compiled), candidate)


def _names(ports: Any) -> list[str]:
    return [port.get_any_name() if port.names else "(no name)" for port in ports]


def _same_device(planned: str, loaded: str) -> bool:
    """OpenVINO calls its only GPU both GPU and GPU.0."""
    return loaded in (planned, f"{planned}.0") or planned == f"{loaded}.0"


def _type_name(compiled: Any, setting: str) -> str:
    return str(compiled.get_property(setting).get_type_name())
