"""The model packages that come with the SDK, by name."""

from __future__ import annotations

import os
from pathlib import Path

MODELS = Path(__file__).parent / "models"
SHIPPED = ("default", "quick")  # the most accurate one, and one of a third of its work
DEFAULT_PACKAGE = MODELS / "default.skt"


def shipped(path: str | os.PathLike[str]) -> Path:
    """The path; for a shipped package's name, where there is no such file or folder, where that package lies."""
    path = Path(path)
    return MODELS / f"{path}.skt" if str(path) in SHIPPED and not path.exists() else path
