"""Plans and timings of one user, in a folder each: rebuilt when anything changes that a plan depends on.

    engines/KEY/model.plan         raw, as trtexec and every other tool reads it
    engines/KEY/model.plan.json    what it was built from, for and with, and what was measured
    engines/timings-KEY.bin        TensorRT's timing cache of one GPU, driver and version

The sidecar is written last, so a plan without one, or with another sha256 than the one told, counts as not there.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from exporters.engine_device import Device
from exporters.engine_options import EngineOptions
from sdk.cache import cache_folder
from sdk.config import to_plain
from sdk.errors import BackendError
from sdk.files import write_whole

SCHEMA = "skt-plan/1"
PLAN, SIDECAR = "model.plan", "model.plan.json"
KEY_DIGITS = 24


@dataclass(frozen=True)
class PlanKey:
    """All that a plan depends on."""

    source: str  # sha256 of the ONNX file
    device: Device
    engine: str  # tensorrt 10.3.0
    options: EngineOptions

    @property
    def plain(self) -> dict[str, Any]:
        """As it stands in the sidecar; which of several equal GPUs it is does not matter."""
        device = {key: value for key, value in to_plain(self.device).items() if key != "index"}
        options = to_plain(self.options)
        return {"schema": SCHEMA, "source_sha256": self.source, **device, "engine": self.engine, "options": options}

    @property
    def digest(self) -> str:
        """The name of its folder."""
        return _digest(self.plain)

    @property
    def timings(self) -> str:
        """The name of the timing cache that it shares with other plans of the same device and version."""
        shared = {key: value for key, value in self.plain.items() if key not in ("source_sha256", "options")}
        return f"timings-{_digest(shared)}.bin"


@dataclass(frozen=True)
class StoredPlan:
    """A plan on disk."""

    path: Path  # of model.plan
    data: bytes
    notes: dict[str, Any] = field(default_factory=dict)  # beside the key: variant, package, warnings, measured

    @property
    def measured(self) -> dict[str, Any] | None:
        """What the device showed when it ran, where it did."""
        found = self.notes.get("measured")
        return found if isinstance(found, dict) else None


def engines_folder() -> Path:
    """Where this user's plans are."""
    folder = cache_folder()
    if folder is None:
        message = "there is no folder to keep engines in that can be written"
        raise BackendError(message, hint="set SKT_CACHE_DIR to a folder of yours")
    return folder / "engines"


def read_plan(root: Path, key: PlanKey) -> StoredPlan | None:
    """The plan of this key, where a whole one is there."""
    folder = root / key.digest
    try:
        sidecar = json.loads((folder / SIDECAR).read_bytes())
        data = (folder / PLAN).read_bytes()
    except (OSError, ValueError):
        return None
    if not isinstance(sidecar, dict) or any(sidecar.get(name) != value for name, value in key.plain.items()):
        return None
    if sidecar.get("plan_sha256") != hashlib.sha256(data).hexdigest():
        return None
    known = {*key.plain, "plan_sha256"}
    return StoredPlan(folder / PLAN, data, {name: value for name, value in sidecar.items() if name not in known})


def write_plan(root: Path, key: PlanKey, data: bytes, notes: dict[str, Any]) -> StoredPlan:
    """Keep a plan; whoever reads sees the old one or this one."""
    folder = root / key.digest
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / PLAN, data)
    stored = StoredPlan(folder / PLAN, data)
    return write_notes(key, stored, notes)


def write_notes(key: PlanKey, stored: StoredPlan, notes: dict[str, Any]) -> StoredPlan:
    """Write the sidecar of a plan anew."""
    plain = {**key.plain, **notes, "plan_sha256": hashlib.sha256(stored.data).hexdigest()}
    text = json.dumps(plain, indent=2, sort_keys=True, allow_nan=False) + "\n"
    write_whole(stored.path.with_name(SIDECAR), text.encode())
    return replace(stored, notes=notes)


def read_timings(root: Path, key: PlanKey) -> bytes:
    """The timing cache for this device and version; empty where there is none."""
    try:
        return (root / key.timings).read_bytes()
    except OSError:
        return b""


def write_timings(root: Path, key: PlanKey, timings: bytes) -> None:
    """Keep the timing cache for the next build."""
    root.mkdir(parents=True, exist_ok=True)
    write_whole(root / key.timings, timings)


def _digest(plain: dict[str, Any]) -> str:
    text = json.dumps(plain, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]
