"""A model package as a starting point: the weights of its master, for more training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from distiller import checkpoint as store
from sdk.errors import ArtifactError, ConfigError
from sdk.package import Package

MASTER = "onnx-fp32"
PICKLES = (".ckpt", ".pt", ".pth", ".tar")


def load_start(path: Path) -> store.Checkpoint:
    """What to start a run from: a checkpoint folder, or a package that skt-export made of one."""
    if path.suffix in PICKLES:
        hint = f"convert it first: skt-distill import {path}"
        raise ArtifactError(f"{path} is a pickle, which is not read as a checkpoint", hint=hint)
    return store.load(path) if (path / store.FACTS).exists() else checkpoint_of_package(path)


def checkpoint_of_package(path: Path) -> store.Checkpoint:
    """The architecture and the weights in a package; batch normalisation is folded already."""
    with Package.open(path) as package:
        provenance, files = package.manifest.provenance, package.read(MASTER)
    about = provenance.get("network")
    if not isinstance(about, dict):
        raise ArtifactError(f"package {path} does not say which network it holds", hint="start from its checkpoint")
    tensors = {f"model.{name}": torch.from_numpy(array) for name, array in _weights(files["model.onnx"]).items()}
    facts = {"architecture": {**about, "batch_norm": False}, "step": provenance.get("step", 0)}
    return store.Checkpoint(tensors, facts)


def _weights(data: bytes) -> dict[str, Any]:
    """The convolutions' weights and biases by parameter name."""
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as error:
        hint = "pip install 'skt-edge[export]'"
        raise ConfigError("starting from a package needs onnx, which is not installed", hint=hint) from error
    stored = onnx.load_from_string(data).graph.initializer
    named = {tensor.name: numpy_helper.to_array(tensor).copy() for tensor in stored}
    return {name: array for name, array in named.items() if name.rpartition(".")[2] in ("weight", "bias")}
