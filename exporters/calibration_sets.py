"""What a user names as photos: a folder, or a labelled set with its head points.

DIR                          every photo below a folder, not labelled
NAME:ROOT[:PART[:SPLIT]]     a labelled set of sdk.datasets, `shanghaitech:/data/shanghaitech:A:train`, `points:my.csv`
recipe:NAME:DATA:train|val   the photos that a training recipe trains on, or holds out
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from exporters.calibration_photos import Shot, shot_of_file
from exporters.needs import export_extra
from sdk.datasets import READERS, Sample, read_dataset
from sdk.errors import CalibrationError, ConfigError, InputError
from sdk.evaluation import Failure
from sdk.sources import find_photos

Found = tuple[list[Shot], list[Failure]]  # photos, each content once, and files that cannot be read

RECIPE, PARTS = "recipe", ("train", "val")
FORMS = "a folder, NAME:ROOT[:PART[:SPLIT]] of a labelled set, or recipe:NAME:DATA:train|val"


def find_shots(words: Sequence[str]) -> Found:
    """The photos of all these folders and sets, in order; a photo that is there twice counts once."""
    shots: dict[str, Shot] = {}
    failures: list[Failure] = []
    for word in words:
        found, failed = _find(word)
        failures += failed
        for shot in found:
            known = shots.setdefault(shot.sha256, shot)
            if known.true is None and shot.true is not None:  # the labelled one of two says more
                shots[shot.sha256] = shot
    return list(shots.values()), failures


def _find(word: str) -> Found:
    kind, _, rest = word.partition(":")
    if kind == RECIPE and rest:
        return _labelled(_of_recipe(*_fields(word, rest, 3)))
    if kind in READERS and rest:
        root, part, split = _fields(word, rest, 3)
        return _labelled(read_dataset(kind, Path(root), part, split or "train"))
    folder = Path(word)
    if not folder.is_dir():
        raise InputError(f"{word!r} is no folder of photos", hint=f"expected {FORMS}")
    return _unlabelled(folder)


def _fields(word: str, rest: str, count: int) -> list[str]:
    fields = rest.split(":")
    if len(fields) > count or not fields[0]:
        raise ConfigError(f"{word!r} names no set", hint=f"expected {FORMS}")
    return fields + [""] * (count - len(fields))


def _of_recipe(recipe: str, data: str, part: str) -> list[Sample]:
    """The photos of every set of a recipe, under names that tell the set."""
    if part not in PARTS or not data:
        raise ConfigError(f"recipe:{recipe}:{data}:{part} names no photos", hint="expected recipe:NAME:DATA:train|val")
    with export_extra():
        from distiller.config import read_config
        from distiller.data import is_held_out

    samples = []
    for name, about in read_config(recipe, ()).sets.items():
        for sample in read_dataset(about.dataset, Path(data) / about.root, about.part, about.split):
            if is_held_out(sample.name, about.validation) == (part == "val"):
                samples += [replace(sample, name=f"{name}/{sample.name}")]
    return samples


def _labelled(samples: Sequence[Sample]) -> Found:
    shots, failures = [], []
    for sample in samples:
        try:
            shots.append(shot_of_file(sample.photo, sample.name, upright=False, true=len(sample.points)))
        except InputError as error:  # noqa: PERF203 - reading a photo takes far longer than the try
            failures.append(Failure(sample.name, str(error)))
    return shots, failures


def _unlabelled(folder: Path) -> Found:
    try:
        files = find_photos([str(folder)])
    except InputError as error:
        message = f"there is no photo to calibrate on in {folder}"
        raise CalibrationError(message, hint="give photos of the places where people will be counted") from error
    shots, failures = [], []
    for file in files:
        try:
            shots.append(shot_of_file(file.path, str(file.place)))
        except InputError as error:  # noqa: PERF203 - as above
            failures.append(Failure(str(file.path), str(error)))
    return shots, failures
