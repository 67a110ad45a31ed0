"""What crashes while it is loaded does so once: the next start tries it in a child, and sets it aside if that crashes.

A file a model, engine and version in the cache says how its last load ended. A process that dies within a load leaves
its file saying so. What is known to crash here and there is tried in a child before its first load. What was set aside
is refused until its file is removed, or the engine or the model is another.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from runtimes.cpu import cpu_flags
from runtimes.errors import BackendError
from runtimes.trial import crash_of_load

if TYPE_CHECKING:
    from runtimes.base import LoadOptions
    from runtimes.plan import Candidate

log = logging.getLogger(__name__)

FOLDER = "loads"  # in the cache
LOADING, LOADED, CRASHED = "loading", "loaded", "crashes: "


@contextmanager
def guarded(candidate: Candidate, files: Mapping[str, bytes], options: LoadOptions) -> Iterator[None]:
    """Around a load: refuses what crashes, with a BackendError; without a cache nothing is remembered."""
    path = None if options.cache_dir is None else options.cache_dir / FOLDER / f"{_key(candidate, files)}.txt"
    with _record(path) as record:
        told = _read(record)
        if told.startswith(CRASHED):
            raise _refusal(candidate, told.removeprefix(CRASHED), path)
        if told == LOADING:
            log.warning("a process ended while it loaded %s; it is tried in another one first", candidate.label)
        tried = told == LOADING or (told != LOADED and may_crash(candidate))
        if crash := crash_of_load(candidate, files, options) if tried else "":
            about = f"{candidate.label} {crash}"
            _write(record, f"{CRASHED}{about}")
            raise _refusal(candidate, about, path if record else None)
        _write(record, LOADING)
        try:
            yield
        finally:
            _write(record, LOADED)  # or failed, which is no crash


def set_aside(cache_dir: Path | None) -> list[str]:
    """What is refused because it crashed, a line each, with how to try it again."""
    paths = sorted((cache_dir / FOLDER).glob("*.txt")) if cache_dir else []
    told = [(path, path.read_text("utf-8", errors="replace")) for path in paths]
    return [_set_aside(text.removeprefix(CRASHED), path) for path, text in told if text.startswith(CRASHED)]


def may_crash(candidate: Candidate) -> bool:
    """Whether it is tried before its first load: it needs a GPU's or an NPU's driver, or is known to crash.

    OpenVINO is reported to crash (its issue 37577) in int8 with free photo sides on CPUs with AMX, on small photos, on
    some machines and not on others, which no check of versions can tell.
    """
    if candidate.engine != "openvino":
        return False
    free_int8 = candidate.precision == "int8" and candidate.variant.size is None
    return candidate.device != "cpu" or (free_int8 and "amx" in cpu_flags())


def _refusal(candidate: Candidate, about: str, path: Path | None) -> BackendError:
    message = f"{candidate.engine} crashes when it loads variant {candidate.variant.id} here: a trial of {about}"
    again = f"; to try it again, remove {path}" if path else ""
    hint = f"use another variant or engine, or update {candidate.engine}{again}"
    return BackendError(message, hint=hint, variant=candidate.variant.id, device=candidate.device)


def _set_aside(about: str, path: Path) -> str:
    return f"set aside, as a trial of {about}; to try it again, remove {path}"


def _key(candidate: Candidate, files: Mapping[str, bytes]) -> str:
    """Of the model, how it is to run, and the engine's version."""
    about = [candidate.engine, _version(candidate.engine), candidate.device, candidate.precision]
    parts = [word.encode() for word in about] + [files[name] for name in sorted(files)]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:32]


def _version(engine: str) -> str:
    for name in (engine, f"{engine}-gpu", engine.partition("-")[0], "onnxruntime-gpu"):
        with suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(name)
    return ""


@contextmanager
def _record(path: Path | None) -> Iterator[BinaryIO | None]:
    """The file, held so that its holder lives; None where it cannot be had, or is another's who loads the same now."""
    try:
        import fcntl
    except ImportError:  # Windows
        path = None
    if path is None:
        yield None
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b", buffering=0)
    except OSError:
        yield None
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = file
        except OSError:
            held = None
        yield held


def _read(record: BinaryIO | None) -> str:
    if record is None:
        return ""
    record.seek(0)
    return record.read().decode("utf-8", "replace")


def _write(record: BinaryIO | None, text: str) -> None:
    """A full disk is no reason not to load."""
    if record is not None:
        with suppress(OSError):
            record.truncate(0)
            record.write(text.encode())
