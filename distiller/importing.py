"""Somebody else's weights, a PyTorch pickle, as one of our checkpoints."""

from __future__ import annotations

import hashlib
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from distiller import checkpoint as store
from distiller.networks import Architecture, convolutions
from sdk.config import to_plain
from sdk.errors import ArtifactError, ConfigError

INSIDE = ("state_dict", "model_state_dict", "model", "net")  # under which a file may hold its tensors
PREFIXES = ("module.", "_orig_mod.")  # of wrappers
DAMAGED = (OSError, EOFError, LookupError, RuntimeError, TypeError, ValueError, AttributeError, pickle.PickleError)


def import_checkpoint(file: Path, architecture: Architecture, out: Path, *, colour: str = "auto") -> dict[str, Any]:
    """Write the file's weights as a checkpoint of the architecture; returns what was taken.

    Tensors are matched by our names, or else one after the other by their shapes, in which case the network is taken
    to have been trained on RGB photos, as others' are, unless `colour` says otherwise. Pixels scaled to 0..1, less
    ImageNet's mean, over its deviation, are what both take.
    """
    if out.exists():
        raise ConfigError(f"{out} exists already", hint="choose another --out")
    tensors = read_tensors(file)
    network = architecture.build()
    named = set(tensors) == set(network.state_dict())
    refusal = f"{file} does not fit {architecture}"
    matched = tensors if named else in_order(tensors, network.state_dict(), refusal)
    store.fill(network, matched, refusal)
    colour = ("bgr" if named else "rgb") if colour == "auto" else colour
    if colour == "rgb":
        first = convolutions(network)[0].weight
        first.data = first.data.flip(1)
    about = {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest(), "colour": colour}
    facts = {"architecture": to_plain(architecture), "step": 0, "imported": about}
    store.save(out, store.Checkpoint({f"model.{key}": value for key, value in network.state_dict().items()}, facts))
    return {**about, "matched": "by name" if named else "by order and shape", "tensors": len(matched)}


def read_tensors(file: Path) -> dict[str, Tensor]:
    """The tensors in a pickle, in its order; nothing but tensors and plain containers is ever unpickled."""
    try:
        with warnings.catch_warnings():  # of a pickle of another kind, which is refused below
            warnings.simplefilter("ignore")
            data = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ArtifactError(f"no file {file}") from error
    except DAMAGED as error:
        hint = "expected a state dict saved by torch.save; one with Python objects in it is never loaded"
        raise ArtifactError(f"{file} cannot be read safely: {type(error).__name__}", hint=hint) from error
    for name in INSIDE:
        if isinstance(data, Mapping) and isinstance(data.get(name), Mapping):
            data = data[name]
    if not isinstance(data, Mapping) or not all(isinstance(value, Tensor) for value in data.values()) or not data:
        hint = f"expected a mapping of names to tensors, or one under {', '.join(INSIDE)}"
        raise ArtifactError(f"{file} holds no state dict", hint=hint)
    return {_bare(str(key)): value for key, value in data.items()}


def in_order(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor], refusal: str) -> dict[str, Tensor]:
    """The tensors under our names, matched one after the other; refuses a number or a shape that differs."""
    theirs = [(key, value) for key, value in tensors.items() if value.ndim]  # without counters of batches
    ours = [(key, value) for key, value in own.items() if value.ndim]
    for (key, value), (name, like) in zip(theirs, ours, strict=False):
        if value.shape != like.shape:
            raise ArtifactError(f"{refusal}: {key} has shape {tuple(value.shape)}, {name} has {tuple(like.shape)}")
    if len(theirs) != len(ours):
        raise ArtifactError(f"{refusal}: it holds {len(theirs)} tensors, expected {len(ours)}")
    pairs = zip(theirs, ours, strict=True)
    return {key: value for key, value in own.items() if not value.ndim} | {name: v for (_, v), (name, _) in pairs}


def _bare(key: str) -> str:
    for prefix in PREFIXES:
        key = key.removeprefix(prefix)
    return key
