"""Every number of speed and memory that is promised, measured in one go on a quiet machine.

    python benchmarks/speed.py [--rounds 15] [--seconds 2] [--only frame ...]

Runs `skt-bench` on the shipped package beside 1/4-BL, the teachers, PyTorch and OpenVINO's tool, and writes
benchmarks/results/speed.json: each run as it is, and a row a promise with what must hold, what was found, and whether
the machine was quiet. Runs that --only leaves out keep their earlier results. Figures by processor time stand beside
those by the clock: they hold on a busy machine, too, though not for the promise.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import click

from sdk.bench.contenders import Asked
from sdk.bench.run import Settings, bench
from sdk.bench.timed import all_processor_seconds
from sdk.files import write_whole
from sdk.shipped import DEFAULT_PACKAGE
from sdk.timing import Stopwatch

RESULTS = Path(__file__).parent / "results" / "speed.json"
FRAME, HD, UHD = (576, 864), (1080, 1920), (4320, 7680)
QUARTER, FULL, EAGER = "bl/4, random weights,", "bl/1, random weights,", "CSRNet, eager PyTorch"
QUICK = "quick"
LWCC = f"{EAGER}, file shrunk to 1000 pixels (LWCC's way)"
INT8, FP32 = "openvino-int8", "openvino-fp16"  # the latter computes in fp32 on a CPU
RUNS: dict[str, dict[str, Any]] = {
    "frame": {"size": FRAME, "compare": ("torch", "benchmark_app", "bl/4", "quick", "bl/1", "teacher")},
    "file": {"size": HD, "compare": ("torch", "bl/4"), "from_file": True, "asked": Asked(threads=2, max_side=1000)},
    "hd": {"size": HD, "compare": ("bl/4", "quick")},
    "one-thread": {"size": FRAME, "compare": ("bl/4",), "asked": Asked(threads=1, all_variants=True)},
    "uhd": {"size": UHD, "from_file": True, "rounds": 1},
}
Runs = dict[str, dict[str, Any]]
Promise = dict[str, Any]


@click.command()
@click.option("--rounds", type=click.IntRange(min=1), default=15, show_default=True)
@click.option("--seconds", type=click.FloatRange(min=0.01), default=2.0, show_default=True)
@click.option("--only", multiple=True, type=click.Choice(list(RUNS)), help="Run these alone; repeat it.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS)
@click.option("--processor", help="What to call this machine's processor, where its own name tells too little.")
def main(rounds: int, seconds: float, only: tuple[str, ...], results: Path, processor: str | None) -> None:
    """Measure, and write the results after every run."""
    record: dict[str, Any] = {}
    for name in only or RUNS:
        settings = Settings(**{"asked": Asked(threads=2), "rounds": rounds, "seconds": seconds, **RUNS[name]})
        found = bench(DEFAULT_PACKAGE, settings, lambda text: click.echo(text, err=True)).to_json()
        record = json.loads(results.read_text("utf-8")) if results.exists() else {"runs": {}}
        record["runs"][name] = found
        if processor is not None:
            record["processor"] = processor
        record["import_s"], record["import_processor_s"] = import_seconds()
        record["promises"] = [*promises(record)]
        write_whole(results, (json.dumps(record, indent=1, sort_keys=True) + "\n").encode())
    for promise in record["promises"]:
        click.echo(words(promise))


def promises(record: dict[str, Any]) -> Iterator[Promise]:
    """A row for each number that must hold and whose run is there."""
    runs: Runs = record["runs"]
    if "frame" in runs:
        yield from _of_frames(runs["frame"], record)
    if "file" in runs:
        for name in ("default", QUARTER):
            found = times(runs["file"], f"{name} {INT8}", LWCC)
            yield at_least(f"1080p JPEG shrunk to 1000 pixels against LWCC's way, {name}", 40, 120, found)
    if "hd" in runs:
        quick = times(runs["hd"], f"{QUICK} {INT8}", f"{QUARTER} {INT8}")
        yield at_least("quick against 1/4-BL, 1080p, INT8", 2.5, 4, quick)
        yield at_least(
            "default against 1/4-BL, 1080p, INT8", 2.5, 4, times(runs["hd"], f"default {INT8}", f"{QUARTER} {INT8}")
        )
    if "one-thread" in runs:
        yield from _of_one_thread(runs["one-thread"])
    for name, must, goal in (("frame", 180, 140), ("hd", 300, 240), ("uhd", 700, 500)):
        if name in runs:
            peak = row(runs[name], f"default {INT8}")["peak_mb"]
            yield at_most(f"peak memory in MB, {name}", must, goal, {"found": peak, "clean": True})


def _of_frames(run: dict[str, Any], record: dict[str, Any]) -> Iterator[Promise]:
    for name in ("default", QUARTER):
        yield at_least(f"INT8 against eager CSRNet, {name}", 65, 250, times(run, f"{name} {INT8}", EAGER))
        yield at_least(
            f"INT8 against fp32 in OpenVINO, {name}", 3.2, 3.5, times(run, f"{name} {INT8}", f"{name} {FP32}")
        )
    teachers = (("default", "googlenet-deep/1, random weights,"), (QUARTER, FULL))
    for name, teacher in teachers:
        yield at_least(
            f"against its teacher in fp32, {name}", 10, 40, times(run, f"{name} {FP32}", f"{teacher} {FP32}")
        )
    for precision, variant in (("INT8", INT8), ("fp32", FP32)):
        found = times(run, f"default {variant}", f"{QUARTER} {variant}")
        yield at_least(f"default against 1/4-BL, 576x864, {precision}", 2.5, 4, found)
        quick = times(run, f"{QUICK} {variant}", f"{QUARTER} {variant}")
        yield at_least(f"quick against 1/4-BL, 576x864, {precision}", 2.5, 4, quick)
    counting = row(run, f"default {INT8}")
    over = {"found": counting["overhead"], "by_processor": counting["overhead_processor"], "clean": clean(counting)}
    yield at_most("CrowdCounter.count over the bare engine call", 0.10, 0.05, over)
    tool = times(run, f"default {INT8}", f"benchmark_app {INT8}")
    slower = None if tool["found"] is None else 1 / tool["found"] - 1
    yield at_most("CrowdCounter.count over benchmark_app", 0.05, 0.05, {"found": slower, "clean": tool["clean"]})
    imported = {"found": record["import_s"], "by_processor": record["import_processor_s"], "clean": clean(counting)}
    yield at_most("seconds to import sdk", 0.35, 0.35, imported)
    first = {"found": counting["first_s"], "clean": clean(counting)}
    yield at_most("seconds from a cold process to the first count", 1.2, 1.2, first)


def _of_one_thread(run: dict[str, Any]) -> Iterator[Promise]:
    for name in ("default", QUARTER):
        for precision, variant, must, goal in (("fp32", FP32, 0.88, 0.94), ("INT8", INT8, 0.72, 0.85)):
            found = row(run, f"{name} {variant}")
            value = {"found": found["of_peak"], "by_processor": found["of_peak_processor"], "clean": clean(found)}
            yield at_least(f"of the engine's convolution peak, {precision}, {name}", must, goal, value)


def row(run: dict[str, Any], name: str) -> dict[str, Any]:
    """The contender of that name."""
    found: dict[str, Any] = next(one for one in run["rows"] if one["name"] == name)
    return found


def clean(found: dict[str, Any]) -> bool:
    """Whether the machine was quiet."""
    return not found["failed"] and found["load"]["state"] == "clean"


def times(run: dict[str, Any], faster: str, slower: str) -> dict[str, Any]:
    """How many times as fast, by the clock and by processor time."""
    found = next((one for one in run["ratios"] if (one["faster"], one["slower"]) == (faster, slower)), None)
    if found is None:
        return {"found": None, "by_processor": None, "clean": False}
    return {"found": found["times"], "by_processor": found["times_processor"], "clean": found["clean"]}


def at_least(what: str, must: float, goal: float, value: dict[str, Any]) -> Promise:
    """A promise that a figure reaches a value."""
    holds = value["found"] is not None and value["found"] >= must
    return {"what": what, "must": f">= {must:g}", "goal": f">= {goal:g}", **value, "holds": holds}


def at_most(what: str, must: float, goal: float, value: dict[str, Any]) -> Promise:
    """A promise that a figure stays below a value."""
    holds = value["found"] is not None and value["found"] <= must
    return {"what": what, "must": f"<= {must:g}", "goal": f"<= {goal:g}", **value, "holds": holds}


def words(promise: Promise) -> str:
    """One promise in a line."""
    shown = {key: "-" if promise.get(key) is None else f"{promise[key]:.3g}" for key in ("found", "by_processor")}
    state = ("holds" if promise["holds"] else "MISSED") if promise["clean"] else "unsure"
    doubt = "" if promise["clean"] else ", busy machine"
    found = f"{shown['found']} ({shown['by_processor']} by processor time{doubt})"
    return f"{state:<6} {promise['what']}: {found}, {promise['must']}"


def import_seconds() -> tuple[float, float]:
    """Seconds that an interpreter takes to import the counter, by the clock and of processors; medians of five."""

    def seconds() -> tuple[float, float]:
        watch, before = Stopwatch(), all_processor_seconds()
        subprocess.run([sys.executable, "-c", "from sdk import CrowdCounter"], check=True)
        return watch.seconds(), all_processor_seconds() - before

    clock, processor = zip(*(seconds() for _ in range(5)), strict=True)
    return median(clock), median(processor)


if __name__ == "__main__":
    main()
