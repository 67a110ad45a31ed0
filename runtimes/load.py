"""From a plan to a loaded model. Engines sit in a table and are imported when one is chosen."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from runtimes.base import Backend, LoadOptions
from runtimes.errors import BackendError, SktError
from runtimes.plan import matches
from runtimes.quarantine import guarded
from runtimes.tables import AUTO, READS

if TYPE_CHECKING:
    from runtimes.plan import Candidate, Plan, Variant

BACKENDS = {
    "onnxruntime": "runtimes.ort:OrtBackend",
    "onnxruntime-tensorrt": "runtimes.ort:OrtBackend",
    "openvino": "runtimes.openvino:OpenVinoBackend",
    "tensorrt": "runtimes.tensorrt:TensorRtBackend",
    "tensorrt-rtx": "runtimes.tensorrt:TensorRtBackend",
    "torch": "runtimes.torch_gpu:TorchBackend",
}

Files = Mapping[str, bytes]  # by name in the variant's folder: model.onnx, or model.xml and model.bin

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attempt:
    """A candidate that failed to load, and the error."""

    candidate: Candidate
    error: SktError


def load(candidate: Candidate, files: Files, options: LoadOptions | None = None) -> Backend:
    """The candidate's model, loaded from the bytes of its files; what loaded is checked against the plan.

    What crashed a process in an earlier load is tried in another process first, and refused if that crashes.
    """
    options = options or LoadOptions()
    with guarded(candidate, files, options):
        return opened(candidate, files, options)


def opened(candidate: Candidate, files: Files, options: LoadOptions) -> Backend:
    """The same, come what may."""
    if candidate.engine not in BACKENDS:
        message = f"this release has no backend for {candidate.engine}; it has {', '.join(BACKENDS)}"
        raise BackendError(message, hint="ask for backend auto", engine=candidate.engine)
    module, name = BACKENDS[candidate.engine].split(":")
    backend: Callable[[Candidate, Files, LoadOptions], Backend] = getattr(importlib.import_module(module), name)
    return backend(candidate, files, options)


def open_first(
    chosen: Plan, files_for: Callable[[Variant], Files], options: LoadOptions | None = None
) -> tuple[Backend, tuple[Attempt, ...]]:
    """The best candidate that loads, and the failed attempts before it.

    Only a request that names nothing, or is not strict, goes on to the next candidate that fits it; each failure is
    then logged and stands in the notes of the backend's info. Any other request raises the first failure.
    """
    if not chosen.candidates:
        raise _nothing_to_try(chosen)
    attempts: list[Attempt] = []
    for candidate in chosen.candidates:
        try:
            return load(candidate, files_for(candidate.variant), _with_notes(options, attempts)), tuple(attempts)
        except BackendError as error:  # noqa: PERF203 - a load takes far longer than the try
            if chosen.request.one_try:
                raise
            log.warning("%s did not load: %s", candidate.label, error)
            attempts.append(Attempt(candidate, error))
    raise _all_failed(attempts) from attempts[-1].error


def _with_notes(options: LoadOptions | None, attempts: list[Attempt]) -> LoadOptions:
    options = options or LoadOptions()
    return replace(options, notes=(*options.notes, *map(_told, attempts)))


def _told(attempt: Attempt) -> str:
    return f"{attempt.candidate.label} did not load: {attempt.error.message}"


def _all_failed(attempts: list[Attempt]) -> BackendError:
    told = [_told(attempt) for attempt in attempts]
    return BackendError(f"no variant loads here: {'; '.join(told)}", hint="see skt-doctor", attempts=told)


def _nothing_to_try(chosen: Plan) -> BackendError:
    asked = chosen.request
    message = f"nothing here can run device {asked.device}, backend {asked.backend}, precision {asked.precision}"
    if asked.device != AUTO:
        found = sorted({item.device for item in chosen.discarded if item.device})
        message += f"; devices of this machine: {', '.join(found) or 'none'}"
    told = [f"{item.variant.id} on {item.engine} {item.device}: {item.reason}" for item in chosen.discarded]
    return BackendError(message, hint=_nearest_fix(chosen), discarded=told)


def _nearest_fix(chosen: Plan) -> str:
    """The reason and the fix for the engine that was asked for, or else for the first that reads its variant.

    Those on the device that was asked for come first.
    """
    asked = chosen.request
    fitting = [item for item in chosen.discarded if asked.backend in (AUTO, item.engine)]
    reading = [item for item in fitting if READS[item.engine] == item.variant.format] or fitting
    for item in sorted(reading, key=lambda item: not (item.device and matches(item.device, asked.device))):
        return f"{item.variant.id} on {item.engine}: {item.reason}; {item.fix}"
    return "see skt-doctor"
