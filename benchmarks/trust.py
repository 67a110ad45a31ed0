"""How often intervals hold, how often a state is wrong, and what it finds.

    python benchmarks/trust.py --data DATASETS [--package NAME.skt] [--recipe googlenet]

Counts the held-out photos that the recipe names, and measures on random splits of them. What a state finds is measured
on what happens to those photos (dark, out of focus, upside down, enlarged), on drawn pages and patterns, and for
cameras that are moved or covered on drawn scenes. Writes benchmarks/results/trust.json. No photo of an official test
part is read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np

from exporters.calibration_photos import Shot
from exporters.calibration_sets import find_shots
from exporters.trust import CountedPhoto, count_labelled, counter_words, fit_trust
from sdk import CrowdCounter
from sdk.commands.common import Progress
from sdk.config import to_plain
from sdk.files import write_whole
from sdk.frame import Image
from sdk.scenes import draw_scene
from sdk.timing import Moment, processor_seconds
from sdk.trust.interval import HELD_OUT, SPLITS, fit_intervals
from sdk.trust.likeness import Likeness, features_of, fit_likeness
from sdk.trust.picture import look_at
from sdk.trust.state import STATES, state_of
from sdk.trust.watch import Watch

RESULTS = Path(__file__).parent / "results"
DENSITIES = ((0, 20), (20, 100), (100, None))  # people counted
SHOWN = 24  # photos that are counted again darker and more blurred
GAINS, SIGMAS = (0.5, 0.3, 0.2, 0.14, 0.1), (1.0, 1.5, 2.0, 3.0, 4.0)
SEEDS = (800, 801, 802)  # of drawn views
Picture = Callable[[Image], Image]


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True)
@click.option("--package", type=click.Path(path_type=Path), help="The shipped package if absent.")
@click.option("--recipe", default="googlenet", show_default=True)
def main(data: Path, package: Path | None, recipe: str) -> None:
    """Measure, and write the results."""
    shots, _ = find_shots([f"recipe:{recipe}:{data}:val"])
    with CrowdCounter(package) as counter:
        progress = Progress(len(shots), "photos")
        photos = count_labelled(counter, shots, progress.advance)
        progress.clear()
        name = f"{counter.manifest.name} {counter.manifest.version}"
        trust = fit_trust(photos, counter.manifest.version, [f"recipe:{recipe}:val"], counter_words(counter))
        record = {
            "package": name,
            "measured": to_plain(trust.measured),
            "bins": to_plain(trust.intervals.bins),
            "coverage_by_density": coverage_by_density(photos),
            "worse_pictures": worse_pictures(counter, shots),
        }
    record |= {
        "states": states(shots, trust.likeness),
        "cameras": cameras(),
        "milliseconds": milliseconds(trust.likeness),
    }
    RESULTS.mkdir(exist_ok=True)
    write_whole(RESULTS / "trust.json", (json.dumps(record, indent=1, sort_keys=True) + "\n").encode())
    click.echo(json.dumps(record, indent=1))


def coverage_by_density(photos: Sequence[CountedPhoto]) -> list[dict[str, Any]]:
    """The share of held-out photos whose interval holds, and the median width, by what was counted, over the splits."""
    counted = np.array([photo.counted for photo in photos])
    true = np.array([photo.true for photo in photos], np.float64)
    rows: list[tuple[float, bool, float]] = []
    for seed in range(SPLITS):
        held, kept = np.split(np.random.default_rng(seed).permutation(len(photos)), [round(HELD_OUT * len(photos))])
        intervals = fit_intervals(counted[kept].tolist(), true[kept].tolist())
        for at in held:
            low, high = intervals.around(counted[at])
            rows.append((counted[at], bool(low <= true[at] <= high), high - low))
    found = []
    for fewest, most in DENSITIES:
        part = [row for row in rows if fewest <= row[0] < (np.inf if most is None else most)]
        share, width = np.mean([row[1] for row in part]), np.median([row[2] for row in part])
        photos_here = int(sum(fewest <= value < (np.inf if most is None else most) for value in counted))
        found.append(
            {"fewest": fewest, "most": most, "photos": photos_here, "share": round(float(share), 4)}
            | {"width": round(float(width), 1)}
        )
    return found


def worse_pictures(counter: CrowdCounter, shots: Sequence[Shot]) -> list[dict[str, Any]]:
    """What is left of the people when photos are darker or blurred, and what their states say."""
    rng = np.random.default_rng(0)
    images = [shots[at].load() for at in rng.choice(len(shots), SHOWN, replace=False)]
    before = sum(counter.count(image).count for image in images)
    ways: dict[str, Picture] = {f"light x {gain:g}": darker(gain, rng) for gain in GAINS}
    ways |= {f"blur of {sigma:g} pixels": blurrier(sigma) for sigma in SIGMAS}
    found = []
    for name, change in ways.items():
        results = [counter.count(change(image)) for image in images]
        told = {state: sum(result.state == state for result in results) for state in STATES}
        found.append(
            {"picture": name, "people_left": round(sum(result.count for result in results) / before, 3), **told}
        )
    return found


def states(shots: Sequence[Shot], likeness: Likeness) -> dict[str, dict[str, int]]:
    """How many pictures of each kind are told to be in each state; those made of photos by the other half of them."""
    rng = np.random.default_rng(1)
    others = fit_likeness([features_of(look_at(shot.load())) for shot in shots[1::2]])
    of_photos: dict[str, Picture] = {
        "other held-out photos": lambda image: image,
        "upside down": lambda image: image[::-1],
        "negatives": lambda image: 255 - image,
        "night": darker(0.12, rng),
        "enlarged 3 times": lambda image: enlarged(image, 3),
        "enlarged 6 times": lambda image: enlarged(image, 6),
    }
    drawn: dict[str, Iterable[Image]] = {
        "pages of text": pages(30, rng),
        "patterns": patterns(60, rng),
        "noise": (rng.integers(0, 256, (768, 1024, 3), np.uint8) for _ in range(10)),
        "drawn scenes": (draw_scene(900 + seed, people=30).photo for seed in range(12)),
    }
    changed = {name: told((way(shot.load()) for shot in shots[::2]), others) for name, way in of_photos.items()}
    return changed | {name: told(images, likeness) for name, images in drawn.items()}


def told(images: Iterable[Image], likeness: Likeness) -> dict[str, int]:
    """How many are in each state."""
    found = [state_of(look_at(np.ascontiguousarray(image)), likeness).name for image in images]
    return {state: found.count(state) for state in STATES}


def darker(gain: float, rng: np.random.Generator) -> Picture:
    """As a camera with less light gives it, with its noise."""
    return lambda image: np.clip(image * gain + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8)


def blurrier(sigma: float) -> Picture:
    """Out of focus."""
    return lambda image: np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def enlarged(image: Image, times: int) -> Image:
    """Its middle, as large as the whole: people are as many times too large."""
    height, width = image.shape[:2]
    top, left = (height - height // times) // 2, (width - width // times) // 2
    part = image[top : top + height // times, left : left + width // times]
    return np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def pages(number: int, rng: np.random.Generator) -> Iterator[Image]:
    """White pages with lines of letters."""
    for _ in range(number):
        page = np.full((1080, 810, 3), rng.integers(225, 256), np.uint8)
        size = rng.uniform(0.5, 1.3)
        for row in np.arange(60, 1040, size * 34):
            words = ["".join(map(chr, rng.integers(97, 123, rng.integers(2, 10)))) for _ in range(12)]
            text = " ".join(words)[: int(700 / (size * 17))]
            cv2.putText(page, text, (50, int(row)), cv2.FONT_HERSHEY_SIMPLEX, size, (30, 30, 30), 1, cv2.LINE_AA)
        yield page


def patterns(number: int, rng: np.random.Generator) -> Iterator[Image]:
    """Stripes, checks and clouds, in turns."""
    rows, columns = np.mgrid[:768, :1024].astype(np.float32)
    for at in range(number):
        period, angle = rng.uniform(8, 60), rng.uniform(0, np.pi)
        across = np.sin((columns * np.cos(angle) + rows * np.sin(angle)) * 2 * np.pi / period)
        down = np.sin((rows * np.cos(angle) - columns * np.sin(angle)) * 2 * np.pi / period)
        pattern = (across, np.sign(across * down), clouds(rng))[at % 3]
        yield np.clip(rng.uniform(60, 200, 3) + 70 * pattern[..., None], 0, 255).astype(np.uint8)


def clouds(rng: np.random.Generator) -> np.ndarray[Any, np.dtype[Any]]:
    """Noise whose amplitude falls with frequency, as in photos."""
    waves = np.fft.rfft2(rng.standard_normal((768, 1024)))
    far = np.hypot(np.fft.fftfreq(768)[:, None], np.fft.rfftfreq(1024)[None])
    field = np.fft.irfft2(waves / np.maximum(far, 1 / 768) ** rng.uniform(0.8, 1.6), s=(768, 1024))
    return np.asarray(field / (2.5 * field.std()))


def cameras() -> list[dict[str, Any]]:
    """What a watch says of drawn views: left alone, moved, turned, zoomed and covered; of 12 frames each."""

    def shifted(part: float) -> Picture:
        return lambda image: np.roll(image, round(part * image.shape[1]), axis=1)

    def turned(degrees: float) -> Picture:
        return lambda image: warped(image, degrees, 1.0)

    def zoomed(times: float) -> Picture:
        return lambda image: warped(image, 0.0, times)

    def hidden(part: float) -> Picture:
        return lambda image: np.hstack([image[:, : round(part * image.shape[1])] // 64 + 80,
                                        image[:, round(part * image.shape[1]) :]])  # fmt: skip

    ways: dict[str, Picture] = {"left alone": lambda image: image}
    ways |= {f"moved by {part:.0%} of the width": shifted(part) for part in (0.01, 0.02, 0.04, 0.08)}
    ways |= {f"turned by {degrees} degrees": turned(degrees) for degrees in (2, 5, 10)}
    ways |= {f"zoomed {times} times": zoomed(times) for times in (1.05, 1.1, 1.3)}
    ways |= {f"{part:.0%} covered": hidden(part) for part in (0.3, 0.6, 0.8, 1.0)}
    views = [[draw_scene(seed, width=640, height=360, people=20 + 4 * at).photo for at in range(4)] for seed in SEEDS]
    return [{"camera": name, "views": len(views), **watched(views, way)} for name, way in ways.items()]


def watched(views: list[list[Image]], way: Picture) -> dict[str, int]:
    """In how many views a reason was given in the end, and in how many frames one was given before."""
    told = {"moved": 0, "covered": 0, "false": 0}
    for seed, frames in enumerate(views):
        watch, rng = Watch(), np.random.default_rng(seed)
        says: list[str] = []
        for at in range(24):
            frame = frames[at % len(frames)] if at < 12 else way(frames[at % len(frames)])
            seen = np.clip(frame + rng.normal(0, 2, frame.shape), 0, 255).astype(np.uint8)
            found = watch.update(look_at(seen), Moment(2.0 * at, 2.0 * at))
            says.append(" ".join(finding.reason.split(":")[0] for finding in found))
        told["moved"] += says[-1] == "camera moved"
        told["covered"] += says[-1] == "covered"
        told["false"] += sum(map(bool, says[:12]))
    return told


def warped(image: Image, degrees: float, times: float) -> Image:
    """Turned around its middle and enlarged."""
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, times)
    return np.asarray(cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)


def milliseconds(likeness: Likeness) -> float:
    """Time of processors for the state of a frame of 1920 x 1080 pixels, beside earlier frames: the median of 100."""
    frame = draw_scene(7, width=1920, height=1080, people=50).photo
    watch, times = Watch(), []
    for at in range(100):
        before = processor_seconds()
        look = look_at(frame)
        state_of(look, likeness).with_findings(watch.update(look, Moment(at, at)))
        times.append(1000 * (processor_seconds() - before))
    return round(float(np.median(times)), 3)


if __name__ == "__main__":
    main()
