"""Anybody's own labelled set: head points in one CSV or JSON file, photos beside it.

CSV has the header `photo,x,y` and a row for each head; a photo without people has one row with empty x and y.
JSON is `{"photo.jpg": [[x, y], ...], "empty.jpg": []}`. Photos are named relative to the file's folder.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from sdk.datasets.sample import Sample, check_unique, checked_points, natural, own_sample
from sdk.datasets.text import read_json_object, read_text
from sdk.errors import InputError

HEADER = ["photo", "x", "y"]
COUNTS_HEADER = ["photo", "count"]
EXPECTED_CSV = "the header photo,x,y and a row for each head"
EXPECTED_JSON = '{"photo.jpg": [[x, y], ...]}'


def own_points(root: Path, _part: str, split: str) -> Iterator[Sample]:
    """A CSV or JSON file; in a folder `SPLIT.csv`, `SPLIT.json`, or `points.csv`, `points.json` for every split."""
    label = _label_file(root, split)
    rows = read_points(label)
    check_unique([str((label.parent / name).resolve()) for name in rows], label)
    for name in sorted(rows, key=natural):
        photo = label.parent / name
        if not photo.is_file():
            raise InputError(f"no photo {photo}", hint=f"{label} names it; names are relative to its folder")
        yield own_sample(name, photo, checked_points(rows[name], label), label)


def read_points(label: Path) -> dict[str, object]:
    """The head points of each photo that a CSV or JSON file names, not yet checked; refuses one without photos."""
    rows = _read_json(label) if label.suffix.lower() == ".json" else _read_csv(label)
    if not rows:
        raise InputError(f"label {label} names no photo", hint=f"expected {EXPECTED_CSV} or {EXPECTED_JSON}")
    return rows


def read_head_counts(label: Path) -> dict[str, int]:
    """The people of each photo that a CSV file names, without saying where they are."""
    lines = csv.reader(read_text(label).splitlines())
    header = [cell.strip().lower() for cell in next(lines, [])]
    if header != COUNTS_HEADER:
        raise InputError(f"{label} begins with {','.join(header)!r}", hint="expected the header photo,count")
    counts: dict[str, int] = {}
    for row in lines:
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        where = f"{label}, line {lines.line_num}"
        if len(cells) != len(COUNTS_HEADER) or not cells[0] or not cells[1].isdecimal():
            raise InputError(f"{where} is {','.join(row)!r}", hint="expected a photo and a whole number of people")
        if cells[0] in counts:
            raise InputError(f"{where}: {cells[0]} is counted twice", hint="remove one of the rows")
        counts[cells[0]] = int(cells[1])
    return counts


def _label_file(root: Path, split: str) -> Path:
    if root.is_file():
        return root
    names = [f"{stem}.{kind}" for stem in (split, "points") for kind in ("csv", "json")]
    for name in names:
        if (root / name).is_file():
            return root / name
    raise InputError(f"no label file {root}", hint=f"give a CSV or JSON file, or a folder with {' or '.join(names)}")


def _read_json(label: Path) -> dict[str, object]:
    return read_json_object(label, EXPECTED_JSON)


def _read_csv(label: Path) -> dict[str, object]:
    """The points of each photo, as pairs of numbers."""
    lines = csv.reader(read_text(label).splitlines())
    header = [cell.strip().lower() for cell in next(lines, [])]
    if header != HEADER:
        raise InputError(f"label {label} begins with {','.join(header)!r}", hint=f"expected {EXPECTED_CSV}")
    heads: dict[str, list[tuple[float, float]]] = {}
    empty: set[str] = set()
    for row in lines:
        if not any(cell.strip() for cell in row):
            continue
        where = f"label {label}, line {lines.line_num}"
        photo, point = _parse_row(row, where)
        if photo in empty or (point is None and photo in heads):
            raise InputError(f"{where}: {photo} has a row without a point and another row")
        heads.setdefault(photo, [])
        if point is None:
            empty.add(photo)
        else:
            heads[photo].append(point)
    return dict(heads)


def _parse_row(row: list[str], where: str) -> tuple[str, tuple[float, float] | None]:
    """A row's photo and point; no point where x and y are both empty."""
    cells = [cell.strip() for cell in row]
    if len(cells) != len(HEADER) or not cells[0]:
        raise InputError(f"{where} is {','.join(row)!r}, expected {','.join(HEADER)}")
    photo, x, y = cells
    if not x and not y:
        return photo, None
    try:
        return photo, (float(x), float(y))
    except ValueError as error:
        raise InputError(f"{where}: ({x}, {y}) is not a point, expected two numbers, or two empty cells") from error
