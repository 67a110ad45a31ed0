"""A photo's size from the first bytes of its file."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import cv2

JPEG_START = b"\xff\xd8"
PNG_START = b"\x89PNG\r\n\x1a\n"
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # the markers that a height and a width follow


def stored_size(photo: Path) -> tuple[int, int] | None:
    """Height and width in stored pixels, before any EXIF rotation; None when the file is no photo."""
    try:
        with photo.open("rb") as file:
            start = file.read(len(PNG_START))
            if start == PNG_START:
                return _png_size(file)
            if start.startswith(JPEG_START):
                file.seek(len(JPEG_START))
                return _jpeg_size(file)
    except OSError:
        return None
    return _decoded_size(photo) if start else None


def _png_size(file: BinaryIO) -> tuple[int, int] | None:
    file.read(8)  # length and name of the header chunk
    width, height = _number(file, 4), _number(file, 4)
    return (height, width) if height and width else None


def _jpeg_size(file: BinaryIO) -> tuple[int, int] | None:
    while (marker := _marker(file)) is not None:
        length = _number(file, 2)
        if marker in JPEG_FRAMES:
            file.read(1)  # bits a sample
            height, width = _number(file, 2), _number(file, 2)
            return (height, width) if height and width else None
        file.seek(max(0, length - 2), 1)
    return None


def _marker(file: BinaryIO) -> int | None:
    """The marker at this place; None at the file's end and where there is none."""
    byte = file.read(1)
    if byte != b"\xff":
        return None
    while byte == b"\xff":
        byte = file.read(1)
    return byte[0] if byte else None


def _number(file: BinaryIO, size: int) -> int:
    return int.from_bytes(file.read(size), "big")


def _decoded_size(photo: Path) -> tuple[int, int] | None:
    image = cv2.imread(str(photo), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return None if image is None else (image.shape[0], image.shape[1])
