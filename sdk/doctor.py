"""What this machine can run, what would be chosen for a package, and whether it answers as it should."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

import numpy as np

from runtimes import Candidate, Environment, LoadOptions, Plan, Request, load, plan, probe
from sdk.cache import cache_folder
from sdk.errors import SktError
from sdk.frame import pad_to_multiple, photo_cells
from sdk.golden import Golden
from sdk.package import Package
from sdk.timing import Stopwatch
from sdk.variants import planned_variants

OUR_PACKAGES = ("distiller", "exporters", "runtimes", "sdk")
REPLAY_TOLERANCE = {"fp32": 1e-3, "fp16": 5e-3, "int8": 0.1}  # greatest change of the count, relative, by precision
FEWEST = 10.0  # people; a golden photo of fewer is judged as one of so many


@dataclass(frozen=True)
class Replay:
    """The golden photo counted by one candidate."""

    variant: str
    engine: str
    device: str
    expected: float  # people, by the master
    counted: float | None  # None when it did not load or run
    ms: float | None  # of the second run
    ok: bool
    said: str  # notes, or what failed


@dataclass(frozen=True)
class Diagnosis:
    """Everything that `skt-doctor` shows."""

    environment: Environment
    warnings: tuple[str, ...]
    cache: str  # folder of compiled models; empty: none can be written
    package: str = ""
    plan: Plan | None = None
    replays: tuple[Replay, ...] = ()

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
        return {**plain, "package": self.package, "plan": chosen, "replays": replays, "healthy": self.healthy}


def diagnose(
    package: str | os.PathLike[str] | None, request: Request | None = None, threads: int | None = None
) -> Diagnosis:
    """Look at this machine and, with a package, replay its golden photo on every variant that may run here.

    threads: of a CPU engine, all cores if absent. Raises ArtifactError for a package that is damaged or none.
    """
    environment = probe()
    folder = cache_folder()
    warnings = (*environment.warnings, *shadowing())
    cache = "" if folder is None else str(folder)
    if package is None:
        return Diagnosis(environment, warnings, cache)
    with Package.open(package) as opened:
        opened.verify()
        chosen = plan(planned_variants(opened.manifest), environment, request)
        golden = opened.golden()
        options = LoadOptions(threads=threads, cache_dir=folder)
        replays = tuple(replay(candidate, opened, golden, options) for candidate in chosen.candidates)
    return Diagnosis(environment, warnings, cache, str(package), chosen, replays)


def replay(candidate: Candidate, package: Package, golden: Golden, options: LoadOptions) -> Replay:
    """Count the golden photo with one candidate and hold the count against the master's."""
    expected = float(golden.count)
    place = (candidate.variant.id, candidate.engine, candidate.device, expected)
    try:
        counted, ms, notes = count_golden(candidate, package, golden, options)
    except SktError as error:
        return Replay(*place, None, None, ok=False, said=str(error))
    allowed = REPLAY_TOLERANCE[candidate.variant.precision] * max(expected, FEWEST)
    return Replay(*place, counted, ms, ok=abs(counted - expected) <= allowed, said="; ".join(notes))


def count_golden(
    candidate: Candidate, package: Package, golden: Golden, options: LoadOptions
) -> tuple[float, float, tuple[str, ...]]:
    """People in the golden photo, milliseconds of the second run, and the backend's notes."""
    manifest = package.manifest
    batch = pad_to_multiple(golden.image, manifest.input.multiple)[None]
    with load(candidate, package.read(candidate.variant.id), options) as backend:
        backend.run(batch)
        watch = Stopwatch()
        density = backend.run(batch).density[0]
        ms = watch.lap_ms()
        notes = backend.info().notes
    cells = photo_cells(density, golden.image.shape[0], golden.image.shape[1], manifest.output.stride)
    return float(cells.sum(dtype=np.float64)), ms, notes


def shadowing() -> list[str]:
    """A warning for each of our import names that another installed distribution claims too."""
    owners = metadata.packages_distributions()
    found = []
    for name in OUR_PACKAGES:
        others = sorted({owner for owner in owners.get(name, []) if owner and owner.replace("_", "-") != "skt-edge"})
        if others:
            found.append(f"package {name!r} is also installed by {', '.join(others)}: uninstall one of them")
    return found
