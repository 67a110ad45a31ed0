"""What this machine can run, what would be chosen for a package, and whether it answers as it should."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

import numpy as np

from runtimes import BackendInfo, Candidate, Environment, LoadOptions, Plan, Request, Variant, load, plan, probe
from runtimes.quarantine import set_aside
from sdk.cache import cache_folder
from sdk.errors import ArtifactError, SktError
from sdk.golden import Golden
from sdk.manifest import Manifest, VariantEntry
from sdk.package import Package
from sdk.timing import Stopwatch
from sdk.variants import planned_variants
from sdk.whole import Pieces, whole_density

OUR_PACKAGES = ("distiller", "exporters", "runtimes", "sdk")
# Greatest change of the golden photo's count, relative, by precision. The photo is drawn and has few people: INT8 that
# the gate would pass is off by 2 % (the shipped one) to 10 % (the gate's limit for one photo, and INT8 calibrated on
# drawn scenes alone). Sums that saturate, which is what this is to find, double the count.
REPLAY_TOLERANCE = {"fp32": 1e-3, "fp16": 5e-3, "int8": 0.25}
BF16_TOLERANCE = 0.02
RECORDED_TOLERANCE = 0.02  # beside what the same int8 variant counted when it was exported: engines round differently
PADDED_TOLERANCE = 0.1  # of a variant of one size: the golden photo is mirrored on to it, which shows at the sides
FEWEST = 10.0  # people; a golden photo of fewer is judged as one of so many
CALIBRATION = "calibration/table.json"


@dataclass(frozen=True)
class Replay:
    """The golden photo counted by one candidate."""

    variant: str
    engine: str
    device: str
    expected: float  # people: by the master, or by the variant itself when it was exported, where that was written down
    counted: float | None  # None when it did not load or run
    ms: float | None  # of the second run
    ok: bool
    said: str  # notes, or what failed
    int8: tuple[int, int] | None = None  # convolutions that run in 8 bits, and that are stored so, as the engine tells


@dataclass(frozen=True)
class VariantState:
    """What a package says of one variant."""

    id: str
    precision: str
    gate: str  # passed, ungated, or none where the variant needs no gate
    figures: dict[str, Any]  # of the gate
    size: tuple[int, int] | None  # height and width of the only photos that it takes


@dataclass(frozen=True)
class Diagnosis:
    """Everything that `skt-doctor` shows."""

    environment: Environment
    warnings: tuple[str, ...]
    cache: str  # folder of compiled models; empty: none can be written
    package: str = ""
    plan: Plan | None = None
    replays: tuple[Replay, ...] = ()
    variants: tuple[VariantState, ...] = ()
    calibration: dict[str, Any] | None = None  # method and number of photos of the package's table

    @property
    def healthy(self) -> bool:
        """Whether an engine is usable and, with a package, every variant that may run here answers as it should."""
        usable = any(engine.usable for engine in self.environment.engines)
        replayed = self.plan is None or bool(self.plan.candidates)
        return usable and replayed and all(replay.ok for replay in self.replays)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        plain = {"environment": self.environment.to_json(), "warnings": list(self.warnings), "cache": self.cache}
        chosen = None if self.plan is None else asdict(self.plan)
        replays = [asdict(replay) for replay in self.replays]
        about = {"variants": [asdict(variant) for variant in self.variants], "calibration": self.calibration}
        return {**plain, "package": self.package, **about, "plan": chosen, "replays": replays, "healthy": self.healthy}


def diagnose(
    package: str | os.PathLike[str] | None, request: Request | None = None, threads: int | None = None
) -> Diagnosis:
    """Look at this machine and, with a package, replay its golden photo on every variant that may run here.

    threads: of a CPU engine, all cores if absent. Raises ArtifactError for a package that is damaged or none.
    """
    environment = probe()
    folder = cache_folder()
    warnings = (*environment.warnings, *shadowing(), *set_aside(folder))
    cache = "" if folder is None else str(folder)
    if package is None:
        return Diagnosis(environment, warnings, cache)
    with Package.open(package) as opened:
        opened.verify()
        chosen = plan(planned_variants(opened.manifest), environment, request)
        golden = opened.golden()
        options = LoadOptions(threads=threads, cache_dir=folder)
        replays = tuple(replay(candidate, opened, golden, options) for candidate in chosen.candidates)
        states = tuple(variant_state(entry) for entry in opened.manifest.variants)
        known = calibration(opened)
    return Diagnosis(environment, warnings, cache, str(package), chosen, replays, states, known)


def variant_state(entry: VariantEntry) -> VariantState:
    """A variant's gate and size; an INT8 variant without a gate is ungated, whatever its package calls that."""
    gate = dict(entry.gate or {})
    status = str(gate.pop("status", "none"))
    ungated = entry.precision == "int8" and status != "passed"
    return VariantState(entry.id, entry.precision, "ungated" if ungated else status, gate, entry.size)


def calibration(package: Package) -> dict[str, Any] | None:
    """What INT8 was calibrated on; None without a table."""
    data = package.read_report(CALIBRATION)
    if data is None:
        return None
    try:
        table = json.loads(data)
        people = [photo["people"] for photo in table["photos"]]
        return {"method": table["method"], "photos": len(people), "densest": max(people, default=0.0)}
    except (ValueError, KeyError, TypeError) as error:
        message = f"{CALIBRATION} of package {package.path} cannot be read: {error}"
        raise ArtifactError(message, hint="export the package again") from error


def replay(candidate: Candidate, package: Package, golden: Golden, options: LoadOptions) -> Replay:
    """Count the golden photo with one candidate and hold the count against what it should be."""
    expected, tolerance = expectation(candidate.variant, package.manifest, golden)
    if candidate.precision == "bf16":
        tolerance = max(tolerance, BF16_TOLERANCE)
    place = (candidate.variant.id, candidate.engine, candidate.device, expected)
    try:
        counted, ms, info = count_golden(candidate, package, golden, options)
    except SktError as error:
        return Replay(*place, None, None, ok=False, said=str(error))
    ok = abs(counted - expected) <= tolerance * max(expected, FEWEST)
    return Replay(*place, counted, ms, ok=ok, said="; ".join(info.notes), int8=info.int8)


def expectation(variant: Variant, manifest: Manifest, golden: Golden) -> tuple[float, float]:
    """People that the golden photo should be counted as, and how far off a count may be, as a part of that."""
    recorded = (manifest.variant(variant.id).parity or {}).get("golden_count")
    if variant.precision == "int8" and isinstance(recorded, (int, float)):
        expected, tolerance = float(recorded), RECORDED_TOLERANCE
    else:
        expected, tolerance = float(golden.count), REPLAY_TOLERANCE[variant.precision]
    return expected, tolerance if fits(variant, golden) else max(tolerance, PADDED_TOLERANCE)


def fits(variant: Variant, golden: Golden) -> bool:
    """Whether the golden photo is as large as all that the variant takes, so that it is not padded to that."""
    height, width = variant.size or (0, 0)
    return bool(golden.image.shape[0] >= height and golden.image.shape[1] >= width)


def count_golden(
    candidate: Candidate, package: Package, golden: Golden, options: LoadOptions
) -> tuple[float, float, BackendInfo]:
    """People in the golden photo, milliseconds of the second run, and what really loaded."""
    manifest = package.manifest
    grid = (manifest.input.multiple, manifest.output.stride, candidate.variant.size)
    pieces = Pieces(max(golden.image.shape), manifest.receptive_halo, *grid)
    with load(candidate, package.read(candidate.variant.id), options) as backend:
        whole_density(backend.run, golden.image, pieces)
        watch = Stopwatch()
        density, _ = whole_density(backend.run, golden.image, pieces)
        return float(density.sum(dtype=np.float64)), watch.lap_ms(), backend.info()


def shadowing() -> list[str]:
    """A warning for each of our import names that another installed distribution claims too."""
    owners = metadata.packages_distributions()
    found = []
    for name in OUR_PACKAGES:
        others = sorted({owner for owner in owners.get(name, []) if owner and owner.replace("_", "-") != "skt-edge"})
        if others:
            found.append(f"package {name!r} is also installed by {', '.join(others)}: uninstall one of them")
    return found
