"""Warnings of TensorRT's builder that were read, and why nothing need be done about each. All others are shown."""

from __future__ import annotations

from collections.abc import Iterable

READ = {
    "Converting conv activation scales to fp32": "fp32 holds every fp16 scale exactly, so no number changes",
    "Converting conv weight scales to fp32": "fp32 holds every fp16 scale exactly, so no number changes",
}


def unread(warnings: Iterable[str]) -> list[str]:
    """The warnings that are not in the list, each once."""
    lines = (" ".join(warning.split()) for warning in warnings)
    return list(dict.fromkeys(line for line in lines if not any(known in line for known in READ)))
