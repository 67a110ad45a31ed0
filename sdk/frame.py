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
from sdk.photo_file import announced_size, file_format, is_cut_off

Image = NDArray[np.uint8]  # (h, w, 3), BGR
Photo = str | os.PathLike[str] | bytes | Image

PHOTO_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
MAX_PIXELS = 150_000_000  # of one photo: 12,247 x 12,247; a decoded pixel takes 3 bytes
MAX_FILE_BYTES = 8 * MAX_PIXELS  # 8 bytes a pixel: the largest that a photo of four 16-bit channels takes


@dataclass(frozen=True)
class Frame:
    """A photo ready to be counted."""

    image: Image  # upright, and scaled where a policy asked for that
    scale: float  # its size beside the photo's own: 1.0 unless `max_side` shrank it or a correction scaled it


def decode(photo: Photo) -> Image:
    """A photo as (h, w, 3) uint8 BGR, upright.

    photo: a path; the bytes of a JPEG, PNG, WebP, TIFF or BMP file; or such an array, which is taken as it is, not
    copied. Grey photos get three equal channels, transparency is dropped, 16-bit photos keep their upper 8 bits, and
    EXIF rotation is applied. Raises InputError for anything else, for a truncated file, and above MAX_PIXELS.
    """
    if isinstance(photo, np.ndarray):
        return check_image(photo)
    if isinstance(photo, bytes):
        return decode_bytes(photo, "the data")
    if isinstance(photo, (str, os.PathLike)):
        return decode_bytes(read_bytes(Path(photo)), str(photo))
    got = type(photo).__name__
    raise InputError(f"a photo is a path, bytes or a uint8 array; this is {got}", hint="pass the path of a photo")


def read_bytes(path: Path) -> bytes:
    """A photo file's content."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size  # 0 for a pipe
            data = file.read(None if size else MAX_FILE_BYTES + 1) if size <= MAX_FILE_BYTES else b""
    except FileNotFoundError as error:
        raise InputError(f"no such photo: {path}", hint="check the path") from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder, expected a photo", hint="skt-count takes folders") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{str(path)!r} is no path: {error}", hint="check the path") from error
    if max(size, len(data)) > MAX_FILE_BYTES:
        raise InputError(f"{path} holds over {MAX_FILE_BYTES:,} bytes, the limit for a photo", hint="is it a video?")
    return data


def decode_bytes(data: bytes, name: str, *, upright: bool = True) -> Image:
    """The photo in a file's bytes, refused when it is no photo, is cut off, or is larger than MAX_PIXELS.

    upright: whether to apply EXIF rotation; head points of labelled sets refer to the pixels as stored.
    """
    check_file(data, name)
    flags = cv2.IMREAD_COLOR if upright else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None:
        raise InputError(f"{name} is damaged: it cannot be decoded", hint="copy the photo again, or save it as JPEG")
    return check_image(np.asarray(image, np.uint8))


def check_file(data: bytes, name: str) -> None:
    """Refuse, before anything is decoded, a file that is empty, no photo, cut off, or larger than MAX_PIXELS."""
    if not data:
        raise InputError(f"{name} holds 0 bytes", hint="copy the photo again")
    if file_format(data) is None:
        raise InputError(f"{name} is not a photo", hint="expected JPEG, PNG, WebP, TIFF or BMP")
    if is_cut_off(data):
        raise InputError(f"{name} is cut off after {len(data):,} bytes", hint="copy the photo again")
    height, width = announced_size(data)
    if not height or not width:
        raise InputError(f"{name} is damaged: it does not tell its size", hint="copy the photo again")
    check_pixels(height, width, name)


def check_pixels(height: int, width: int, name: str) -> None:
    """Refuse a photo of more than MAX_PIXELS."""
    if height * width > MAX_PIXELS:
        message = f"{name} is {width} x {height}, {height * width:,} pixels; the limit is {MAX_PIXELS:,}"
        raise InputError(message, hint="cut it into parts, or shrink it")


def check_image(image: np.ndarray) -> Image:
    """The array itself when it is (h, w, 3) uint8 with at least one pixel and at most MAX_PIXELS."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        got = f"{image.dtype} {image.shape}"
        raise InputError(f"a photo array is uint8 (h, w, 3) BGR; this one is {got}", hint=_cure(image))
    check_pixels(image.shape[0], image.shape[1], "this array")
    return image


def _cure(image: np.ndarray) -> str:
    """How to make a photo of an array that is none."""
    if 0 in image.shape:
        return "it holds no pixels"
    if image.dtype != np.uint8:
        return "scale it to 0..255 and convert it with .astype(numpy.uint8)"
    if image.ndim == 2:
        return "convert it with cv2.cvtColor(photo, cv2.COLOR_GRAY2BGR)"
    if image.ndim == 3 and image.shape[2] == 4:
        return "convert it with cv2.cvtColor(photo, cv2.COLOR_BGRA2BGR)"
    return "pass photos one by one, colour last" if image.ndim == 4 else "its axes are height, width, colour"


def shrink(image: Image, max_side: int | None) -> Frame:
    """The frame, shrunk by area until its longer side is at most `max_side` pixels; never enlarged."""
    longest = max(image.shape[:2])
    if max_side is None or longest <= max_side:
        return Frame(image, 1.0)
    scale = max_side / longest
    size = scaled_size(image.shape[1], image.shape[0], scale)
    return Frame(np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8), scale)


def rescale(image: Image, scale: float) -> Frame:
    """The frame at that scale: shrunk by area, enlarged smoothly."""
    if scale == 1.0:
        return Frame(image, 1.0)
    size = scaled_size(image.shape[1], image.shape[0], scale)
    check_pixels(size[1], size[0], f"the frame scaled by {scale:g}")
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return Frame(np.asarray(cv2.resize(image, size, interpolation=how), np.uint8), scale)


def scaled_size(width: int, height: int, scale: float) -> tuple[int, int]:
    """Width and height in pixels of a photo at that scale."""
    return max(1, round(width * scale)), max(1, round(height * scale))


def pad_to_multiple(image: Image, multiple: int) -> Image:
    """(h, w, 3) with its right and lower sides mirrored on until both are multiples of `multiple` pixels."""
    height, width = image.shape[:2]
    return pad_to(image, height + -height % multiple, width + -width % multiple)


def pad_to(image: Image, height: int, width: int) -> Image:
    """(h, w, 3) with its right and lower sides mirrored on until it has at least that height and width, in pixels."""
    below, right = max(0, height - image.shape[0]), max(0, width - image.shape[1])
    if not below and not right:
        return image
    padded = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REFLECT_101)
    return np.asarray(padded, np.uint8)


def photo_cells(density: NDArray[np.float32], height: int, width: int, stride: int) -> NDArray[np.float32]:
    """The density's cells that hold photo pixels; those that hold padding alone are left out."""
    return density[..., : math.ceil(height / stride), : math.ceil(width / stride)]
