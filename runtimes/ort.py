"""ONNX Runtime on a CPU, or on an NVIDIA GPU: reads the package's model.onnx."""

from __future__ import annotations

import contextlib
import sys
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, final

import numpy as np

from runtimes.base import Backend, BackendInfo, Batch, LoadOptions, Output, first_line
from runtimes.checks import agree, check_contract, import_engine, read_file, stored_notes
from runtimes.cpu import cores, cpu_name
from runtimes.cuda import cuda, gpu_number
from runtimes.errors import BackendError
from runtimes.int8 import checked, onnxruntime_running, onnxruntime_stored, optimised_graph
from runtimes.ort_cuda import INSTALL, TENSORRT, Bound, Provider, cuda_providers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runtimes.plan import Candidate

ROUNDS_FLOAT_WEIGHTS = "WeightBiasQuantization"  # puts layers in 8 bits that the model keeps in float for its counts


@final
class OrtBackend(Backend):
    """A session of ONNX Runtime with the one provider that was planned; it never takes another silently."""

    def __init__(self, candidate: Candidate, files: Mapping[str, bytes], options: LoadOptions) -> None:
        ort = import_engine("onnxruntime")
        model = read_file(files, "model.onnx", candidate.variant.id)
        providers = _providers(ort, candidate, options)
        self._session, int8 = _session(ort, model, candidate, options, providers)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        check_contract(candidate, [put.name for put in inputs], [put.name for put in outputs])
        agree("provider", providers[0][0], self._session.get_providers()[0], candidate)
        info = _info(ort, self._session, candidate, options, int8)
        self._idle: SimpleQueue[Bound] = SimpleQueue()  # places on a GPU that nobody is using
        if info.threads is None:
            device = ("cuda", gpu_number(candidate.engine, candidate.device))
            for _ in range(info.in_flight):
                self._idle.put(Bound(ort, self._session, device, 1 if providers[0][0] == TENSORRT else None))
        self._on_cpu = info.threads is not None
        super().__init__(info, candidate.variant.grid)

    def _infer(self, batch: Batch) -> Output:
        if self._on_cpu:
            density, count = self._session.run(["density", "count"], {"image": batch})
            return Output(np.asarray(density), np.asarray(count))
        place = self._idle.get()
        try:
            return place.run(batch)
        finally:
            self._idle.put(place)

    def _release(self) -> None:
        self._idle = SimpleQueue()
        self._session = None


def _providers(ort: Any, candidate: Candidate, options: LoadOptions) -> list[Provider]:
    if candidate.device == "cpu" and candidate.engine == "onnxruntime":
        return [("CPUExecutionProvider", {})]
    return cuda_providers(ort, candidate, options)


def _session(
    ort: Any, model: bytes, candidate: Candidate, options: LoadOptions, providers: list[Provider]
) -> tuple[Any, tuple[int, int] | None]:
    """A session, and of an int8 variant on a CPU its convolutions that run in 8 bits, and those that are stored so."""
    settings = _settings(ort, options)
    if candidate.device != "cpu":
        settings.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        return _opened(ort, model, settings, candidate, providers), None
    if candidate.precision != "int8":
        return _opened(ort, model, settings, candidate, providers), None
    with optimised_graph(settings, candidate) as path:
        session = _opened(ort, model, settings, candidate, providers)
        return session, checked(onnxruntime_stored(model), onnxruntime_running(path.read_bytes()), candidate)


def _settings(ort: Any, options: LoadOptions) -> Any:
    """Node after node, each on all threads, and word of errors only."""
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = _pool(options)
    settings.inter_op_num_threads = 1
    settings.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    settings.log_severity_level = 3
    return settings


def _pool(options: LoadOptions) -> int:
    """Threads of the session's pool, a caller counted in: with the other callers they are as many as was asked for."""
    return max(1, (options.threads or cores()) - options.in_flight + 1)


def _opened(ort: Any, model: bytes, settings: Any, candidate: Candidate, providers: list[Provider]) -> Any:
    """A session that falls back to nothing, neither now nor when a run fails."""
    words = {"providers": providers, "disabled_optimizers": [ROUNDS_FLOAT_WEIGHTS], "enable_fallback": 0}
    try:
        with contextlib.redirect_stdout(sys.stderr):  # where versions before 1.21 print that they fall back
            session = ort.InferenceSession(model, settings, **words)
    except Exception as error:
        message = f"onnxruntime cannot load variant {candidate.variant.id} on {candidate.device}: {first_line(error)}"
        on_cpu = candidate.device == "cpu"
        hint = "check the package with skt-doctor, or update onnxruntime" if on_cpu else INSTALL
        raise BackendError(message, hint=hint, variant=candidate.variant.id) from error
    session.disable_fallback()
    return session


def _info(
    ort: Any, session: Any, candidate: Candidate, options: LoadOptions, int8: tuple[int, int] | None
) -> BackendInfo:
    """What the session says that it is, after a comparison with the plan."""
    on_cpu = candidate.device == "cpu"
    lanes, threads = options.in_flight, None
    if on_cpu:
        lanes = min(options.in_flight, options.threads or cores())  # callers at once, each on a thread of its own
        pool = session.get_session_options().intra_op_num_threads
        agree("number of threads", _pool(options), pool, candidate)
        threads = pool + lanes - 1
    return BackendInfo(
        engine=candidate.engine,
        engine_version=ort.__version__,
        device=candidate.device,
        device_name=cpu_name() if on_cpu else cuda().gpus[gpu_number(candidate.engine, candidate.device)],
        precision=candidate.precision,
        threads=threads,
        variant=candidate.variant.id,
        int8=int8,
        notes=(*options.notes, *stored_notes(candidate)),
        in_flight=lanes,
    )
