"""Where compiled models are kept: one folder for each user."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path | None:
    """$SKT_CACHE_DIR, else $XDG_CACHE_HOME/skt-edge, else ~/.cache/skt-edge; None where that cannot be written."""
    try:
        folder = _wanted_folder()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # a user without a home, as in many containers, is a RuntimeError
        return None
    return folder if os.access(folder, os.W_OK) else None


def _wanted_folder() -> Path:
    if chosen := os.environ.get("SKT_CACHE_DIR"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "skt-edge"
