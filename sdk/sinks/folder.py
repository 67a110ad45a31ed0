"""Where sinks write files of their own naming."""

from __future__ import annotations

import os
from pathlib import Path

from sdk.sinks.errors import SinkError


def check_folder_of(path: Path) -> None:
    """Refuse a file in a folder that is not there, or that may not be written to; tried before the first reading."""
    if not path.parent.is_dir():
        raise SinkError(f"no folder {path.parent} for {path.name}", hint="make it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise SinkError(f"may not write to folder {path.parent} for {path.name}", hint="name a folder you may write to")
