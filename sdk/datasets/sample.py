"""One labelled photo, and the checks that every label goes through."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdk.datasets.size import stored_size
from sdk.errors import InputError
from sdk.frame import PHOTO_SUFFIXES


@dataclass(frozen=True, eq=False)
class Sample:
    """One labelled photo. Labels refer to the pixels as they are stored, before any EXIF rotation."""

    name: str  # unique within its set
    photo: Path
    points: NDArray[np.float32]  # (n, 2), x and y of each head in pixels, 0 <= x < width and 0 <= y < height
    moved: int = 0  # of these points, how many were labelled outside the photo and now lie on its border


def natural(name: str) -> list[object]:
    """A sort key by which IMG_2 comes before IMG_10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def existing_folder(*candidates: Path) -> Path:
    """The first folder that exists."""
    for folder in candidates:
        if folder.is_dir():
            return folder
    others = " or ".join(str(folder) for folder in candidates[1:])
    hint = f"looked for {others} too" if others else "is --root the folder that holds the set?"
    raise InputError(f"no folder {candidates[0]}", hint=hint)


def photos_in(folder: Path) -> list[Path]:
    """Every photo of a folder in natural order; two photos of one name are refused, as is a folder without any."""
    found = [path for path in folder.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES and path.is_file()]
    if not found:
        endings = ", ".join(sorted(PHOTO_SUFFIXES))
        raise InputError(f"no photo in {folder}", hint=f"expected files that end with {endings}")
    photos = sorted(found, key=lambda path: natural(path.name))
    check_unique([photo.stem for photo in photos], folder)
    return photos


def check_unique(names: Sequence[str], where: Path) -> None:
    """Refuse two photos of the same name."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"two photos are named {name!r} in {where}", hint="give each photo a name of its own")
        seen.add(name)


def check_pairs(photos: Sequence[Path], expected: Sequence[Path], labels: Iterable[Path]) -> None:
    """Refuse a photo whose expected label is not among the labels, and a label that no photo expects."""
    present = set(labels)
    for photo, label in zip(photos, expected, strict=True):
        if label not in present:
            raise InputError(f"photo {photo} has no label {label}", hint="is the set unpacked whole?")
    for label in sorted(present.difference(expected)):
        raise InputError(f"label {label} has no photo", hint="is the set unpacked whole?")


def checked_points(values: object, label: Path) -> NDArray[np.float64]:
    """Head points (n, 2) from what a label file holds; refuses other shapes and numbers that are not finite."""
    try:
        points = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"label {label} does not hold x and y of each head as numbers") from error
    if not points.size:
        return np.zeros((0, 2))
    if points.ndim != 2 or points.shape[1] != 2:
        raise InputError(f"label {label} holds an array of shape {points.shape}, expected (people, 2)")
    bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if bad.size:
        x, y = points[bad[0]]
        raise InputError(f"label {label}: point {bad[0] + 1} is ({x:g}, {y:g}), expected finite numbers")
    return points


def published_sample(photo: Path, points: NDArray[np.float64]) -> Sample:
    """A photo of a published set. A point outside it is kept and moved to the border: the set's counts include it."""
    size = stored_size(photo)
    if size is None:
        return Sample(photo.stem, photo, points.astype(np.float32))
    moved = int(_outside(points, size).sum())
    return Sample(photo.stem, photo, _within(points, size), moved)


def own_sample(name: str, photo: Path, points: NDArray[np.float64], label: Path) -> Sample:
    """A photo of the user's own set. A point outside it is refused: it is most likely another photo's."""
    size = stored_size(photo)
    if size is None:
        return Sample(name, photo, points.astype(np.float32))
    outside = np.flatnonzero(_outside(points, size))
    if outside.size:
        x, y = points[outside[0]]
        raise InputError(
            f"label {label}: point ({x:g}, {y:g}) of {name} lies outside its {size[1]} x {size[0]} pixels",
            hint="x goes right and y down, in pixels of the photo as stored, before any EXIF rotation",
        )
    return Sample(name, photo, _within(points, size))


def _outside(points: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which points (n, 2) lie off the photo; its far edges, where 1-based coordinates end, are still on it."""
    limits = np.array([size[1], size[0]])
    return np.asarray(((points < 0) | (points > limits)).any(axis=1), np.bool_)


def _within(points: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float32]:
    """The points with those on the far edges or off the photo moved to its outermost pixels."""
    limits = np.array([size[1], size[0]], np.float32)
    return np.clip(points.astype(np.float32), np.float32(0), np.nextafter(limits, np.float32(0)))
