"""Compare INT8 counted node by node, with exact sums, with what engines count on CPUs with VNNI.

    python benchmarks/exact_sums.py --data DATASETS [--package NAME.skt ...]

Counts the photos of each package's accuracy gate with its onnx-int8 graph node by node, as `skt-export` does on CPUs
whose 8-bit sums saturate, and writes benchmarks/results/exact-sums.json: the differences from the counts that the
gate recorded in the real engines, on a CPU with VNNI. A package whose gate was itself counted node by node proves
nothing and is refused: the default's is one since version 82c4eb1abdd9. What was written of other packages is kept.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from exporters.calibration_photos import Shot
from exporters.calibration_sets import find_shots
from exporters.counting import counter_of
from exporters.gate import CROWD, GATE_NAME
from exporters.onnx import load_model
from exporters.sessions import SourceBackend
from exporters.source import Source, open_source
from runtimes import Variant
from sdk.files import write_whole
from sdk.package import Package
from sdk.shipped import shipped

RESULTS = Path(__file__).parent / "results" / "exact-sums.json"
VARIANT = "onnx-int8"
Counts = NDArray[np.float64]  # (photos,) people


@click.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False), required=True, help="The data sets' folder.")
@click.option("--package", "packages", multiple=True, default=("quick",), show_default=True, help="A package.")
def main(data: str, packages: tuple[str, ...]) -> None:
    """Count, compare, write."""
    about = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    about |= {compared["package"]: compared for compared in (compare(shipped(name), data) for name in packages)}
    write_whole(RESULTS, (json.dumps(about, indent=1, sort_keys=True) + "\n").encode())


def compare(path: Path, data: str) -> dict[str, Any]:
    """One package: how far node by node is from each engine's recorded counts, and INT8 from fp32."""
    with Package.open(path) as package:
        files, manifest = package.read_all(), package.manifest
    gate = json.loads(files[GATE_NAME])["variants"]
    if any("node by node" in verdict["engine"] for verdict in gate.values()):
        raise click.ClickException(f"the gate of {path.name} was counted node by node itself")
    shots = {shot.sha256: shot for shot in find_shots([f"recipe:googlenet:{data}:val"])[0]}
    alike = [at for at, row in enumerate(gate[VARIANT]["counts"]) if row["sha256"] in shots]  # drawn ones may differ
    photos = [shots[gate[VARIANT]["counts"][at]["sha256"]] for at in alike]
    with open_source(path) as source:
        counted = count(source, files[f"variants/{VARIANT}/model.onnx"], photos)
    engines = {one["engine"]: difference(counted, of(one, "int8")[alike]) for one in gate.values()}
    told = {"package": manifest.name, "version": manifest.version, "photos": len(alike), "node_by_node": engines}
    return {**told, "int8_beside_fp32": difference(*(of(gate[VARIANT], kind)[alike] for kind in ("int8", "fp32")))}


def count(source: Source, model: bytes, photos: list[Shot]) -> Counts:
    """People in each photo, node by node."""
    variant = Variant(VARIANT, "onnx", "int8", stride=source.stride, multiple=source.multiple)
    with SourceBackend(variant, load_model(model, VARIANT), None) as backend:
        people = counter_of(backend, source)
        return np.array([people(photo) for photo in photos])


def of(verdict: dict[str, Any], precision: str) -> Counts:
    """What the gate recorded, to four digits."""
    return np.array([row[precision] for row in verdict["counts"]])


def difference(counts: Counts, others: Counts) -> dict[str, float]:
    """Of all people, and the mean and the greatest of a photo's, or of the fewest that make a crowd; per cent."""
    photo = 100 * np.abs(counts - others) / np.maximum(others, CROWD)
    bias = 100 * float((counts - others).sum() / others.sum())
    figures = {"bias_percent": bias, "mean_percent": float(photo.mean()), "greatest_percent": float(photo.max())}
    return {key: float(f"{value:.3g}") for key, value in figures.items()}


if __name__ == "__main__":
    main()
