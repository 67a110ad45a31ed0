"""One engine: from the cache or built, measured on its device beside its source on the CPU."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exporters.engine_choose import Measured
from exporters.parity import Case
from runtimes.tensorrt_build import BuiltPlan
from runtimes.tensorrt_check import on_cpu
from runtimes.tensorrt_device import Device
from runtimes.tensorrt_options import EngineOptions
from runtimes.tensorrt_store import PlanKey, StoredPlan, read_plan, read_timings, write_notes, write_plan, write_timings
from sdk.cache import cache_folder
from sdk.errors import BackendError
from sdk.scenes import draw_scene
from sdk.scenes.style import SMALLEST_SIDE

if TYPE_CHECKING:
    from runtimes.tensorrt_lane import Lane

Build = Callable[[bytes, EngineOptions, bytes], BuiltPlan]  # source, options, timing cache
SEED, PEOPLE = 21, 60  # of the scene that an engine is compared on


@dataclass(frozen=True)
class Site:
    """Where engines are made: a device, an engine's version, and the folder that keeps them."""

    device: Device
    engine: str  # tensorrt 10.3.0
    root: Path
    options: EngineOptions

    def key(self, source: bytes) -> PlanKey:
        """What the plan of a source is kept under."""
        return PlanKey(hashlib.sha256(source).hexdigest(), self.device, self.engine, self.options)


def engines_folder() -> Path:
    """Where this user's plans are."""
    folder = cache_folder()
    if folder is None:
        message = "there is no folder to keep engines in that can be written"
        raise BackendError(message, hint="set SKT_CACHE_DIR to a folder of yours")
    return folder / "engines"


def ready_plan(site: Site, source: bytes, build: Build, notes: dict[str, Any], *, anew: bool = False) -> StoredPlan:
    """The plan of a source: from the cache, unless it is to be made anew, or built and kept."""
    key = site.key(source)
    if not anew and (stored := read_plan(site.root, key)):
        return stored
    built = build(source, site.options, read_timings(site.root, key))
    write_timings(site.root, key, built.timing_cache)
    told = {"warnings": list(built.warnings), "layers": built.layers, "layers_that_can_run_on_dla": built.on_dla}
    return write_plan(site.root, key, built.data, {**notes, **told})


def measured_plan(site: Site, source: bytes, stored: StoredPlan, runner: Lane) -> tuple[StoredPlan, Measured]:
    """Run a plan, and write what it showed into its sidecar."""
    smallest = min(site.options.buckets, key=lambda bucket: bucket.most[0] * bucket.most[1])
    case = beside_source(source, scene(*smallest.most), runner)
    milliseconds = {}
    for bucket in site.options.buckets:
        photo = np.zeros((1, *bucket.most, 3), np.uint8)  # its time does not depend on what is in it
        milliseconds[bucket.name] = round(runner.milliseconds(photo), 3)
    measured = Measured(milliseconds, case)
    return write_notes(site.key(source), stored, {**stored.notes, "measured": measured.to_json()}), measured


def beside_source(source: bytes, batch: NDArray[np.uint8], runner: Lane) -> Case:
    """How the engine counts photos that its source counts in ONNX Runtime on the CPU."""
    density, count = on_cpu(source, batch)
    answer = runner.run(batch)
    worst = float(np.abs(answer.density - density).max())
    return Case(batch.shape, tuple(map(float, count)), tuple(map(float, answer.count)), worst)


def scene(height: int, width: int) -> NDArray[np.uint8]:
    """A drawn crowd of this size, (1, height, width, 3); the part of a larger one where it is too small to draw."""
    drawn = draw_scene(SEED, width=max(width, SMALLEST_SIDE), height=max(height, SMALLEST_SIDE), people=PEOPLE)
    return drawn.photo[None, :height, :width]
