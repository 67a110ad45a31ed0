"""Score a package on the held-out photos of its recipe, on frames without people, and on the sample photos.

    python benchmarks/accuracy.py --data DATASETS [--package NAME.skt] [--recipe googlenet]

Writes benchmarks/results/accuracy-SET.json, one a set, in the form of `skt-eval --json`, worst-photos.json, which says
where in each set's worst photo people are and are counted, and blanks.json; of a package that is not called default,
into a folder of its name there. The held-out photos are the ones that the
recipe names; no photo of an official test part is read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np

from distiller.config import read_config
from distiller.data import is_held_out
from sdk import CrowdCounter
from sdk.commands.common import Progress
from sdk.datasets import Sample, read_dataset
from sdk.evaluation import evaluate
from sdk.files import write_whole
from sdk.frame import decode_bytes, read_bytes
from sdk.scenes import SceneStyle, draw_empty
from sdk.scenes.style import BACKGROUNDS

RESULTS = Path(__file__).parent / "results"
BLANKS = {"black": 0, "grey": 128, "white": 255}
ACROSS = 24  # squares along the longer side of a photo in worst-photos.json
SIZES = ((360, 640), (768, 1024), (1080, 1920))


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True)
@click.option("--package", type=click.Path(path_type=Path), help="The shipped one if absent; or quick.")
@click.option("--recipe", default="googlenet", show_default=True)
def main(data: Path, package: Path | None, recipe: str) -> None:
    """Score, and write the results."""
    with CrowdCounter(package) as counter:
        name = counter.manifest.name
        out = RESULTS if name == "default" else RESULTS / name
        out.mkdir(exist_ok=True)
        worst = [score(counter, name, samples, out) for name, samples in held_out(recipe, data).items()]
        lines = ",\n".join(json.dumps(record, sort_keys=True) for record in worst)
        write_whole(out / "worst-photos.json", f"[\n{lines}\n]\n".encode())
        write(out / "blanks.json", {"package": label(counter), "counts": dict(count_blanks(counter))})


def held_out(recipe: str, data: Path) -> dict[str, list[Sample]]:
    """The validation photos of each set of a recipe."""
    config = read_config(recipe, ())
    sets = {}
    for name, about in config.sets.items():
        samples = read_dataset(about.dataset, data / about.root, about.part, about.split)
        sets[name] = [sample for sample in samples if is_held_out(sample.name, about.validation)]
    return sets


def score(counter: CrowdCounter, name: str, samples: list[Sample], out: Path) -> dict[str, Any]:
    """Score one set; where its worst photo's people are."""
    progress = Progress(len(samples), "photos")
    title = f"{name}, held-out training photos"
    evaluation = evaluate(counter, samples, dataset=title, package=label(counter), progress=progress.advance)
    progress.clear()
    write(out / f"accuracy-{name}.json", evaluation.to_json())
    scores = evaluation.scores
    errors = f"MAE {scores.mae:.2f}, RMSE {scores.rmse:.2f}, bias {scores.bias:+.2f}"
    click.echo(f"{title}: {scores.photos} photos, {errors}")
    worst = evaluation.worst[0].photo.name
    return {
        "set": name,
        "package": label(counter),
        **squares(counter, next(sample for sample in samples if sample.name == worst)),
    }


def squares(counter: CrowdCounter, sample: Sample) -> dict[str, Any]:
    """A photo's people in squares, ACROSS along its longer side: by head points and as counted."""
    result = counter.count(decode_bytes(read_bytes(sample.photo), str(sample.photo), upright=False))
    cells = result.density.astype(np.float64)
    side = -(-max(cells.shape) // ACROSS)
    rows, columns = (-(-length // side) for length in cells.shape)
    padded = np.pad(cells, [(0, side * n - length) for n, length in zip((rows, columns), cells.shape, strict=True)])
    counted = padded.reshape(rows, side, columns, side).sum((1, 3))
    pixels = side * result.stride / result.scale
    edges = [np.arange(n + 1) * pixels for n in (rows, columns)]
    true, _, _ = np.histogram2d(sample.points[:, 1], sample.points[:, 0], edges)
    return {
        "name": sample.name,
        "true": len(sample.points),
        "counted": round(result.count, 1),
        "true_in": true.astype(int).tolist(),
        "counted_in": counted.round(2).tolist(),
    }


def count_blanks(counter: CrowdCounter) -> list[tuple[str, float]]:
    """Counts of frames that show nobody."""
    counts = []
    rng = np.random.default_rng(0)
    for height, width in SIZES:
        frames = {name: np.full((height, width, 3), value, np.uint8) for name, value in BLANKS.items()}
        frames["noise"] = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        counts += [(f"{name} {width}x{height}", counter.count(frame).count) for name, frame in frames.items()]
    for background in BACKGROUNDS:
        for seed in range(5):
            scene = draw_empty(seed, style=SceneStyle(background=background))
            counts.append((f"empty {background} {seed}", counter.count(scene.photo).count))
    for name, count in counts:
        click.echo(f"{name}: {count:.2f}")
    return counts


def label(counter: CrowdCounter) -> str:
    """The package's name and version."""
    return f"{counter.manifest.name} {counter.manifest.version}"


def write(path: Path, record: dict[str, Any]) -> None:
    """One result as JSON."""
    write_whole(path, (json.dumps(record, indent=1, sort_keys=True) + "\n").encode())


if __name__ == "__main__":
    main()
