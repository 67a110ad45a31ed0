"""Why a video file does not open, as far as its first bytes tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

MOVIES = (b"ftyp", b"moov", b"mdat", b"wide", b"free")  # the first box of an MP4 or MOV file


def why_unread(path: Path) -> str:
    """The rest of a sentence that begins with the file's name."""
    size = path.stat().st_size
    if not size:
        return "holds 0 bytes"
    with path.open("rb") as file:
        head = file.read(4096)
        if head[4:8] in MOVIES:
            if b"moov" not in boxes(file, size):
                return "is cut off: the index at its end is missing"
            return "is an MP4 file whose codec this OpenCV does not have"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        place = head.find(b"vids")
        codec = head[place + 4 : place + 8].decode("ascii", "replace") if place >= 0 else ""
        return f"is an AVI file whose codec {codec!r} this OpenCV does not have"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "is a Matroska file that is damaged, or whose codec this OpenCV does not have"
    return "is no video"


def boxes(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The kinds of the outermost boxes of an MP4 file."""
    place = 0
    while place + 8 <= size:
        file.seek(place)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        yield head[4:8]
        if length < 8:  # 0: to the end of the file
            return
        place += length
