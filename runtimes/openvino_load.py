"""From the bytes of model.xml and model.bin to a compiled model of OpenVINO, or from one that was kept."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtimes.base import LoadOptions, first_line
from runtimes.blobs import Blob, BlobDamaged, read_blob, write_blob
from runtimes.cpu import cores, cpu_flags
from runtimes.errors import BackendError
from runtimes.int8 import openvino_stored

if TYPE_CHECKING:
    from runtimes.plan import Candidate

HINTS = {
    "fp32": "f32",
    "bf16": "bf16",
    "fp16": "f16",
    "int8": "f32",
}  # arithmetic; of int8, that of what is not quantised

# Layers prepared for the last sizes of photos that the CPU keeps: some five sizes of a network of 40. By itself it
# keeps 5000, and photos of ever new sizes then take 3 MB more each, up to several hundred.
PREPARED = 200

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """A compiled model, and how it came about."""

    compiled: Any
    stored_int8: int  # convolutions that are stored in 8 bits
    cache_hit: bool | None  # None: nothing is cached
    notes: tuple[str, ...]


def load_compiled(core: Any, model: list[bytes], candidate: Candidate, options: LoadOptions) -> Loaded:
    """The kept model, if it is whole; else compiled now, and kept. A cache that fails is a note, never an error."""
    settings = _settings(candidate, options)
    if options.cache_dir is None:
        return Loaded(*_compile(core, model, candidate, settings), None, options.notes)
    path = options.cache_dir / f"openvino-{_key(core, model, candidate, settings)}.blob"
    blob, options = _kept(path, candidate, options)
    if blob is not None and (compiled := _imported(core, blob, candidate, settings)) is not None:
        return Loaded(compiled, blob.stored_int8, cache_hit=True, notes=options.notes)
    compiled, stored = _compile(core, model, candidate, settings)
    failed = _keep(path, compiled, stored)
    return Loaded(compiled, stored, None if failed else False, (*options.notes, *failed))


def device_name(device: str) -> str:
    """What OpenVINO calls a device of a plan: intel:gpu.1 is GPU.1."""
    return device.removeprefix("intel:").upper()


def _settings(candidate: Candidate, options: LoadOptions) -> dict[str, object]:
    """Each one said: left to itself, OpenVINO takes bf16 for fp32 on many CPUs, and f16 on arm64 and on GPUs."""
    settings: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY"}
    if candidate.device != "intel:npu":
        settings["INFERENCE_PRECISION_HINT"] = HINTS[candidate.precision]
    if candidate.device == "cpu":
        threads = options.threads or cores()
        settings["INFERENCE_NUM_THREADS"] = threads
        settings["CPU_RUNTIME_CACHE_CAPACITY"] = PREPARED
        if options.in_flight > 1:
            settings["NUM_STREAMS"] = min(options.in_flight, threads)
    return settings


def _compile(core: Any, model: list[bytes], candidate: Candidate, settings: dict[str, object]) -> tuple[Any, int]:
    """The compiled model, and how many of its convolutions are stored in 8 bits."""
    try:
        read = core.read_model(*model)
        stored = openvino_stored(read) if candidate.precision == "int8" else 0
        return core.compile_model(read, device_name(candidate.device), settings), stored
    except Exception as error:
        message = f"openvino cannot load variant {candidate.variant.id} on {candidate.device}: {first_line(error)}"
        hint = "check the package and the devices with skt-doctor"
        raise BackendError(message, hint=hint, variant=candidate.variant.id, device=candidate.device) from error


def _key(core: Any, model: list[bytes], candidate: Candidate, settings: dict[str, object]) -> str:
    """Of the model, the engine, the device and the settings: what was kept for others is never looked at."""
    name = device_name(candidate.device)
    try:
        about = [core.get_versions(name)[name].build_number, core.get_property(name, "FULL_DEVICE_NAME")]
    except Exception:  # noqa: BLE001 - a device that is not there is told when the model is compiled
        about = []
    weighed = json.dumps([about, name, settings, list(cpu_flags())]).encode()
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in (*model, weighed))).hexdigest()[:32]


def _kept(path: Path, candidate: Candidate, options: LoadOptions) -> tuple[Blob | None, LoadOptions]:
    """The blob of that name; one that is damaged is left for the new one to replace, and said."""
    try:
        return read_blob(path), options
    except BlobDamaged as error:
        note = f"the compiled {candidate.variant.id} in the cache {error}; it is compiled again"
        log.warning("%s: %s", path, note)
        return None, replace(options, notes=(*options.notes, note))


def _imported(core: Any, blob: Blob, candidate: Candidate, settings: dict[str, object]) -> Any | None:
    """The kept model; None where the engine does not take it, after a change of drivers for instance."""
    try:
        return core.import_model(blob.data, device_name(candidate.device), settings)
    except Exception as error:  # noqa: BLE001 - engines raise what they like, and compiling is the answer to all of it
        log.info("openvino does not take what it compiled before: %s", first_line(error))
        return None


def _keep(path: Path, compiled: Any, stored_int8: int) -> tuple[str, ...]:
    """Keep a compiled model for the next start; a note where that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_blob(path, Blob(compiled.export_model().getvalue(), stored_int8))
    except Exception as error:  # noqa: BLE001 - a full disk, or a device that cannot export
        return (f"compiled models are not cached: {first_line(error)}",)
    return ()
