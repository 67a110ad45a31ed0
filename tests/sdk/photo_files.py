"""Photo files made on the spot, whole and broken."""

from __future__ import annotations

import base64
import struct
import zlib

import cv2
import numpy as np

HUGE = 30_000  # pixels, each way
# 16 x 16 pixels of pure red in CMYK, as printers' programs save them
CMYK_JPEG = base64.b85decode(
    "|JeWT01iQ9Z(?NtWB>pF0095n07C#95)>B{5gQj47aklNASgmBC?zE*Q93;^LSR*8WM5TXTWWZjfogG(b6Z`7wT6(MqpPi}XMnuPx~9jOsH>#^zyK5o01yBW1Va%3O%VWD5dcdO0RO}Q6#xMN00000000000000000006|HJ?k5CH%H0000000000000000095m01gC008Ic{080P>KLDmorc}TH01yA!"
)
# The eight EXIF orientations: what a viewer does to the stored pixels.
TURNS = {
    1: np.asarray,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90,
}


def encoded(photo: np.ndarray, suffix: str = ".png", *flags: int) -> bytes:
    done, data = cv2.imencode(suffix, photo, list(flags))
    assert done
    return data.tobytes()


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    tiff = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 0x112, 3, 1, orientation, 0) + bytes(4)
    exif = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


def with_thumbnail(jpeg: bytes, thumbnail: bytes) -> bytes:
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + jpeg[2:]


def huge_png() -> bytes:
    """A whole PNG, grey, of 30,000 x 30,000 pixels in about a megabyte."""
    row = zlib.compressobj(9, zlib.DEFLATED, -15)
    black = row.compress(bytes(1 + HUGE)) + row.flush(zlib.Z_FULL_FLUSH)  # each row can then follow any other
    zeros = HUGE * (1 + HUGE)
    checksum = (zeros % 65_521 << 16) + 1  # Adler-32 of so many zeros
    rows = b"\x78\xda" + black * HUGE + b"\x03\x00" + checksum.to_bytes(4, "big")
    header = struct.pack(">IIBBBBB", HUGE, HUGE, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def huge_bmp() -> bytes:
    """Run-length coded, so that it may be whole although it is short."""
    header = struct.pack("<IiiHHIIiiII", 40, HUGE, -HUGE, 1, 8, 1, 0, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1100, 0, 0, 54) + header + bytes(1024)


def huge_webp() -> bytes:
    side = (16_383).to_bytes(3, "little")  # the format's own limit is 16,384
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + side + side
    return b"RIFF" + struct.pack("<I", len(body)) + body


def huge_tiff(order: str = "<") -> bytes:
    mark = b"II*\0" if order == "<" else b"MM\0*"
    tags = struct.pack(f"{order}HHIIHHII", 256, 4, 1, HUGE, 257, 4, 1, HUGE)
    return mark + struct.pack(f"{order}IH", 8, 2) + tags + bytes(4)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(photo: np.ndarray, *, kind: int, samples: np.ndarray, palette: bytes = b"") -> bytes:
    """A PNG of colour type `kind`: 3 for a palette (256 colours of 3 bytes), 4 for grey with transparency."""
    height, width = photo.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    colours = _chunk(b"PLTE", palette) if palette else b""
    body = _chunk(b"IHDR", header) + colours + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body
