"""Writes small labelled sets in the published layouts, for the tests that read them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from scipy.io import savemat

HEADS = [[10.0, 20.0], [30.5, 40.25], [63.0, 47.0]]  # x and y within a photo of 64 x 48 pixels


def photo(path: Path, height: int = 48, width: int = 64) -> Path:
    """A plain photo file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), 128, np.uint8))
    return path


def turned(jpeg: bytes) -> bytes:
    """A JPEG file with an EXIF mark that says: turn by a quarter before you show it."""
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    return jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]


def mat(path: Path, **variables: object) -> Path:
    """A MATLAB file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(str(path), variables)
    return path


def text(path: Path, content: str) -> Path:
    """A text file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    return path


def shanghaitech(root: Path, points: object = HEADS, number: int | None = None, name: str = "IMG_1") -> Path:
    """One photo of ShanghaiTech A test with its nest of cells and structs; returns the label."""
    location = np.asarray(points, np.float64)
    info = np.empty((1, 1), [("location", object), ("number", object)])
    info[0, 0] = (location, np.array([[len(location) if number is None else number]], np.uint16))
    cell = np.empty((1, 1), object)
    cell[0, 0] = info
    folder = root / "part_A" / "test_data"
    photo(folder / "images" / f"{name}.jpg")
    return mat(folder / "ground-truth" / f"GT_{name}.mat", image_info=cell)
