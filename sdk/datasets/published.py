"""The published labelled sets, each in the layout that its authors publish.

A set that its folder does not split (UCF_CC_50, or one part of another set by itself) is read whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdk.datasets.sample import (
    Sample,
    check_pairs,
    check_unique,
    checked_points,
    existing_folder,
    natural,
    photos_in,
    published_sample,
)
from sdk.datasets.text import read_json_object, read_text
from sdk.errors import InputError
from sdk.mat import read_mat_key


def shanghaitech(root: Path, part: str, split: str) -> Iterator[Sample]:
    """ShanghaiTech (Zhang et al., CVPR 2016): `part_A[_final]/{train,test}_data/{images,ground-truth|ground_truth}`."""
    if part.upper() not in ("A", "B"):
        message = f"ShanghaiTech has no part {part!r}" if part else "of ShanghaiTech's parts A and B none was chosen"
        raise InputError(message, hint="choose --part A or --part B")
    name = f"part_{part.upper()}"
    folder = existing_folder(root / name / f"{split}_data", root / f"{name}_final" / f"{split}_data")
    labels = existing_folder(folder / "ground-truth", folder / "ground_truth")
    photos = photos_in(existing_folder(folder / "images"))
    yield from _pairs(photos, labels, "GT_{}.mat", _shanghaitech_points)


def beijing_brt(root: Path, _part: str, split: str) -> Iterator[Sample]:
    """Beijing BRT (Ding et al., 2018): `[split/]frame/*.jpg`, `[split/]ground_truth/*.mat` with `loc`."""
    folder = existing_folder(root / split, root)
    photos, labels = existing_folder(folder / "frame"), existing_folder(folder / "ground_truth")
    yield from _pairs(photos_in(photos), labels, "{}.mat", lambda label: read_mat_key(label, "loc"))


def ucf_cc_50(root: Path, _part: str, split: str) -> Iterator[Sample]:
    """UCF_CC_50 (Idrees et al., CVPR 2013): `n.jpg`, `n_ann.mat` with `annPoints`."""
    folder = existing_folder(root / split, root)
    yield from _pairs(photos_in(folder), folder, "{}_ann.mat", _ann_points)


def ucf_qnrf(root: Path, _part: str, split: str) -> Iterator[Sample]:
    """UCF-QNRF (Idrees et al., ECCV 2018): `{Train,Test}/img_n.jpg`, `img_n_ann.mat` with `annPoints`."""
    folder = existing_folder(root / split.capitalize(), root / split)
    yield from _pairs(photos_in(folder), folder, "{}_ann.mat", _ann_points)


def jhu_crowd(root: Path, _part: str, split: str) -> Iterator[Sample]:
    """JHU-CROWD++ (Sindagi et al., PAMI 2020): `{train,val,test}/{images/n.jpg,gt/n.txt}`."""
    folder = existing_folder(root / split)
    photos, labels = photos_in(existing_folder(folder / "images")), existing_folder(folder / "gt")
    yield from _pairs(photos, labels, "{}.txt", _jhu_points)


def nwpu_crowd(root: Path, _part: str, split: str) -> Iterator[Sample]:
    """NWPU-Crowd (Wang et al., PAMI 2020): `images/n.jpg`, `jsons/n.json` or `mats/n.mat`, `{train,val,test}.txt`."""
    listing = existing_folder(root) / f"{split}.txt"
    if not listing.is_file():
        raise InputError(f"no list of photos {listing}", hint="NWPU-Crowd comes with train.txt, val.txt and test.txt")
    names = [line.split()[0] for line in read_text(listing).splitlines() if line.strip()]  # then light and crowd level
    if not names:
        raise InputError(f"list of photos {listing} is empty", hint="expected one photo's number a line")
    check_unique(names, listing)
    for name in sorted(names, key=natural):
        photo = root / "images" / f"{name}.jpg"
        if not photo.is_file():
            raise InputError(f"no photo {photo}", hint=f"{listing} names it")
        yield published_sample(photo, _nwpu_points(root, name))


def _pairs(photos: list[Path], labels: Path, pattern: str, read: Callable[[Path], object]) -> Iterator[Sample]:
    """Each photo with what `read` finds in its label file; the pattern is the label's name for a photo's."""
    expected = [labels / pattern.format(photo.stem) for photo in photos]
    check_pairs(photos, expected, labels.glob(pattern.format("*")))
    for photo, label in zip(photos, expected, strict=True):
        yield published_sample(photo, checked_points(read(label), label))


def _ann_points(label: Path) -> object:
    return read_mat_key(label, "annPoints")


def _shanghaitech_points(label: Path) -> object:
    """The points in MATLAB's nest of cells and structs, beside the number of people that it states."""
    info = read_mat_key(label, "image_info")
    try:
        points, people = info[0, 0][0, 0]
        stated = int(people.squeeze())
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise InputError(f"label {label} holds no image_info{{1}} with location and number") from error
    _check_stated(label, stated, len(points))
    return points


def _nwpu_points(root: Path, name: str) -> NDArray[np.float64]:
    """The points of a JSON label, or of the MATLAB label where there is no JSON one."""
    label, other = root / "jsons" / f"{name}.json", root / "mats" / f"{name}.mat"
    if label.is_file():
        data = read_json_object(label, '{"points": [[x, y], ...]}')
        points = checked_points(data.get("points"), label)
        _check_stated(label, data.get("human_num", len(points)), len(points))
        return points
    if other.is_file():
        return checked_points(_ann_points(other), other)
    raise InputError(f"photo {name} has no label {label}", hint="test labels are not published: use val")


def _jhu_points(label: Path) -> object:
    """Columns x and y of a text file that holds x, y, width, height, occlusion, blur of each head.

    An empty file is a photo without people, unless the part's `image_labels.txt` counts some.
    """
    rows = [line.split() for line in read_text(label).splitlines() if line.strip()]
    for number, row in enumerate(rows, 1):
        if len(row) != 6:
            raise InputError(f"label {label}: line {number} holds {len(row)} values, expected x y w h occlusion blur")
    if not rows:
        _check_stated(label, _jhu_people(label), "0")
    return [row[:2] for row in rows]


def _jhu_people(label: Path) -> str:
    """How many people `image_labels.txt` (photo, people, scene, weather, distractor) counts in a photo."""
    summary = label.parents[1] / "image_labels.txt"
    lines = read_text(summary).splitlines() if summary.is_file() else []
    counts = {line.split(",")[0]: line.split(",")[1].strip() for line in lines if "," in line}
    return counts.get(label.stem, "0")


def _check_stated(label: Path, stated: object, found: object) -> None:
    if stated != found:
        raise InputError(f"label {label} states {stated} people and holds {found} points")
