"""Write the README's tables, and the model card's page with its pictures, from the committed results.

python benchmarks/tables.py            # rewrites README.md, the pages under docs/ with tables, and their pictures
python benchmarks/tables.py --check    # exit code 1 when they differ
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pictures import scatter, worst_maps

from sdk.package import Package
from sdk.shipped import SHIPPED

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
INT8 = "int8-methods.json"
Array = NDArray[np.float64]
SPEEDS = ("speed", "speed-cascade-lake")  # results, one a machine
NEVER_RUN = (  # device, engine and precision that would be taken there
    ("NVIDIA Jetson Orin, Thor", "TensorRT fp16, int8"),
    ("NVIDIA RTX, H200", "PyTorch CUDA fp32, fp16, bf16; TensorRT"),
    ("Intel N100, Core with iGPU", "OpenVINO int8"),
    ("Intel NPU", "OpenVINO int8, one photo size"),
    ("arm64 CPU", "ONNX Runtime int8"),
)
KEPT = ("tiny", "googlenet-a", "googlenet-b")  # students under benchmarks/checkpoints
NETWORKS = {
    "googlenet": "GoogLeNet up to inception 4a with a density head",
    "googlenet-quick": "the same at twice the stride",
}
SETS = {  # result: name, what it shows
    "shanghaitech-a": ("ShanghaiTech A", "dense crowds"),
    "shanghaitech-b": ("ShanghaiTech B", "streets"),
    "beijing-brt": ("Beijing BRT", "bus stops, day and night"),
}
ACCURACY_COLUMNS = "| package | data set | photos | people | MAE | RMSE | bias |\n|---|---|---|---|---|---|---|\n"
SCATTER, WORST = "true-and-counted.svg", "worst-photos.svg"
PICTURES = f"""
## Photo by photo

Each held-out photo as `benchmarks/accuracy.py` counted it, in the variant that this machine chose; on the line the
count is right.

![People counted over people by head points, a dot for each held-out photo](images/{SCATTER})

The photo of each set that was counted worst, as people in squares: the photos themselves are not ours to show.

![People in squares of the worst photos, by head points and as counted](images/{WORST})
"""


def main() -> None:
    """Write, or check."""
    docs = ROOT / "docs"
    texts = {ROOT / "README.md": readme(), docs / "model-card.md": model_card("default") + PICTURES}
    texts |= {docs / "model-card-quick.md": model_card("quick")}
    texts |= {docs / "export.md": export_page(), docs / "trust.md": trust_page(), docs / "bench.md": bench_page()}
    texts |= {docs / "distilling.md": distilling_page(), docs / "training.md": training_page()}
    texts |= {docs / "images" / name: picture for name, picture in pictures().items()}
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" not in sys.argv:
        for path in stale:
            path.write_text(texts[path], "utf-8")
    elif stale:
        sys.exit(f"run python benchmarks/tables.py: {', '.join(path.name for path in stale)} differ from the results")


def readme() -> str:
    """The README with its generated tables filled in."""
    text = (ROOT / "README.md").read_text("utf-8")
    text = filled(text, "accuracy", accuracy_table())
    return filled(text, "speed", speed_table(speed_records()))


def export_page() -> str:
    """docs/export.md with what exact sums count, and the comparison of INT8 methods, once that was measured."""
    text = (ROOT / "docs" / "export.md").read_text("utf-8")
    text = filled(text, "exact-sums", exact_table(read("exact-sums")))
    return filled(text, "int8-methods", int8_table(read("int8-methods"))) if (RESULTS / INT8).exists() else text


def trust_page() -> str:
    """docs/trust.md with what was measured of intervals and states."""
    text, record = (ROOT / "docs" / "trust.md").read_text("utf-8"), read("trust")
    return filled(filled(text, "coverage", coverage_table(record)), "states", states_table(record))


def coverage_table(record: dict[str, Any]) -> str:
    """How often intervals hold on photos held out."""
    measured = record["measured"]
    mean, low, high = (measured["coverage"][key] for key in ("mean", "lowest", "highest"))
    photos = f"{measured['photos']} photos split {measured['splits']} times"
    head = (
        f"Of {record['package']}, on {photos}: {mean:.1%} of the intervals hold the true number "
        f"({low:.0%} to {high:.0%} in nine splits of ten).\n\n"
        "| people counted | photos | intervals that hold | width, people (median) |\n|---|---|---|---|\n"
    )
    rows = (
        f"| {part['fewest']} {'or more' if part['most'] is None else 'to ' + str(part['most'])} | {part['photos']} "
        f"| {part['share']:.1%} | {part['width']:.0f} |\n"
        for part in record["coverage_by_density"]
    )
    return head + "".join(rows)


def states_table(record: dict[str, Any]) -> str:
    """What states find, and what they leave."""
    alarms = record["measured"]["false_alarms"]
    columns = "| | ok | degraded | untrusted |\n|---|---|---|---|\n"
    pictures = "".join(state_row(name, told) for name, told in record["states"].items())
    worse = "".join(state_row(f"{one['picture']}: {one['people_left']:.0%} of the people left", one)
                    for one in record["worse_pictures"])  # fmt: skip
    moved = "".join(f"| {one['camera']} | {one['moved']} of {one['views']} | {one['covered']} of {one['views']} |\n"
                    for one in record["cameras"])  # fmt: skip
    parts = (
        f"Photos held out that are told to be unlike the others: {alarms:.1%}.\n",
        "Pictures of each kind in each state, told by single frames:\n",
        columns + pictures,
        "Held-out photos with less light or out of focus, and what is then counted:\n",
        columns + worse,
        "Drawn views after something happened to their camera:\n",
        f"| | moved | covered |\n|---|---|---|\n{moved}",
        f"A state takes {record['milliseconds']:.1f} ms of a processor for a frame of 1920 x 1080 pixels.\n",
    )
    return "\n".join(parts)


def state_row(name: str, told: dict[str, Any]) -> str:
    """One kind of picture."""
    return f"| {name} | {told['ok']} | {told['degraded']} | {told['untrusted']} |\n"


def bench_page() -> str:
    """docs/bench.md with what must hold and what was found, machine by machine."""
    text = (ROOT / "docs" / "bench.md").read_text("utf-8")
    tables = (f"{cpu(one)}:\n\n{promise_lines(one['promises'])}" for one in speed_records())
    return filled(text, "promises", "\n".join(tables))


def distilling_page() -> str:
    """docs/distilling.md with what each part of the transfer did for a student."""
    text = (ROOT / "docs" / "distilling.md").read_text("utf-8")
    return filled(text, "ablation", ablation_table(read("ablation-transfer")))


def training_page() -> str:
    """docs/training.md with the scores of the students whose weights are kept and do not ship."""
    text = (ROOT / "docs" / "training.md").read_text("utf-8")
    rows = [row(name, *SETS[one], read(f"{name}/accuracy-{one}")["scores"]) for name in KEPT for one in SETS]
    return filled(text, "kept", "".join([ACCURACY_COLUMNS, *rows]))


def ablation_table(record: dict[str, Any]) -> str:
    """Each way's errors by seed, and how the first way differs from it, photo by photo."""
    ways = {name: way["seeds"] for name, way in record["ways"].items() if way["seeds"]}
    seeds = sorted({seed for runs in ways.values() for seed in runs})
    head = (
        f"`{record['recipe']}` from {record['start']}, {record['steps']} steps on the same crops; MAE (and mean signed "
        f"error) on ShanghaiTech A's photos (`benchmarks/ablation.py transfer`; teacher: {record['teacher']}). "
        "*Less than without* is the mean over photos and seeds of what a way's absolute error is below the first "
        "way's, with the standard error over photos:\n\n"
    )
    return head + "\n".join(part_of_ablation(part, ways, seeds) for part in ("held out", "trained on"))


def part_of_ablation(part: str, ways: dict[str, dict[str, Any]], seeds: list[str]) -> str:
    """The table of the photos that were held out, or trained on."""
    errors = {name: {seed: np.array(run[part]) for seed, run in runs.items()} for name, runs in ways.items()}
    first = next(iter(errors.values()))
    photos = len(next(iter(first.values())))
    head = (
        f"| {photos} photos {part} | {' | '.join(f'seed {seed}' for seed in seeds)} | mean MAE | less than without |\n"
        f"|---|{'---|' * len(seeds)}---|---|\n"
    )
    return head + "".join(ablation_row(name, runs, first, seeds) for name, runs in errors.items())


def ablation_row(name: str, runs: dict[str, Array], first: dict[str, Array], seeds: list[str]) -> str:
    """One way."""
    told = [f"{np.abs(runs[s]).mean():.1f} ({runs[s].mean():+.0f})" if s in runs else "-" for s in seeds]
    mean = np.mean([np.abs(run).mean() for run in runs.values()]) if len(runs) == len(seeds) else None
    shared = [np.abs(first[seed]) - np.abs(run) for seed, run in runs.items() if seed in first]
    gain = np.mean(shared, axis=0)
    better = "-" if runs is first else f"{gain.mean():+.1f} ± {gain.std(ddof=1) / len(gain) ** 0.5:.1f}"
    return f"| {name} | {' | '.join(told)} | {'-' if mean is None else f'{mean:.1f}'} | {better} |\n"


def filled(text: str, name: str, table: str) -> str:
    """The text with what stands between the marks of `name` replaced."""
    pattern = rf"(<!-- table:{name} -->\n).*?(<!-- /table:{name} -->)"
    return re.sub(pattern, lambda found: f"{found[1]}{table}{found[2]}", text, count=1, flags=re.DOTALL)


def accuracy_table() -> str:
    """Errors on held-out photos, of each shipped package."""
    head = "Errors in people a photo, against head points, on photos held out from training:\n\n"
    rows = [row(name, *SETS[one], read(f"{folder(name)}accuracy-{one}")["scores"]) for one in SETS for name in SHIPPED]
    return head + ACCURACY_COLUMNS + "".join(rows) + "\n" + "".join(what_it_is(name) for name in SHIPPED)


def what_it_is(name: str) -> str:
    """A shipped package's network, and what it counts where there is nobody."""
    with Package.open(name) as package:
        manifest = package.manifest
    blanks = read(f"{folder(name)}blanks")["counts"]
    kinds = {name.split()[0] for name in blanks}
    worst = {kind: max(count for name, count in blanks.items() if name.startswith(kind)) for kind in kinds}
    plain = max(worst[kind] for kind in ("black", "grey", "white"))
    precision = read(f"{folder(name)}accuracy-shanghaitech-a")["backend"].rsplit(", ", 1)[1]
    nobody = f"{plain:.1f} people in black, grey and white ones, {worst['noise']:.1f} in noise"
    return (
        f"* `{name}`: {NETWORKS[manifest.architecture]}, {manifest.parameters / 1e6:.2f} M parameters, "
        f"{manifest.macs_576x864 / 1e9:.1f} GMAC at 576 x 864. Where there is nobody it counts, at worst of "
        f"{len(blanks)} frames, {nobody}, {worst['empty']:.1f} in drawn empty scenes. "
        f"Scored in {precision}.\n"
    )


def folder(name: str) -> str:
    """Where under the results a shipped package's scores lie."""
    return "" if name == "default" else f"{name}/"


def row(package: str, name: str, shows: str, scores: dict[str, Any]) -> str:
    """One data set."""
    errors = f"{scores['mae']:.1f} | {scores['rmse']:.1f} | {scores['bias']:+.1f}"
    return f"| {package} | {name} ({shows}) | {scores['photos']} | {scores['people']:,} | {errors} |\n"


def speed_records() -> list[dict[str, Any]]:
    """What was measured on each machine, without packages that no longer ship."""
    return [of_what_ships(read(name)) for name in SPEEDS]


def of_what_ships(record: dict[str, Any]) -> dict[str, Any]:
    """The record without rows, and promises, of another network than a shipped package's now.

    Rows of its earlier weights are kept, and said, but for INT8, of which other layers may be in float.
    """
    old, earlier = set(), set()
    for name in SHIPPED:
        with Package.open(name) as package:
            manifest = package.manifest
        rows = [one for run in record["runs"].values() for one in run["rows"] if one["network"].split(" ")[0] == name]
        old |= {name for one in rows if one["parameters"] not in (None, manifest.parameters)}
        earlier |= {name for one in rows if manifest.version not in one["network"]}
    runs = {
        key: {**run, "rows": [renamed(one, earlier) for one in run["rows"] if still_holds(one, old, earlier)]}
        for key, run in record["runs"].items()
    }
    promised = [one for one in record["promises"] if not any(name in one["what"].split(" ") for name in old | earlier)]
    return {**record, "runs": runs, "promises": promised}


def still_holds(row: dict[str, Any], old: set[str], earlier: set[str]) -> bool:
    """Whether a row tells something of what ships now."""
    name = row["name"].split(" ")[0]
    return name not in old and not (name in earlier and row["precision"] == "int8")


def renamed(row: dict[str, Any], earlier: set[str]) -> dict[str, Any]:
    """The row, its name saying where the weights were earlier ones."""
    name, _, rest = row["name"].partition(" ")
    return {**row, "name": f"{name}, earlier weights, {rest}"} if name in earlier else row


def speed_table(records: list[dict[str, Any]]) -> str:
    """What a photo takes on the machines that were measured, and a row for each device that never was."""
    told = "; ".join(f"{cpu(one)}: {', '.join(machine(one)['cpu_flags'])}" for one in records)
    head = (
        f"Two threads ({told}). Measured by `benchmarks/speed.py`, each contender in its own process, in turns; a dash "
        "where it was not, or the machine was busy with something else.\n\n"
        "| device | contender | ms 576 x 864 | 1920 x 1080 | 1080p JPEG file | peak MB |\n"
        "|---|---|---|---|---|---|\n"
    )
    lines = [line for record in records for line in speed_rows(record)]
    absent = [f"| {device} | {engine} | *not verified* | | | |\n" for device, engine in NEVER_RUN]
    return head + "".join(lines + absent)


def speed_rows(record: dict[str, Any]) -> list[str]:
    """A line for each contender on one machine."""
    runs = record["runs"]
    rows = [row for run in ("frame", "file") for row in runs[run]["rows"] if row["load"]["state"] == "clean"]
    names = dict.fromkeys(row["name"] for row in rows if not row["failed"] and "benchmark_app" not in row["name"])
    return [speed_row(name, record) for name in names]


def machine(record: dict[str, Any]) -> dict[str, Any]:
    """Where a record was measured."""
    found: dict[str, Any] = record["runs"]["frame"]["machine"]
    return found


def cpu(record: dict[str, Any]) -> str:
    """The machine's processor."""
    return str(record.get("processor", machine(record)["cpu"]))


def speed_row(name: str, record: dict[str, Any]) -> str:
    """One contender on the machine that was measured."""
    runs = record["runs"]
    found = {run: next((row for row in runs[run]["rows"] if row["name"] == name), None) for run in runs}
    quiet = {run: row for run, row in found.items() if row is not None and row["load"]["state"] == "clean"}
    times = [figure(quiet.get(run), "median_ms", 1) for run in ("frame", "hd", "file")]
    peak = figure(found.get("frame") or found.get("file"), "peak_mb", 0)
    return f"| {cpu(record)} | {name} | {' | '.join(times)} | {peak} |\n"


def figure(row: dict[str, Any] | None, key: str, digits: int) -> str:
    """A number of a row; a dash where there is none."""
    return "-" if row is None or row[key] is None else f"{row[key]:,.{digits}f}"


def promise_lines(promises: list[dict[str, Any]]) -> str:
    """What must hold, and what was found."""
    head = "| promise | must | found | by processor time | holds |\n|---|---|---|---|---|\n"
    return head + "".join(promise_row(one) for one in promises)


def promise_row(one: dict[str, Any]) -> str:
    """One promise; without a verdict where its machine was busy."""
    found, processor = ("-" if one.get(key) is None else f"{one[key]:.3g}" for key in ("found", "by_processor"))
    verdict = ("yes" if one["holds"] else "**no**") if one["clean"] else "*not clean*"
    return (
        f"| {one['what'].rstrip(',')} | {one['must']} | {found if one['clean'] else '-'} | {processor} | {verdict} |\n"
    )


def exact_table(record: dict[str, Any]) -> str:
    """INT8 node by node beside what engines counted on a CPU with VNNI, and beside fp32."""
    head = "| package | photos | beside | all people | a photo, mean | a photo, greatest |\n|---|---|---|---|---|---|\n"
    rows = ""
    for one in record.values():
        beside = {
            **{f"{engine}, VNNI": found for engine, found in one["node_by_node"].items()},
            "(INT8 with VNNI beside fp32)": one["int8_beside_fp32"],
        }
        for name, found in beside.items():
            figures = (
                f"{found['bias_percent']:+.2f} % | {found['mean_percent']:.2f} % | {found['greatest_percent']:.1f} %"
            )
            rows += f"| {one['package']} `{one['version']}` | {one['photos']} | {name} | {figures} |\n"
    return head + rows


def int8_table(record: dict[str, Any]) -> str:
    """What each way to INT8 loses beside fp32, and how much faster it is."""
    photos = record["photos"]
    head = (
        f"{record['package']}, calibrated on {photos['calibration']} training photos, counted on "
        f"{photos['held_out']} held-out photos with {record['people']:,} people, beside fp32:\n\n"
        "| way | MAE | bias | worst density | worst photo | speed in OpenVINO / ONNX Runtime | passes the gate |\n"
        "|---|---|---|---|---|---|---|\n"
    )
    return head + "".join(int8_row(way) for way in record["ways"].values())


def int8_row(way: dict[str, Any]) -> str:
    """One way."""
    speeds = (way["speedup"].get(kind) for kind in ("openvino", "onnx"))
    speed = " / ".join("-" if times is None else f"{times:.1f}x" for times in speeds)
    figures = " | ".join(
        f"{way[key]:+.2f} %" for key in ("mae_percent", "bias_percent", "bin_percent", "photo_percent")
    )
    return f"| {way['label']} | {figures} | {speed} | {'yes' if way['passed'] else 'no'} |\n"


def model_card(name: str) -> str:
    """A shipped package's model card."""
    with Package.open(name) as package:
        return package.model_card


def pictures() -> dict[str, str]:
    """The card's pictures by name."""
    for name in SHIPPED:
        check_shipped(name, [json.loads(path.read_text("utf-8")) for path in scored(name)])
    evaluations = [read(path.stem) for path in sorted(RESULTS.glob("accuracy-*.json"))]
    worst = read("worst-photos")
    return {SCATTER: scatter(evaluations), WORST: worst_maps(worst)}


def scored(name: str) -> list[Path]:
    """What benchmarks/accuracy.py wrote of a shipped package."""
    kinds = ("accuracy-*.json", "blanks.json", "worst-photos.json")
    return [path for kind in kinds for path in (RESULTS / folder(name)).glob(kind)]


def check_shipped(name: str, records: list[Any]) -> None:
    """Stop at results of another package than the one that ships."""
    with Package.open(name) as package:
        shipped = f"{package.manifest.name} {package.manifest.version}"
    results = [one for record in records for one in (record if isinstance(record, list) else [record])]
    others = {result["package"] for result in results} - {shipped}
    if others:
        sys.exit(f"results of {', '.join(others)} beside the shipped {shipped}: run benchmarks/accuracy.py")


def read(name: str) -> Any:
    """A committed result."""
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


if __name__ == "__main__":
    main()
