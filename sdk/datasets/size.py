"""A photo's size from the first bytes of its file."""

from __future__ import annotations

from pathlib import Path

import cv2

from sdk.photo_file import announced_size

HEAD = 65_536  # bytes: most files announce their size within these


def stored_size(photo: Path) -> tuple[int, int] | None:
    """Height and width in stored pixels, before any EXIF rotation; None when the file is no photo."""
    try:
        with photo.open("rb") as file:
            head = file.read(HEAD)
            size = announced_size(head)
            if 0 in size:
                size = announced_size(head + file.read())
    except OSError:
        return None
    return size if 0 not in size else _decoded_size(photo)


def _decoded_size(photo: Path) -> tuple[int, int] | None:
    image = cv2.imread(str(photo), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return None if image is None else (image.shape[0], image.shape[1])
