"""MATLAB label files: the only place that needs SciPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sdk.errors import ConfigError, InputError


def read_mat(path: Path) -> dict[str, Any]:
    """A MATLAB file's variables by name."""
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise ConfigError(f"reading {path} needs SciPy", hint="pip install 'skt-edge[train]'") from error
    if not path.is_file():
        raise InputError(f"no label file {path}", hint="is the set unpacked whole?")
    try:
        return dict(loadmat(str(path)))
    except Exception as error:  # a damaged file makes SciPy's parser raise almost anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"cannot read label {path}: {reason}", hint="expected a MATLAB 5 to 7.2 file") from error


def read_mat_key(path: Path, key: str) -> Any:
    """One variable of a MATLAB file."""
    variables = read_mat(path)
    if key not in variables:
        found = ", ".join(name for name in variables if not name.startswith("__")) or "nothing"
        raise InputError(f"label {path} has no {key!r}", hint=f"it holds {found}")
    return variables[key]
