"""What every engine does on loading: find its package and its files, and hold what loaded against the plan."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from runtimes.base import first_line
from runtimes.errors import ArtifactError, BackendError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runtimes.plan import Candidate

UNGATED = "ungated: this int8 variant has not passed an accuracy gate, so its counts may be off"


def import_engine(name: str) -> Any:
    """The engine's package, imported now; one that is absent or broken is a `BackendError` with the install line."""
    try:
        return importlib.import_module(name)
    except Exception as error:  # a broken installation may raise anything
        absent = isinstance(error, ModuleNotFoundError) and error.name == name
        why = "is not installed" if absent else f"does not import: {first_line(error)}"
        raise BackendError(f"{name} {why}", hint=f"pip install {name}", engine=name) from error


def read_file(files: Mapping[str, bytes], name: str, variant: str) -> bytes:
    """The bytes of one of the variant's files."""
    if name not in files:
        message = f"variant {variant} has no {name}; it has {', '.join(sorted(files)) or 'no files'}"
        raise ArtifactError(message, hint="export the package again", variant=variant, file=name)
    return files[name]


def check_contract(candidate: Candidate, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Refuse a model whose input is not `image`, or that does not answer `density` and `count`."""
    if list(inputs) == ["image"] and {"density", "count"} <= set(outputs):
        return
    message = f"variant {candidate.variant.id} takes {', '.join(inputs)} and answers {', '.join(outputs)}"
    hint = "a counting model takes image and answers density and count; export it with skt-export"
    raise ArtifactError(message, hint=hint, variant=candidate.variant.id)


def agree(what: str, planned: object, loaded: object, candidate: Candidate) -> None:
    """Refuse an engine that loaded something else than was planned."""
    if planned != loaded:
        message = f"{candidate.engine} was to load {what} {planned}, and loaded {loaded}"
        raise BackendError(message, hint="see skt-doctor", planned=planned, loaded=loaded, variant=candidate.variant.id)


def stored_notes(candidate: Candidate) -> tuple[str, ...]:
    """What a user should know of this variant on this device."""
    unproven = candidate.variant.precision == "int8" and candidate.variant.gate_passed is not True
    return (UNGATED,) if unproven else ()
