"""The public names and their signatures, beside a stored list: a change there is a change for users.

After one that is meant: python -m tests.test_public_api > tests/public_api.txt, and a line in the changelog.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import runtimes
import sdk

STORED = Path(__file__).parent / "public_api.txt"


def described(module: ModuleType) -> Iterator[str]:
    for name in module.__all__:
        yield from member(f"{module.__name__}.{name}", getattr(module, name))


def member(path: str, value: Any) -> Iterator[str]:
    if inspect.isclass(value):
        bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
        yield f"{path}{signature(value)}{f' is {bases}' if bases else ''}"
        for name, inner in vars(value).items():
            if not name.startswith("_") and (callable(inner) or isinstance(inner, (property, classmethod))):
                yield from member(f"{path}.{name}", getattr(inner, "__func__", inner))
    elif isinstance(value, property):
        yield f"{path}: {returned(value.fget)}"
    else:
        yield f"{path}{signature(value)} -> {returned(value)}"


def signature(function: Any) -> str:
    """(name: type = default, ...), alike on every Python."""
    shown = []
    star = False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            star = True
            shown.append("*")
        prefix = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        kind = "" if parameter.annotation is parameter.empty else f": {parameter.annotation}"
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        shown.append(f"{prefix}{parameter.name}{kind}{default}")
    return f"({', '.join(shown)})"


def returned(function: Any) -> str:
    return str(inspect.signature(function).return_annotation)


def api() -> list[str]:
    return [line for module in (runtimes, sdk) for line in described(module)]


def test_the_public_api_is_the_stored_one() -> None:
    assert api() == STORED.read_text().splitlines()


def test_every_public_name_is_there_once_and_sorted() -> None:
    for module in (runtimes, sdk):
        assert module.__all__ == sorted(set(module.__all__))


def test_an_unknown_name_is_refused_like_any_other() -> None:
    assert not hasattr(sdk, "CrowdCountr")


if __name__ == "__main__":
    print("\n".join(api()))  # noqa: T201 - into the stored list
