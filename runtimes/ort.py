"""ONNX Runtime on the CPU: reads the package's model.onnx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np

from runtimes.base import Backend, BackendInfo, Batch, LoadOptions, Output, first_line
from runtimes.checks import agree, check_contract, import_engine, read_file, stored_notes
from runtimes.cpu import cores, cpu_name
from runtimes.errors import BackendError
from runtimes.int8 import checked, onnxruntime_running, onnxruntime_stored, optimised_graph

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runtimes.plan import Candidate

ROUNDS_FLOAT_WEIGHTS = "WeightBiasQuantization"  # puts layers in 8 bits that the model keeps in float for its counts
PROVIDERS = {"cpu": "CPUExecutionProvider"}  # device: what ONNX Runtime calls it


@final
class OrtBackend(Backend):
    """A session of ONNX Runtime with the one provider that was planned; it never takes another silently."""

    def __init__(self, candidate: Candidate, files: Mapping[str, bytes], options: LoadOptions) -> None:
        ort = import_engine("onnxruntime")
        model = read_file(files, "model.onnx", candidate.variant.id)
        self._session, int8 = _session(ort, model, candidate, options)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        check_contract(candidate, [put.name for put in inputs], [put.name for put in outputs])
        info = _info(ort, self._session, candidate, options, int8)
        super().__init__(info, candidate.variant.grid)

    def _infer(self, batch: Batch) -> Output:
        density, count = self._session.run(["density", "count"], {"image": batch})
        return Output(np.asarray(density), np.asarray(count))

    def _release(self) -> None:
        self._session = None


def _session(ort: Any, model: bytes, candidate: Candidate, options: LoadOptions) -> tuple[Any, tuple[int, int] | None]:
    """A session, and of an int8 variant its convolutions that run in 8 bits, and those that are stored so."""
    settings = _settings(ort, options)
    if candidate.precision != "int8":
        return _opened(ort, model, settings, candidate), None
    with optimised_graph(settings, candidate) as path:
        session = _opened(ort, model, settings, candidate)
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


def _opened(ort: Any, model: bytes, settings: Any, candidate: Candidate) -> Any:
    try:
        return ort.InferenceSession(
            model, settings, providers=[_provider(candidate)], disabled_optimizers=[ROUNDS_FLOAT_WEIGHTS]
        )
    except Exception as error:
        message = f"onnxruntime cannot load variant {candidate.variant.id}: {first_line(error)}"
        hint = "check the package with skt-doctor, or update onnxruntime"
        raise BackendError(message, hint=hint, variant=candidate.variant.id) from error


def _provider(candidate: Candidate) -> str:
    if candidate.device not in PROVIDERS:
        message = f"onnxruntime runs on {', '.join(PROVIDERS)} in this release, not on {candidate.device}"
        raise BackendError(message, hint="ask for device cpu or auto", device=candidate.device)
    return PROVIDERS[candidate.device]


def _info(
    ort: Any, session: Any, candidate: Candidate, options: LoadOptions, int8: tuple[int, int] | None
) -> BackendInfo:
    """What the session says that it is, after a comparison with the plan."""
    agree("provider", _provider(candidate), session.get_providers()[0], candidate)
    lanes = min(options.in_flight, options.threads or cores())  # callers at once, each on a thread of its own
    threads = session.get_session_options().intra_op_num_threads
    agree("number of threads", _pool(options), threads, candidate)
    return BackendInfo(
        engine="onnxruntime",
        engine_version=ort.__version__,
        device=candidate.device,
        device_name=cpu_name(),
        precision=candidate.precision,
        threads=threads + lanes - 1,
        variant=candidate.variant.id,
        int8=int8,
        notes=(*options.notes, *stored_notes(candidate)),
        in_flight=lanes,
    )
