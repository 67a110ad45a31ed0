"""Where compiled models are kept: one folder for each user."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path | None:
    """$SKT_CACHE_DIR, else $XDG_CACHE_HOME/skt-edge, else ~/.cache/skt-edge; None where that cannot be written."""
    chosen = os.environ.get("SKT_CACHE_DIR")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(chosen) if chosen else base / "skt-edge"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None
