"""Plans and timings of one user, in a folder each: rebuilt when anything changes that a plan depends on.

    engines/KEY/model.plan         raw, as trtexec and every other tool reads it
    engines/KEY/model.plan.json    what it was built from, for and with, and what was measured
    engines/KEY/kernels.bin        what TensorRT-RTX compiled of it on the GPU
    engines/timings-KEY.bin        TensorRT's timing cache of one GPU, driver and version

The sidecar is written last, so a plan without one counts as not there, and one with another sha256 than the one told
as damaged.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from runtimes.blobs import write_whole
from runtimes.tensorrt_device import Device
from runtimes.tensorrt_options import EngineOptions

SCHEMA = "skt-plan/1"
PLAN, SIDECAR, KERNELS = "model.plan", "model.plan.json", "kernels.bin"
KEY_DIGITS = 24
MUST_FIT = {  # of a sidecar, for a plan to run here
    "name": "GPU",
    "compute_capability": "compute capability",
    "cuda_driver": "CUDA driver",
    "engine": "engine",
    "source_sha256": "source",
}


class PlanDamaged(Exception):
    """A plan that is not what was written."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder / PLAN} is not what was written, or {SIDECAR} beside it is not")
        self.folder = folder


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
        device = {name: value for name, value in asdict(self.device).items() if name != "index"}
        options = json.loads(json.dumps(asdict(self.options)))  # as it is read again, with lists for tuples
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


def read_plan(root: Path, key: PlanKey) -> StoredPlan | None:
    """The plan of exactly this key, where a whole one is there."""
    try:
        stored, sidecar = read_folder(root / key.digest)
    except (OSError, PlanDamaged):
        return None
    return stored if all(sidecar.get(name) == value for name, value in key.plain.items()) else None


def last_plan(root: Path, key: PlanKey) -> StoredPlan | None:
    """The plan built last of all that are of this key but for its options: the user may have named other sizes.

    Raises PlanDamaged where it is not whole.
    """
    folders = [path.parent for path in root.glob(f"*/{SIDECAR}")]
    fitting = [folder for folder in folders if folder.name == key.digest or _fits(folder, key)]
    if not fitting:
        return None
    return read_folder(max(fitting, key=lambda folder: (folder / SIDECAR).stat().st_mtime_ns))[0]


def replaced(root: Path, key: PlanKey) -> list[str]:
    """How this machine differs from the one that the source's last plan of this engine was built on, if it does."""
    told = [_sidecar(path.parent) for path in sorted(root.glob(f"*/{SIDECAR}"), key=lambda path: path.stat().st_mtime)]
    kind = key.engine.split()[0]
    same = [one for one in told if one.get("source_sha256") == key.source and str(one.get("engine")).split()[0] == kind]
    return differences(same[-1], key) if same else []


def differences(sidecar: dict[str, Any], key: PlanKey) -> list[str]:
    """What a plan was built for, where that is not this machine and this source."""
    here = key.plain
    told = [(word, sidecar.get(name), here[name]) for name, word in MUST_FIT.items()]
    return [f"{word} {_short(built)}, not {_short(found)}" for word, built, found in told if built != found]


def read_folder(folder: Path) -> tuple[StoredPlan, dict[str, Any]]:
    """The plan in a folder, and all of its sidecar. Raises OSError, or PlanDamaged for what was not written so."""
    data = (folder / PLAN).read_bytes()
    (folder / SIDECAR).stat()
    sidecar = _sidecar(folder)
    if sidecar.get("plan_sha256") != hashlib.sha256(data).hexdigest():
        raise PlanDamaged(folder)
    known = {"schema", *MUST_FIT, "options", "plan_sha256"}
    notes = {name: value for name, value in sidecar.items() if name not in known}
    return StoredPlan(folder / PLAN, data, notes), sidecar


def forget(folder: Path) -> None:
    """Let a plan count as not there."""
    (folder / SIDECAR).unlink(missing_ok=True)


def write_plan(root: Path, key: PlanKey, data: bytes, notes: dict[str, Any]) -> StoredPlan:
    """Keep a plan; whoever reads sees the old one or this one. Raises OSError."""
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


def add_notes(folder: Path, notes: dict[str, Any]) -> None:
    """Write more into a plan's sidecar, and leave the rest of it as it is. Raises OSError."""
    text = json.dumps({**_sidecar(folder), **notes}, indent=2, sort_keys=True, allow_nan=False) + "\n"
    write_whole(folder / SIDECAR, text.encode())


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


def _fits(folder: Path, key: PlanKey) -> bool:
    """Whether a plan is of this key but for sizes and memory; one for a DLA core is loaded otherwise."""
    sidecar = _sidecar(folder)
    options = sidecar.get("options")
    on_gpu = isinstance(options, dict) and options.get("dla_core") is None
    return sidecar.get("schema") == SCHEMA and on_gpu and not differences(sidecar, key)


def _sidecar(folder: Path) -> dict[str, Any]:
    """What stands in a folder's sidecar; nothing where that cannot be read."""
    try:
        read = json.loads((folder / SIDECAR).read_bytes())
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _short(value: object) -> str:
    text = str(value)
    return text[:12] if len(text) == 64 else text


def _digest(plain: dict[str, Any]) -> str:
    text = json.dumps(plain, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]
