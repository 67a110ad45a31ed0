"""Checkpoints: tensors as safetensors, everything else as JSON, both in place or neither."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from distiller.networks import CountingNetwork, build
from sdk.errors import ArtifactError

SCHEMA = "skt-checkpoint/1"


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name (`model.*`, `ema.*`, `optimizer.*`) and facts: architecture, step, config, metrics."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    def group(self, prefix: str) -> dict[str, Tensor]:
        """The tensors of one kind, the prefix taken off."""
        return {key[len(prefix) + 1 :]: value for key, value in self.tensors.items() if key.startswith(f"{prefix}.")}


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint folder; an older one of that name is replaced only when the new one is complete."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    tensors = {key: value.detach().contiguous() for key, value in checkpoint.tensors.items()}
    save_file(tensors, str(temporary / "tensors.safetensors"))
    facts = {"schema": SCHEMA, **checkpoint.facts}
    (temporary / "facts.json").write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n", "utf-8")
    for file in temporary.iterdir():
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    if path.exists():
        path.rename(old)
    temporary.rename(path)
    shutil.rmtree(old, ignore_errors=True)


def load(path: Path) -> Checkpoint:
    """Read a checkpoint folder; refuses what is missing, damaged or of another schema."""
    try:
        facts = json.loads((path / "facts.json").read_text("utf-8"))
        tensors = load_file(str(path / "tensors.safetensors"))
    except FileNotFoundError as error:
        hint = "expected a folder with facts.json and tensors.safetensors"
        raise ArtifactError(f"{path} is not a checkpoint: no {Path(error.filename or '').name}", hint=hint) from error
    except (OSError, ValueError, SafetensorError) as error:
        raise ArtifactError(f"checkpoint {path} cannot be read: {error}") from error
    if facts.get("schema") != SCHEMA:
        raise ArtifactError(f"checkpoint {path} has schema {facts.get('schema')!r}, expected {SCHEMA!r}")
    return Checkpoint(tensors, facts)


def network_of(checkpoint: Checkpoint) -> CountingNetwork:
    """The network in evaluation mode, with averaged weights where there are any."""
    about = checkpoint.facts["architecture"]
    network = build(about["name"], about["n"], batch_norm=about["batch_norm"])
    weights = checkpoint.group("ema") or checkpoint.group("model")
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ArtifactError(f"checkpoint does not fit {about['name']} 1/{about['n']}: {error}") from error
    with torch.no_grad():
        return network.eval()
