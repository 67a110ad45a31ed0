"""`skt-calibrate`: a correction for one camera, from a few of its frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdk.commands.common import Progress, engine_options, friendly, json_option, print_json
from sdk.config import to_plain
from sdk.errors import ConfigError, InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sdk.counter import CrowdCounter
    from sdk.frame import Image
    from sdk.trust.correction import Correction

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("frames", type=FILE)
@click.option("--points", type=FILE, metavar="FILE", help="Head points: CSV with photo,x,y, or JSON.")
@click.option("--counts", type=FILE, metavar="FILE", help="Or the people in each frame: CSV with photo,count.")
@click.option("--camera", default="camera", show_default=True, metavar="NAME", help="What it is called.")
@click.option("-o", "--output", type=FILE, metavar="FILE", help="The correction to write. [default: NAME.yaml]")
@click.option("-m", "--model", "package", type=FILE, help="A model package; the shipped one if absent.")
@json_option
@engine_options
@friendly
def main(
    frames: Path,
    points: Path | None,
    counts: Path | None,
    camera: str,
    output: Path | None,
    package: Path | None,
    as_json: bool,
    device: str,
    backend: str,
    precision: str,
    threads: int | None,
) -> None:
    """Find a correction for the camera that took the 3 to 10 frames in the folder FRAMES.

    Tried are a factor on the counts and other scales of the frame. What it is worth is told by leaving out each frame
    once; where it does not help, nothing is written and the exit code is 7. Name the file in cameras.yaml as
    correction: FILE.
    """
    from sdk.counter import CrowdCounter

    people = read_people(points, counts)
    images = read_frames(frames, people)
    with CrowdCounter(package, device=device, backend=backend, precision=precision, threads=threads) as counter:
        correction = measure(counter, images, list(people.values()))
    target = output or Path(f"{camera}.yaml")
    correction.write(target)
    report(correction, camera, target, as_json=as_json)


def read_people(points: Path | None, counts: Path | None) -> dict[str, int]:
    """The people in each labelled frame, by its name."""
    from sdk.datasets.plain import read_head_counts, read_points
    from sdk.datasets.sample import checked_points

    if (points is None) == (counts is None):
        raise ConfigError("expected either --points or --counts", hint="--counts FILE has the header photo,count")
    if points is not None:
        return {name: len(checked_points(heads, points)) for name, heads in read_points(points).items()}
    assert counts is not None
    return read_head_counts(counts)


def read_frames(folder: Path, people: dict[str, int]) -> list[Image]:
    """The labelled frames of a camera, which all have one size."""
    from sdk.frame import decode

    images = [decode(folder / name) for name in people]
    for name, image in zip(people, images, strict=True):
        if image.shape != images[0].shape:
            (height, width), (first_height, first_width) = image.shape[:2], images[0].shape[:2]
            message = f"frame {name} is {width} x {height} pixels, the first is {first_width} x {first_height}"
            raise InputError(message, hint="give the frames of one camera, as it sends them")
    return images


def measure(counter: CrowdCounter, images: list[Image], people: list[int]) -> Correction:
    """Count the frames at every scale, and fit the correction."""
    from sdk.trust.camera_fit import SCALES, fit_camera
    from sdk.trust.correction import Correction, Measured

    progress = Progress(len(images) * len(SCALES), "counts")
    fitted = fit_camera(counted_at(counter, images, SCALES, progress.advance), people)
    progress.clear()
    height, width = images[0].shape[:2]
    model = f"{counter.manifest.name} {counter.manifest.version}"
    errors = (round(fitted.error_before, 2), round(fitted.error_after, 2))
    return Correction(fitted.factor, fitted.scale, Measured(len(people), sum(people), *errors, model, width, height))


def counted_at(
    counter: CrowdCounter, images: list[Image], scales: tuple[float, ...], advance: Callable[[], None]
) -> NDArray[np.float64]:
    """People in each frame at each scale, (frames, scales)."""
    import numpy as np

    from sdk.trust.correction import Correction

    table = np.zeros((len(images), len(scales)))
    for row, image in enumerate(images):
        for column, scale in enumerate(scales):
            table[row, column] = counter.count(image, Correction(scale=scale)).count
            advance()
    return table


def report(correction: Correction, camera: str, target: Path, *, as_json: bool) -> None:
    """What was found, and where it is to be named."""
    worth = correction.measured
    assert worth is not None
    if as_json:
        print_json({"camera": camera, "correction": str(target), **to_plain(correction)})
        return
    click.echo(correction.in_words())
    errors = f"{worth.error_before:.1f} -> {worth.error_after:.1f} people a frame"
    click.echo(f"error {errors}, each of {worth.frames} frames left out once")
    click.echo(f"wrote {target}; in cameras.yaml: {camera}: {{..., correction: {target}}}")


if __name__ == "__main__":
    main()
