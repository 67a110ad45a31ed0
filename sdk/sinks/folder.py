"""Where sinks write files of their own naming."""

from __future__ import annotations

import tempfile
from pathlib import Path

from sdk.sinks.errors import SinkError


def check_folder_of(path: Path) -> None:
    """Refuse a file in a folder that is not there, or in which none can be made; tried before the first reading."""
    if not path.parent.is_dir():
        raise SinkError(f"no folder {path.parent} for {path.name}", hint="make it first")
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        message = f"cannot write to folder {path.parent} for {path.name}: {error.strerror}"
        raise SinkError(message, hint="name a folder you may write to") from error
