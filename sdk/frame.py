"""From a photo to what a network takes: the one implementation, for training, calibration, evaluation and devices."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sdk.errors import InputError

Image = NDArray[np.uint8]  # (h, w, 3), BGR
Photo = str | os.PathLike[str] | bytes | Image

PHOTO_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
MAX_PIXELS = 150_000_000  # of one photo: 12,247 x 12,247; a decoded pixel takes 3 bytes
JPEG_START, JPEG_SCAN, JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"
PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND"


@dataclass(frozen=True)
class Frame:
    """A photo ready to be counted."""

    image: Image  # upright, and scaled where a policy asked for that
    scale: float  # its size beside the photo's own: 1.0 unless `max_side` shrank it


def decode(photo: Photo) -> Image:
    """A photo as (h, w, 3) uint8 BGR, upright.

    photo: a path; the bytes of a JPEG, PNG, WebP, TIFF or BMP file; or such an array, which is taken as it is. Grey
    photos get three equal channels, transparency is dropped, 16-bit photos keep their upper 8 bits, and EXIF rotation
    is applied. Raises InputError for anything else, for a truncated file, and above MAX_PIXELS.
    """
    if isinstance(photo, np.ndarray):
        return check_image(photo)
    if isinstance(photo, bytes):
        return decode_bytes(photo, "these bytes")
    if isinstance(photo, (str, os.PathLike)):
        return decode_bytes(read_bytes(Path(photo)), str(photo))
    got = type(photo).__name__
    raise InputError(f"a photo is a path, bytes or a uint8 array; this is {got}", hint="pass the path of a photo")


def read_bytes(path: Path) -> bytes:
    """A photo file's content."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"no such photo: {path}", hint="check the path") from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder, expected a photo", hint="skt-count takes folders") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


def decode_bytes(data: bytes, name: str, *, upright: bool = True) -> Image:
    """The photo in a file's bytes, refused when it is no photo, is cut off, or is larger than MAX_PIXELS.

    upright: whether to apply EXIF rotation; head points of labelled sets refer to the pixels as stored.
    """
    if not data:
        raise InputError(f"{name} holds 0 bytes", hint="copy the photo again")
    if is_cut_off(data):
        raise InputError(f"{name} is cut off: {len(data):,} bytes, no end mark", hint="copy the photo again")
    check_pixels(*announced_size(data), name)
    try:
        flags = cv2.IMREAD_COLOR if upright else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None:
        raise InputError(f"{name} is not a photo", hint="expected JPEG, PNG, WebP, TIFF or BMP")
    return check_image(np.asarray(image, np.uint8))


def is_cut_off(data: bytes) -> bool:
    """Whether a JPEG or PNG ends before its end mark: decoders fill the rest with grey, and the count would be wrong."""
    if data.startswith(JPEG_START):
        return JPEG_END not in data[data.rfind(JPEG_SCAN) :]
    return data.startswith(PNG_START) and PNG_END not in data[-1024:]


def announced_size(data: bytes) -> tuple[int, int]:
    """Height and width that a JPEG or PNG announces, before anything is decoded; 0, 0 where that cannot be told."""
    if data.startswith(PNG_START):
        return int.from_bytes(data[20:24], "big"), int.from_bytes(data[16:20], "big")
    place = 2 if data.startswith(JPEG_START) else len(data)
    while place + 9 < len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[place + 5 : place + 7], "big"), int.from_bytes(data[place + 7 : place + 9], "big")
        place += 1 if marker == 0xFF else 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return 0, 0


def check_pixels(height: int, width: int, name: str) -> None:
    """Refuse a photo of more than MAX_PIXELS."""
    if height * width > MAX_PIXELS:
        message = f"{name} is {width} x {height}, {height * width:,} pixels; the limit is {MAX_PIXELS:,}"
        raise InputError(message, hint="cut it into parts, or shrink it")


def check_image(image: np.ndarray) -> Image:
    """The array itself when it is (h, w, 3) uint8 with at least one pixel and at most MAX_PIXELS."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        got = f"{image.dtype} {image.shape}"
        raise InputError(f"a photo array is uint8 (h, w, 3) BGR; this one is {got}", hint="convert it with cv2.cvtColor")
    check_pixels(image.shape[0], image.shape[1], "this array")
    return image


def shrink(image: Image, max_side: int | None) -> Frame:
    """The frame, shrunk by area until its longer side is at most `max_side` pixels; never enlarged."""
    longest = max(image.shape[:2])
    if max_side is None or longest <= max_side:
        return Frame(image, 1.0)
    scale = max_side / longest
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return Frame(np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8), scale)


def pad_to_multiple(image: Image, multiple: int) -> Image:
    """(h, w, 3) with its right and lower sides mirrored on until both are multiples of `multiple` pixels."""
    height, width = image.shape[:2]
    below, right = -height % multiple, -width % multiple
    if not below and not right:
        return image
    padded = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REFLECT_101)
    return np.asarray(padded, np.uint8)


def photo_cells(density: NDArray[np.float32], height: int, width: int, stride: int) -> NDArray[np.float32]:
    """The density's cells that hold photo pixels; those that hold padding alone are left out."""
    return density[..., : math.ceil(height / stride), : math.ceil(width / stride)]
