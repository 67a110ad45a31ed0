"""Where a backend's plan comes from: a folder that the user names, the user's cache, or a build that is then kept."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runtimes.errors import BackendError
from runtimes.tensorrt_build import BuiltPlan
from runtimes.tensorrt_store import (
    PlanDamaged,
    PlanKey,
    StoredPlan,
    add_notes,
    differences,
    forget,
    last_plan,
    read_folder,
    read_timings,
    replaced,
    write_plan,
    write_timings,
)
from runtimes.trial import crash_of

CHECKED = "counts_like_its_source"  # in a sidecar: that was seen on this device
TRIED = "loaded_in_a_child"  # in a sidecar: the plan did not crash the process that loaded it first
ELSEWHERE = "build it on this device with skt-export build-engine"

log = logging.getLogger(__name__)

Build = Callable[[bytes], BuiltPlan]  # takes a timing cache


@dataclass(frozen=True)
class Ready:
    """A plan, and how it came about."""

    data: bytes
    folder: Path | None  # where it is kept; None: nowhere
    cache_hit: bool | None  # None: nothing is cached
    notes: tuple[str, ...] = ()
    checked: bool = False  # whether it was seen to count like its source


def given_plan(folder: Path, key: PlanKey) -> Ready:
    """The plan in a folder that the user named, for this machine and source; else a BackendError says what differs."""
    try:
        stored, sidecar = read_folder(folder)
    except (OSError, PlanDamaged) as error:
        told = error.strerror if isinstance(error, OSError) else str(error)
        raise BackendError(f"there is no whole engine in {folder}: {told}", hint=ELSEWHERE) from error
    if differing := differences(sidecar, key):
        raise BackendError(f"the engine in {folder} was built for {'; '.join(differing)}", hint=ELSEWHERE)
    if why := _crash(stored, key):
        raise BackendError(f"the engine in {folder} crashes when it is loaded: a child {why}", hint=ELSEWHERE)
    return _found(stored)


def kept_plan(root: Path | None, key: PlanKey, build: Build) -> Ready:
    """The last plan of this source for this device and engine, or one that is built now and kept.

    One that is damaged, or crashes the child that loads it first, is built again; all that is told in the notes.
    """
    if root is None:
        return Ready(build(b"").data, None, None)
    notes: tuple[str, ...] = ()
    try:
        stored = last_plan(root, key)
    except PlanDamaged as error:
        forget(error.folder)
        stored, notes = None, (f"the kept engine was damaged and is built again: {error}",)
    if stored is not None and not (why := _crash(stored, key)):
        return _found(stored)
    if stored is not None:
        notes = (f"the kept engine crashes when it is loaded, and is built again: a child {why}",)
    return built_plan(root, key, build, notes)


def built_plan(root: Path, key: PlanKey, build: Build, notes: tuple[str, ...] = ()) -> Ready:
    """A plan that is built now, and kept where that is possible."""
    differing = replaced(root, key)
    if differing and not notes:
        notes = (f"the engine is built again: the last was built for {'; '.join(differing)}",)
    wait = "this takes minutes, once" if key.engine.startswith("tensorrt ") else "once"
    log.warning("building an engine of %s for %s: %s", key.engine, key.device.name, wait)
    built = build(read_timings(root, key))
    try:
        write_timings(root, key, built.timing_cache)
        stored = write_plan(root, key, built.data, {"warnings": list(built.warnings), "layers": built.layers})
    except OSError as error:
        failed = f"the engine could not be kept, and is built at each start: {error.strerror} ({root})"
        return Ready(built.data, None, None, (*notes, failed))
    if why := _crash(stored, key):
        forget(stored.path.parent)
        raise BackendError(f"{key.engine} crashes on the engine that it built: a child {why}", hint="see skt-doctor")
    return Ready(built.data, stored.path.parent, cache_hit=False, notes=notes)


def _found(stored: StoredPlan) -> Ready:
    return Ready(stored.data, stored.path.parent, cache_hit=True, checked=bool(stored.notes.get(CHECKED)))


def _crash(stored: StoredPlan, key: PlanKey) -> str:
    """How a child ended that loaded the plan, if that was a crash; a plan is tried once, and that is written down."""
    if stored.notes.get(TRIED):
        return ""
    name = key.engine.split()[0].replace("-", "_")
    why = crash_of([sys.executable, "-m", "runtimes.tensorrt_trial", name, str(stored.path), str(key.device.index)])
    if not why:
        with contextlib.suppress(OSError):  # a folder that cannot be written is tried again
            add_notes(stored.path.parent, {TRIED: True})
    return why
