"""Checkpoints: tensors as safetensors, everything else as JSON, both in place or neither.

A checkpoint is a folder. `facts.json` names the file of tensors that belongs to it, so that one rename, that of
facts.json, changes from the old checkpoint to the new: whoever is interrupted at any moment leaves one of the two.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from distiller.networks import Architecture, CountingNetwork
from sdk.config import parse
from sdk.errors import ArtifactError, ConfigError
from sdk.files import write_whole

SCHEMA = "skt-checkpoint/2"
FACTS = "facts.json"


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name (`model.*`, `ema.*`, `optimizer.*`) and facts: architecture, step, config, metrics."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    def group(self, prefix: str) -> dict[str, Tensor]:
        """The tensors of one kind, the prefix taken off."""
        return {key[len(prefix) + 1 :]: value for key, value in self.tensors.items() if key.startswith(f"{prefix}.")}


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint folder; the one that stands there is replaced only when the new one is complete."""
    name = f"tensors-{secrets.token_hex(4)}.safetensors"
    facts = {**checkpoint.facts, "schema": SCHEMA, "tensors": name}
    tensors = {key: value.detach().cpu().contiguous() for key, value in checkpoint.tensors.items()}
    try:
        path.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        write_whole(path / name, safetensors.torch.save(tensors))
        write_whole(path / FACTS, (json.dumps(facts, indent=2, sort_keys=True) + "\n").encode())
        _sweep(path)
    except OSError as error:
        message = f"checkpoint {path} cannot be written: {error.strerror}"
        raise ArtifactError(message, hint="the one before it, where there was one, is kept") from error


def _sweep(path: Path) -> None:
    """Remove what facts.json does not name: tensors of the checkpoint before, and parts of interrupted writes."""
    if not (path / FACTS).exists():
        return
    kept = {FACTS, _read_facts(path)["tensors"]}
    for file in path.iterdir():
        if file.name not in kept:
            file.unlink()


def load(path: Path) -> Checkpoint:
    """Read a checkpoint folder; refuses what is missing, damaged or of another schema."""
    try:
        facts = _read_facts(path)
        tensors = safetensors.torch.load_file(str(path / facts["tensors"]))
    except FileNotFoundError as error:
        missing = Path(error.filename or "file of tensors").name
        hint = f"expected a folder with {FACTS} and the file of tensors that it names"
        raise ArtifactError(f"{path} is not a checkpoint: no {missing}", hint=hint) from error
    except (OSError, ValueError, SafetensorError) as error:
        raise ArtifactError(f"checkpoint {path} cannot be read: {error}") from error
    return Checkpoint(tensors, facts)


def load_if_any(path: Path) -> Checkpoint | None:
    """The checkpoint in a folder; none where the first one was never completed."""
    return load(path) if (path / FACTS).exists() else None


def network_of(checkpoint: Checkpoint) -> CountingNetwork:
    """The network in evaluation mode, with averaged weights where there are any."""
    architecture = architecture_of(checkpoint)
    network = architecture.build()
    fill(network, checkpoint.group("ema") or checkpoint.group("model"), f"checkpoint does not fit {architecture}")
    return network.eval()


def fill(network: CountingNetwork, tensors: Mapping[str, Tensor], refusal: str) -> None:
    """Copy the tensors into the network; the refusal names one that is missing, of another shape, or unknown."""
    own = network.state_dict()
    for name, like in own.items():
        if name not in tensors:
            raise ArtifactError(f"{refusal}: it has no {name}")
        if tensors[name].shape != like.shape:
            shape, expected = tuple(tensors[name].shape), tuple(like.shape)
            raise ArtifactError(f"{refusal}: {name} has shape {shape}, expected {expected}")
    for name in tensors.keys() - own.keys():
        raise ArtifactError(f"{refusal}: the network has no {name}")
    network.load_state_dict(dict(tensors))


def architecture_of(checkpoint: Checkpoint) -> Architecture:
    """Which network the checkpoint holds."""
    about = checkpoint.facts.get("architecture")
    if not isinstance(about, dict):
        raise ArtifactError(f"checkpoint states the architecture {about!r}, expected name, n and batch_norm")
    try:
        return parse(Architecture, about, "architecture.")
    except ConfigError as error:
        raise ArtifactError(f"checkpoint holds a network that this version cannot build: {error}") from error


def _read_facts(path: Path) -> dict[str, Any]:
    """The facts as schema 2 has them."""
    facts: Any = json.loads((path / FACTS).read_text("utf-8"))
    if not isinstance(facts, dict):
        raise ArtifactError(f"checkpoint {path}: {FACTS} holds {type(facts).__name__}, expected an object")
    while (schema := facts.get("schema")) != SCHEMA:
        if str(schema) not in MIGRATIONS:
            raise ArtifactError(f"checkpoint {path} has schema {schema!r}, expected {SCHEMA!r}")
        facts = MIGRATIONS[str(schema)](facts)
    name = facts.get("tensors")
    if not isinstance(name, str) or Path(name).name != name:
        raise ArtifactError(f"checkpoint {path}: {FACTS} names {name!r} as its file of tensors, expected a file's name")
    return dict(facts)


def name_the_tensors(facts: dict[str, Any]) -> dict[str, Any]:
    """From schema 1, in which the file of tensors had a fixed name."""
    return {**facts, "schema": SCHEMA, "tensors": "tensors.safetensors"}


MIGRATIONS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {"skt-checkpoint/1": name_the_tensors}
