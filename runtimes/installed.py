"""What is installed, as its metadata says; nothing is imported."""

from __future__ import annotations

import importlib.metadata
import importlib.util

UNKNOWN = "unknown"  # the version of what is no distribution


def importable(module: str) -> bool:
    """Whether a module can be imported, as far as that shows without doing so."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def version_of(name: str) -> str:
    """The version of an installed distribution."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return UNKNOWN


def requirements(name: str) -> list[str]:
    """What a distribution requires; nothing where it is not installed."""
    try:
        return importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return []
