"""Labelled sets as they are published: photos and head points, read one by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdk.errors import InputError


@dataclass(frozen=True)
class Sample:
    """One labelled photo."""

    name: str  # unique within its set
    photo: Path
    points: NDArray[np.float32]  # (n, 2), x and y of each head in pixels


def read_mat(path: Path) -> dict[str, Any]:
    """A MATLAB file's variables."""
    from scipy.io import loadmat

    return dict(loadmat(str(path)))


def natural(path: Path) -> list[object]:
    """A sort key by which IMG_2 comes before IMG_10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)]


def shanghaitech(root: Path, part: str, split: str) -> Iterator[Sample]:
    """ShanghaiTech (Zhang et al., CVPR 2016): `part_A/train_data/images`, labels beside them."""
    folder = root / f"part_{part}" / f"{split}_data"
    for photo in sorted((folder / "images").glob("*.jpg"), key=natural):
        label = read_mat(folder / "ground-truth" / f"GT_{photo.stem}.mat")
        points = np.asarray(label["image_info"][0, 0][0, 0][0], np.float32).reshape(-1, 2)
        yield Sample(photo.stem, photo, points)


def beijing_brt(root: Path, part: str, split: str) -> Iterator[Sample]:
    """Beijing BRT (Ding et al., 2018): `frame/*.jpg`, `ground_truth/*.mat` with key `loc`."""
    folder = root / split
    for photo in sorted((folder / "frame").glob("*.jpg"), key=natural):
        label = read_mat(folder / "ground_truth" / f"{photo.stem}.mat")
        yield Sample(photo.stem, photo, np.asarray(label["loc"], np.float32).reshape(-1, 2))


READERS: dict[str, Callable[[Path, str, str], Iterator[Sample]]] = {
    "shanghaitech": shanghaitech,
    "beijing-brt": beijing_brt,
}


def read_dataset(name: str, root: Path, part: str = "", split: str = "test") -> list[Sample]:
    """Every photo of a labelled set, in a fixed order."""
    if name not in READERS:
        raise InputError(f"unknown data set {name!r}", hint=f"known: {', '.join(sorted(READERS))}")
    return list(READERS[name](root, part, split))
