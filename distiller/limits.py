"""Checks of settings that their type alone does not make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sdk.errors import ConfigError


def check_choice(name: str, value: str, known: Iterable[str], *, hint: str = "") -> None:
    """Refuse a value that is not one of the known ones."""
    names = sorted(known)
    if value not in names:
        listed = f"known: {', '.join(names)}"
        raise ConfigError(f"unknown {name} {value!r}", hint=f"{listed}; {hint}" if hint else listed)


def check_limits(where: str, values: Mapping[str, float], limits: Mapping[str, tuple[float, float]]) -> None:
    """Refuse a value outside its (least, most); `where` stands before its name, such as `augment.`."""
    for name, (least, most) in limits.items():
        value = values[name]
        if not least <= value <= most:
            raise ConfigError(f"setting {where}{name} is {value!r}, expected {least:g} to {most:g}")
