"""Contenders that need nothing but the SDK: a variant in its engine, the engine's convolutions, and benchmark_app."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from runtimes.base import engine_call
from runtimes.peak import CHAINS, convolutions
from sdk.bench.timed import peak_megabytes, timed
from sdk.config import to_plain
from sdk.counter import CountOptions, CrowdCounter
from sdk.datasets import read_dataset
from sdk.errors import BackendError
from sdk.evaluation import evaluate
from sdk.frame import Photo, pad_to_multiple
from sdk.package import Package
from sdk.timing import Stopwatch

TOOL = "benchmark_app"


class Counting:
    """A variant of a package on one engine; counts an array, or a photo file with its decoding."""

    def __init__(self, options: dict[str, Any]) -> None:
        path = Path(options["photo"])
        self._photo: Photo = np.load(path) if path.suffix == ".npy" else path.read_bytes()
        asked = {key: options[key] for key in ("device", "backend", "precision", "threads")}
        counting = CountOptions(variant=options["variant"], max_in_flight=options["in_flight"])
        self._in_flight = options["in_flight"]
        self._counter = CrowdCounter(options["package"], options=counting, **asked)
        self._facts: dict[str, Any] = {}

    def first(self) -> float:
        result = self._counter.count(self._photo)
        self._facts = {"tiles": result.tiles, "warnings": list(result.warnings)}
        return result.count

    def round(self, seconds: float) -> dict[str, Any]:
        calls: dict[str, Callable[[], object]] = {"ms": lambda: self._counter.count(self._photo)}
        if isinstance(self._photo, np.ndarray) and self._facts["tiles"] == 1:
            multiple = self._counter.manifest.input.multiple
            batch = pad_to_multiple(self._photo, multiple)[None]
            calls["bare_ms"] = engine_call(self._counter._backend, batch)  # noqa: SLF001 - no one else asks for it
        found: dict[str, Any] = timed(seconds, **calls)
        peak = peak_megabytes()  # before many photos are counted at once
        photos = max(2 * self._in_flight, round(500 * seconds / np.median(found["ms"])))
        watch = Stopwatch()
        done = len(self._counter.count_batch([self._photo] * photos))
        return {**found, "peak_mb": peak, "photos": done, "photos_s": watch.seconds()}

    def facts(self) -> dict[str, Any]:
        return {**self._facts, "loaded": to_plain(self._counter.info())}

    def score(self, options: dict[str, Any]) -> dict[str, Any]:
        """Errors on a labelled set, and the count of each photo of it."""
        samples = read_dataset(options["dataset"], Path(options["root"]), options["part"], options["split"])
        found = evaluate(self._counter, samples[: options["limit"]], dataset=options["dataset"], package="")
        counts = {photo.name: photo.counted for photo in found.photos}
        return {"mae": found.scores.mae, "photos": len(counts), "counts": counts}

    def close(self) -> None:
        self._counter.close()


class Peak:
    """The engine's own convolutions; `ms` is of a billion multiply-adds, the fastest chain's."""

    def __init__(self, options: dict[str, Any]) -> None:
        asked = (options["engine"], options["precision"], options["threads"])
        self._runs = [(of.macs / 1e9, convolutions(*asked, of)) for of in CHAINS]
        self._facts = {"loaded": {"engine": asked[0], "precision": asked[1], "threads": asked[2]}}

    def first(self) -> None:
        for _, run in self._runs:
            run()

    def round(self, seconds: float) -> dict[str, Any]:
        rounds = [(size, timed(seconds / len(self._runs), ms=run)) for size, run in self._runs]
        return {
            name: min(([t / size for t in found[name]] for size, found in rounds), key=min) for name in rounds[0][1]
        }

    def facts(self) -> dict[str, Any]:
        return self._facts

    def close(self) -> None:
        self._runs = []


class BenchmarkApp:
    """OpenVINO's own benchmark_app on a variant's file: what the engine takes without us."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._tool = shutil.which(TOOL, path=str(Path(sys.executable).parent)) or shutil.which(TOOL)
        if self._tool is None:
            raise BackendError(f"there is no {TOOL} beside this Python", hint="pip install openvino")
        self._folder = tempfile.TemporaryDirectory(prefix="skt-bench-")
        with Package.open(options["package"]) as package:
            for name, data in package.read(options["variant"]).items():
                Path(self._folder.name, name).write_bytes(data)
        self._threads, self._shape = options["threads"], options["shape"]
        self._facts = {"loaded": {"engine": "openvino", "threads": self._threads, "variant": options["variant"]}}

    def first(self) -> None:
        self.round(0.1)

    def round(self, seconds: float) -> dict[str, Any]:
        folder = Path(self._folder.name)
        shape = ",".join(map(str, self._shape))
        command = [
            *(str(self._tool), "-m", str(folder / "model.xml"), "-d", "CPU", "-hint", "none", "-nstreams", "1"),
            *("-nireq", "1", "-api", "sync", "-nthreads", str(self._threads), "-infer_precision", "f32"),
            *("-shape", f"image[{shape}]", "-t", str(max(1, round(seconds)))),
            *("-json_stats", "-report_type", "no_counters", "-report_folder", str(folder)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - OpenVINO's tool
        report = folder / "benchmark_report.json"
        if done.returncode or not report.exists():
            raise BackendError(f"{TOOL} failed: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")
        return {"peak_mb": None, "ms": [latency_of(json.loads(report.read_text("utf-8")))]}

    def facts(self) -> dict[str, Any]:
        return self._facts

    def close(self) -> None:
        self._folder.cleanup()


def latency_of(report: dict[str, Any]) -> float:
    """The median latency in a report of benchmark_app, milliseconds."""
    return float(report["execution_results"]["latency (ms)"])
