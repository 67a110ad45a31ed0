"""Label files of plain text and JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sdk.errors import InputError


def read_text(path: Path) -> str:
    """A UTF-8 text file, with or without a byte order mark; refuses a missing file."""
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read label {path}: {error.strerror}", hint="is the set unpacked whole?") from error
    except UnicodeDecodeError as error:
        raise InputError(f"label {path} is not UTF-8 text: byte {error.start} does not fit") from error


def read_json_object(path: Path, expected: str) -> dict[str, Any]:
    """A JSON file's object; refuses an empty file, broken JSON, another value, and a key given twice."""

    def unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise InputError(f"label {path} has {key!r} twice", hint="put all its points into one list")
            found[key] = value
        return found

    text = read_text(path)
    if not text.strip():
        raise InputError(f"label {path} is empty", hint=f"expected {expected}")
    try:
        data = json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise InputError(f"label {path} is not JSON: line {error.lineno}, {error.msg}") from error
    if not isinstance(data, dict):
        raise InputError(f"label {path} holds a JSON {type(data).__name__}", hint=f"expected {expected}")
    return data
