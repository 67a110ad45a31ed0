"""Compare ways to make INT8 variants: what each loses beside fp32 on held-out photos, and how fast it is.

    python benchmarks/int8_methods.py --data DATASETS [--package NAME.skt] [--only minmax ...] [--nncf PYTHON]

Calibrates on the recipe's training photos and counts its held-out ones, in OpenVINO. A method that is already in
benchmarks/results/int8-methods.json for the same package and photos is not run again, so an interrupted run goes on.
Latency is measured in turns with fp32, at 576 x 864, as the median of the ratios of each turn. --nncf names a Python
that has nncf installed, which stays out of this project's environment.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnx

from exporters.bias import bias_shifts
from exporters.calibration import CalibrationTable, batches, calibrate
from exporters.calibration_choice import choose, count_shots, told_coverage
from exporters.calibration_photos import Shot
from exporters.calibration_sets import find_shots
from exporters.counting import counter_of, master_counter
from exporters.gate import Gate, Limits, judge
from exporters.margin import Margin
from exporters.onnx import with_manifest
from exporters.openvino import openvino_ir
from exporters.parity import opened
from exporters.quantize import Scheme, int8_model
from exporters.source import Source, open_source
from exporters.tell import Tell
from runtimes import Backend, Variant
from sdk.commands.common import Progress
from sdk.errors import BackendError
from sdk.files import write_whole
from sdk.shipped import DEFAULT_PACKAGE
from sdk.timing import Stopwatch

RESULTS = Path(__file__).parent / "results" / "int8-methods.json"
SIZE = (576, 864)  # height and width of the timed photo
TURNS, WARM_UP = 15, 3


@dataclass(frozen=True)
class Way:
    """One way to make an INT8 model."""

    label: str
    method: str = "minmax"
    scheme: Scheme = field(default_factory=Scheme)
    nncf: str = ""  # its preset, where NNCF makes the model
    fitted: bool = False  # with the scale of the head and the layers in float that `skt-export` finds


CORRECTED = Scheme(bias_correction=True)
WAYS = {
    "packaged": Way("MinMax, bias correction, head scaled: as packages are made", scheme=CORRECTED, fitted=True),
    "minmax": Way("MinMax, per channel"),
    "moving-minmax": Way("moving MinMax", "moving-minmax"),
    "percentile-99.999": Way("percentile 99.999", "percentile-99.999"),
    "percentile-99.99": Way("percentile 99.99", "percentile-99.99"),
    "entropy": Way("entropy", "entropy"),
    "per-tensor": Way("MinMax, weights per tensor", scheme=Scheme(per_channel=False)),
    "symmetric": Way("MinMax, symmetric activations", scheme=Scheme(symmetric=True)),
    "rounded-edges": Way("MinMax, what head and resize take in INT8 too", scheme=Scheme(float_edges=False)),
    "first-float": Way("MinMax, first layer in float", scheme=Scheme(first_in_float=True)),
    "last-int8": Way("MinMax, last layer in INT8 too", scheme=Scheme(last_in_float=False)),
    "bias-corrected": Way("MinMax, bias correction", scheme=CORRECTED),
    "first-float-bias-corrected": Way(
        "MinMax, first layer in float, bias correction", scheme=Scheme(first_in_float=True, bias_correction=True)
    ),
    "symmetric-bias-corrected": Way(
        "MinMax, symmetric activations, bias correction", scheme=Scheme(symmetric=True, bias_correction=True)
    ),
    "nncf-minmax": Way("NNCF, MinMax ranges", nncf="minmax"),
    "nncf-default": Way("NNCF, as it comes", nncf="default"),
}


@dataclass(frozen=True, eq=False)
class Bench:
    """What every way is measured with."""

    source: Source
    calibration: list[Shot]
    gate: Gate
    nncf: Path | None
    tables: dict[str, CalibrationTable]  # by method, filled as they are needed


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True)
@click.option("--package", type=click.Path(path_type=Path), default=DEFAULT_PACKAGE, help="The shipped one if absent.")
@click.option("--recipe", default="googlenet", show_default=True)
@click.option("--calib-photos", type=int, default=64, show_default=True)
@click.option("--photos", type=int, help="Count only so many held-out photos: a try, not a result.")
@click.option("--only", multiple=True, type=click.Choice(sorted(WAYS)))
@click.option("--nncf", type=click.Path(path_type=Path), help="A Python with nncf; without it NNCF is left out.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS)
def main(
    data: Path,
    package: Path,
    recipe: str,
    calib_photos: int,
    photos: int | None,
    only: tuple[str, ...],
    nncf: Path | None,
    results: Path,
) -> None:
    """Measure, and write the results after every way."""
    with open_source(package) as source:
        bench = prepare(source, f"recipe:{recipe}:{data}", calib_photos, photos, nncf)
        record = earlier(results, about(bench))
        for name in only or WAYS:
            way = WAYS[name]
            if name in record["ways"] or (way.nncf and nncf is None):
                continue
            record["ways"][name] = {"label": way.label, **measure(bench, name, way)}
            write_whole(results, (json.dumps(record, indent=1, sort_keys=True) + "\n").encode())
            click.echo(told(record["ways"][name]))


def prepare(source: Source, photos: str, calib_photos: int, limit: int | None, nncf: Path | None) -> Bench:
    """Choose by head points, and count what was chosen once with the fp32 master."""
    with master_counter(source) as count:
        training, held_out = (find_shots([f"{photos}:{part}"])[0] for part in ("train", "val"))
        chosen = counted(choose(training, calib_photos), count)
        held_out = counted(held_out if limit is None else choose(held_out, limit), count)
    click.echo(f"calibration: {told_coverage([shot.counted for shot in chosen])}")
    click.echo(f"held out:    {told_coverage([shot.counted for shot in held_out])}")
    return Bench(source, chosen, Gate(Limits(), tuple(held_out)), nncf, {})


def counted(shots: list[Shot], count: Callable[[Shot], float]) -> list[Shot]:
    """Photos with the master's counts."""
    bar = Progress(len(shots), "photos")
    found, _ = count_shots(shots, count, bar.advance)
    bar.clear()
    return found


def measure(bench: Bench, name: str, way: Way) -> dict[str, Any]:
    """Make the model, count with it, time it."""
    click.echo(f"{way.label} ...", err=True)
    files = made(bench, way)
    with loaded(bench.source, "openvino", "int8", files["openvino"]) as backend:
        verdict = judge(bench.gate, name, "openvino", counter_of(backend, bench.source))
    float_files = {"onnx": {"model.onnx": with_manifest(bench.source.master, b"{}")}}
    float_files["openvino"] = openvino_ir(bench.source.master, b"{}", "fp32")
    ratios = {kind: ratio_or_none(bench.source, kind, float_files[kind], files[kind]) for kind in files}
    worst = verdict.worst or {"difference": 0.0, "people": 1.0}
    return {
        "mae_fp32": verdict.mae_fp32,
        "mae_int8": verdict.mae_int8,
        "passed": verdict.passed,
        **{f"{check.name}_percent": check.found for check in verdict.checks},
        "worst_photo": worst,
        "bins": [{"fewest": part.fewest, "photos": part.photos, "bias": part.bias} for part in verdict.bins],
        "speedup": ratios,
    }


def made(bench: Bench, way: Way) -> dict[str, dict[str, bytes]]:
    """The files of a way's model, by engine format; NNCF makes OpenVINO's alone."""
    if way.nncf:
        return {"openvino": by_nncf(bench, way.nncf)}
    table = table_for(bench, way)
    model = int8_model(bench.source.master, table, "cpu", None if way.fitted else way.scheme)
    return {"openvino": openvino_ir(model, b"{}", "int8"), "onnx": {"model.onnx": with_manifest(model, b"{}")}}


def table_for(bench: Bench, way: Way) -> CalibrationTable:
    """The method's table, with corrections where the scheme wants them."""
    multiple, master = bench.source.multiple, bench.source.master
    if way.method not in bench.tables:
        bar = Progress(len(bench.calibration), "photos")
        bench.tables[way.method] = calibrate(
            master, bench.calibration, way.method, multiple=multiple, progress=bar.advance
        )
        bar.clear()
    table = bench.tables[way.method]
    if not way.scheme.bias_correction:
        return table
    shifts = bias_shifts(master, table, way.scheme, bench.calibration, multiple=multiple)
    table = replace(table, corrections={"cpu": shifts})
    if not way.fitted:
        return table
    tell = Tell(lambda text: click.echo(f"  {text}", err=True), Progress)
    return Margin(bench.source, tuple(bench.calibration), bench.gate.limits, tell).fitted_for("cpu", table)


def by_nncf(bench: Bench, preset: str) -> dict[str, bytes]:
    """OpenVINO IR quantised by NNCF in an environment of its own, on the same photos."""
    assert bench.nncf is not None
    with tempfile.TemporaryDirectory(prefix="skt-nncf-") as name:
        folder = Path(name)
        for file, data in openvino_ir(bench.source.master, b"{}", "fp32").items():
            (folder / file).write_bytes(data)
        for number, shot in enumerate(bench.calibration):
            for part, batch in enumerate(batches(shot.load(), bench.source.multiple)):
                np.save(folder / f"{number:04}-{part}.npy", batch)
        script = Path(__file__).with_name("int8_nncf.py")
        subprocess.run([str(bench.nncf), str(script), name, preset], check=True)
        return {file: (folder / "int8" / file).read_bytes() for file in ("model.xml", "model.bin")}


def ratio_or_none(
    source: Source, kind: str, float_files: dict[str, bytes], int8_files: dict[str, bytes]
) -> float | None:
    """time_ratio; None where the engine computes none of the convolutions in INT8, and so refuses the model."""
    try:
        return time_ratio(source, kind, float_files, int8_files)
    except BackendError as error:
        click.echo(f"  {error.message}", err=True)
        return None


def time_ratio(source: Source, kind: str, float_files: dict[str, bytes], int8_files: dict[str, bytes]) -> float:
    """How many times faster INT8 is than fp32, on one thread, each turn timing the one and then the other."""
    photo = np.random.default_rng(0).integers(0, 256, (1, *SIZE, 3), np.uint8)
    with (
        loaded(source, kind, "fp32", float_files, threads=1) as plain,
        loaded(source, kind, "int8", int8_files, threads=1) as quick,
    ):
        pairs = [(timed(plain, photo), timed(quick, photo)) for _ in range(WARM_UP + TURNS)][WARM_UP:]
    return statistics.median(slow / fast for slow, fast in pairs)


def timed(backend: Backend, photo: np.ndarray) -> float:
    """Milliseconds of one run."""
    watch = Stopwatch()
    backend.run(photo)
    return watch.lap_ms()


def loaded(source: Source, kind: str, precision: str, files: dict[str, bytes], threads: int | None = None) -> Backend:
    """A model in its engine."""
    variant = Variant(f"{kind}-{precision}", kind, precision, stride=source.stride, multiple=source.multiple)
    return opened(variant, files, threads)


def about(bench: Bench) -> dict[str, Any]:
    """What results belong to: other photos or another model begin anew."""
    import openvino

    photos = {"calibration": bench.calibration, "held_out": bench.gate.photos}
    return {
        "package": f"{bench.source.name} {with_version(bench.source.master)}",
        "openvino": openvino.__version__.split("-")[0],
        "photos": {name: len(shots) for name, shots in photos.items()},
        "people": sum(shot.true or 0 for shot in bench.gate.photos),
        "photo_hashes": {name: digest(shots) for name, shots in photos.items()},
    }


def with_version(master: onnx.ModelProto) -> str:
    """The model's version."""
    from exporters.calibration_table import master_sha256

    return master_sha256(master)[:12]


def digest(shots: list[Shot] | tuple[Shot, ...]) -> str:
    """One hash of many photos."""
    import hashlib

    return hashlib.sha256("".join(sorted(shot.sha256 for shot in shots)).encode()).hexdigest()[:16]


def earlier(path: Path, now: dict[str, Any]) -> dict[str, Any]:
    """The results so far, if they are of the same package and photos."""
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if {key: found.get(key) for key in now} == now:
            return found
    return {**now, "ways": {}}


def told(way: dict[str, Any]) -> str:
    """One way in a line."""
    keys = ("mae_percent", "bias_percent", "bin_percent", "photo_percent")
    figures = ", ".join(f"{key.partition('_')[0]} {way[key]:+.2f} %" for key in keys)
    speed = ", ".join(f"{times:.1f}x in {kind}" for kind, times in way["speedup"].items() if times is not None)
    return f"{way['label']}: {figures}; {speed}; {'passes' if way['passed'] else 'fails'}"


if __name__ == "__main__":
    main()
