"""Which photos a user means: paths, patterns and folders, each photo once, in order."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdk.datasets.sample import natural
from sdk.errors import ConfigError, InputError
from sdk.frame import PHOTO_SUFFIXES


@dataclass(frozen=True)
class PhotoFile:
    """A photo to count, and where what is written about it goes below an output folder."""

    path: Path
    place: Path  # relative, without suffix; unique among the photos of one call


def find_photos(arguments: Sequence[str], *, leave_out: Path | None = None) -> list[PhotoFile]:
    """Every photo that the arguments name; a missing path stays in the list, so that it is reported as it is counted.

    A folder stands for all photos below it, hidden ones left out, and those below `leave_out`, where pictures of counts
    may lie; a pattern stands for what it matches. Raises ConfigError for an empty name, InputError for a folder without
    photos and for a pattern that matches nothing.
    """
    without = None if leave_out is None else leave_out.resolve()
    first: dict[Path, Path] = {}  # the first path to each photo
    for argument in arguments:
        for path in _expand(argument, without):
            first.setdefault(_entry(path), path)
    return [PhotoFile(path, place) for path, place in zip(first.values(), places(list(first)), strict=True)]


def places(entries: Sequence[Path]) -> list[Path]:
    """Where each photo's outputs go: its path below the folder that all share; equal stems keep their suffix.

    entries: absolute and different, without `..`, so that no place lies outside an output folder.
    """
    if not entries:
        return []
    root = os.path.commonpath([path.parent for path in entries])
    relative = [path.relative_to(root) for path in entries]
    stems = [Path(os.path.splitext(path)[0]) for path in relative]  # noqa: PTH122 - to Path the stem of "...jpg" is ".."
    taken = Counter(stems) + Counter(path for stem, path in zip(stems, relative, strict=True) if stem != path)
    return [stem if taken[stem] == 1 else path for stem, path in zip(stems, relative, strict=True)]


def _entry(path: Path) -> Path:
    """The one name of a photo among all that lead to it."""
    return Path(os.path.realpath(path.parent), path.name)


def _expand(argument: str, leave_out: Path | None) -> list[Path]:
    if not argument:
        raise ConfigError("the name of a photo is empty", hint="is a variable of your script not set?")
    if os.path.isdir(argument):  # noqa: PTH112 - Path.is_dir raises where a folder may not be read
        photos = _photos_below(Path(argument), leave_out)
        if not photos:
            known = ", ".join(sorted(PHOTO_SUFFIXES))
            raise InputError(f"folder {argument} holds no photos", hint=f"looked for {known}, below it too")
        return photos
    if os.path.lexists(argument) or not glob.has_magic(argument):
        return [Path(argument)]
    matches = [Path(name) for name in glob.glob(argument, recursive=True)]  # noqa: PTH207 - Path.glob takes no absolute one
    wanted = [path for path in matches if leave_out not in (path.resolve(), *path.resolve().parents)]
    photos = [photo for path in wanted for photo in (_photos_below(path, leave_out) if path.is_dir() else [path])]
    if not photos:
        raise InputError(f"pattern {argument!r} matches no photo", hint="quote it, or check the folder")
    return sorted(photos, key=lambda photo: natural(str(photo)))


def walk_photos(folder: str | os.PathLike[str], *, leave_out: Path | None = None) -> Iterator[str]:
    """The path of each photo below a folder, one folder after the other, however many there are; hidden ones left out.

    leave_out: a folder, resolved, that is left out with all below it.
    """
    for place, inner, names in os.walk(folder):
        inner[:] = sorted(
            name for name in inner if not name.startswith(".") and Path(place, name).resolve() != leave_out
        )
        yield from (str(Path(place, name)) for name in sorted(names) if _is_photo(name))


def _photos_below(folder: Path, leave_out: Path | None) -> list[Path]:
    return sorted(map(Path, walk_photos(folder, leave_out=leave_out)), key=lambda photo: natural(str(photo)))


def _is_photo(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in PHOTO_SUFFIXES
