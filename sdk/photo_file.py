"""What a photo file says of itself before anything is decoded: its format, its size, and whether all of it is there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

JPEG_END = 0xD9
JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # the markers of a frame header, which holds the size
# In a JPEG's compressed data FF is followed by 00, and restart marks are FF D0 to FF D7; anything else is a marker.
JPEG_MARKER = re.compile(rb"\xff+([\x02-\xcf\xd8-\xfe])")

Size = tuple[int, int]  # height and width in stored pixels; 0 where a file does not tell


@dataclass(frozen=True)
class FileFormat:
    """A kind of photo file."""

    start: re.Pattern[bytes]  # its first bytes
    size: Callable[[bytes], Size]
    whole: Callable[[bytes], bool]  # whether its last byte is there; True where the format does not tell


def announced_size(data: bytes) -> Size:
    """Height and width that a file announces, before any EXIF rotation; 0, 0 when they are not in these bytes."""
    kind = file_format(data)
    return kind.size(data) if kind else (0, 0)


def is_cut_off(data: bytes) -> bool:
    """Whether a file ends too early: some decoders fill the rest with grey, and the count would be wrong."""
    kind = file_format(data)
    return kind is not None and not kind.whole(data)


def file_format(data: bytes) -> FileFormat | None:
    """The format that the first bytes tell; None for anything but JPEG, PNG, WebP, TIFF and BMP."""
    return next((kind for kind in FORMATS if kind.start.match(data)), None)


def _number(data: bytes, at: int, length: int, order: str = "little") -> int:
    """The unsigned number in `length` bytes; less than it is, or 0, where the data end before."""
    return int.from_bytes(data[at : at + length], "little" if order == "little" else "big")


def _jpeg_markers(data: bytes) -> Iterator[tuple[int, int]]:
    """Each marker and the place after it, the end mark included; what lies behind that is no part of the photo."""
    place = 2
    while found := JPEG_MARKER.search(data, place):
        marker, place = found.group(1)[0], found.end()
        yield marker, place
        if marker == JPEG_END:
            return
        place += _number(data, place, 2, "big")


def _jpeg_size(data: bytes) -> Size:
    for marker, place in _jpeg_markers(data):
        if marker in JPEG_SIZES:
            return _number(data, place + 3, 2, "big"), _number(data, place + 5, 2, "big")
    return 0, 0


def _jpeg_whole(data: bytes) -> bool:
    return any(marker == JPEG_END for marker, _ in _jpeg_markers(data))


def _png_size(data: bytes) -> Size:
    return _number(data, 20, 4, "big"), _number(data, 16, 4, "big")


def _png_whole(data: bytes) -> bool:
    place = 8
    while place < len(data):
        if data[place + 4 : place + 8] == b"IEND":
            return True
        place += 12 + _number(data, place, 4, "big")
    return False


def _webp_size(data: bytes) -> Size:
    kind = data[12:16]
    if kind == b"VP8X":
        return _number(data, 27, 3) + 1, _number(data, 24, 3) + 1
    if kind == b"VP8L":
        bits = _number(data, 21, 4)
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    return _number(data, 28, 2) & 0x3FFF, _number(data, 26, 2) & 0x3FFF


def _webp_whole(data: bytes) -> bool:
    return len(data) >= 8 + _number(data, 4, 4)


def _bmp_size(data: bytes) -> Size:
    if _number(data, 14, 4) == 12:  # the oldest header
        return _number(data, 20, 2), _number(data, 18, 2)
    height = _number(data, 22, 4)
    return min(height, 2**32 - height), _number(data, 18, 4)  # a negative height means that rows go down


def _bmp_whole(data: bytes) -> bool:
    height, width = _bmp_size(data)
    bits, packed = _number(data, 28, 2), _number(data, 30, 4)
    if _number(data, 14, 4) == 12:
        bits, packed = _number(data, 24, 2), 0
    rows = 0 if packed in (1, 2) else height * (-(-width * bits // 32) * 4)
    return len(data) >= _number(data, 10, 4) + rows


def _tiff_size(data: bytes) -> Size:
    """From the first directory of tags."""
    order = "little" if data.startswith(b"II") else "big"
    start = _number(data, 4, 4, order)
    tags = {}
    for at in range(start + 2, start + 2 + 12 * _number(data, start, 2, order), 12):
        length = 2 if _number(data, at + 2, 2, order) == 3 else 4  # bytes of a short or a long
        tags[_number(data, at, 2, order)] = _number(data, at + 8, length, order)
    return tags.get(257, 0), tags.get(256, 0)


FORMATS = (
    FileFormat(re.compile(rb"\xff\xd8\xff"), _jpeg_size, _jpeg_whole),
    FileFormat(re.compile(rb"\x89PNG\r\n\x1a\n"), _png_size, _png_whole),
    FileFormat(re.compile(rb"RIFF....WEBP", re.DOTALL), _webp_size, _webp_whole),
    FileFormat(re.compile(rb"II\*\0|MM\0\*"), _tiff_size, lambda data: True),  # noqa: ARG005 - it does not tell
    FileFormat(re.compile(rb"BM"), _bmp_size, _bmp_whole),
)
