"""Compiled models on disk, each in one file with a sha256 of its content: what was damaged is never loaded.

OpenVINO's own cache does not notice each flipped bit, so a damaged blob could count wrongly. Files appear whole or not
at all, and two processes that compile at once each leave a whole one; the last one stays.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"SKT compiled 1\n"
DIGEST_BYTES = 32
COUNT_BYTES = 4


class BlobDamaged(Exception):
    """A file that is not what was written."""


@dataclass(frozen=True)
class Blob:
    """A compiled model as its engine exports it, and what is known of the model that it was made from."""

    data: bytes
    stored_int8: int = 0  # convolutions that are stored in 8 bits


def write_blob(path: Path, blob: Blob) -> None:
    """Write under another name, then rename; raises OSError."""
    content = blob.stored_int8.to_bytes(COUNT_BYTES, "big") + blob.data
    write_whole(path, MAGIC, hashlib.sha256(content).digest(), content)


def write_whole(path: Path, *parts: bytes) -> None:
    """A file of these parts, which whoever reads sees whole or not at all; raises OSError."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(parts)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def read_blob(path: Path) -> Blob | None:
    """The blob; None where there is none. Raises BlobDamaged for any other content than was written."""
    try:
        stored = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BlobDamaged(f"cannot be read: {error.strerror}") from error
    head, content = stored[: len(MAGIC) + DIGEST_BYTES], stored[len(MAGIC) + DIGEST_BYTES :]
    if head != MAGIC + hashlib.sha256(content).digest():
        raise BlobDamaged("does not have the content that was written")
    return Blob(content[COUNT_BYTES:], int.from_bytes(content[:COUNT_BYTES], "big"))
