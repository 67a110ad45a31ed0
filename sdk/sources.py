"""Which photos a user means: paths, globs and folders, each photo once, in order."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sdk.datasets.sample import natural
from sdk.errors import InputError
from sdk.frame import PHOTO_SUFFIXES


@dataclass(frozen=True)
class PhotoFile:
    """A photo to count, and where what is written about it goes below an output folder."""

    path: Path
    place: Path  # relative, without suffix; unique among the photos of one call


def find_photos(arguments: Sequence[str]) -> list[PhotoFile]:
    """Every photo that the arguments name; a missing path stays in the list, so that it is reported as it is counted.

    A folder stands for all photos below it, a pattern for what it matches. Raises InputError for a folder without
    photos and for a pattern that matches nothing.
    """
    paths: list[Path] = []
    for argument in arguments:
        paths.extend(_expand(argument))
    unique = list(dict.fromkeys(paths))
    return [PhotoFile(path, place) for path, place in zip(unique, places(unique), strict=True)]


def _expand(argument: str) -> list[Path]:
    path = Path(argument)
    if path.is_dir():
        return _photos_below(path)
    if path.exists() or not glob.has_magic(argument):
        return [path]
    found = [Path(name) for name in glob.glob(argument, recursive=True)]
    photos = [inner for match in found for inner in (_photos_below(match) if match.is_dir() else [match])]
    if not photos:
        raise InputError(f"pattern {argument!r} matches no file", hint="quote it, or check the folder")
    return sorted(photos, key=lambda photo: natural(str(photo)))


def _photos_below(folder: Path) -> list[Path]:
    photos = [path for path in folder.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES and path.is_file()]
    if not photos:
        known = ", ".join(sorted(PHOTO_SUFFIXES))
        raise InputError(f"folder {folder} holds no photos", hint=f"looked for {known}, below it too")
    return sorted(photos, key=lambda photo: natural(str(photo)))


def places(paths: Sequence[Path]) -> list[Path]:
    """Where each photo's outputs go: its path below the folder that all share; equal stems keep their suffix."""
    absolute = [path.absolute() for path in paths]
    if not absolute:
        return []
    root = os.path.commonpath([path.parent for path in absolute])
    relative = [path.relative_to(root) for path in absolute]
    stems = [path.with_suffix("") for path in relative]
    return [stem if stems.count(stem) == 1 else path for stem, path in zip(stems, relative, strict=True)]
