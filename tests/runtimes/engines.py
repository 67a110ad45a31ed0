"""Engines of the tiny model on the stand-in for a GPU, kept, rewritten and run; for the tests of the TensorRT backend."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from runtimes import Backend, Candidate, LoadOptions, Variant, load
from runtimes.tensorrt import TensorRtBackend
from runtimes.tensorrt_store import PLAN, SIDECAR
from tests.models import tiny_density, tiny_files, tiny_onnx
from tests.tolerances import DENSITY_ABSOLUTE

NEEDS_STAND_IN = pytest.mark.skipif(
    not os.environ.get("SKT_STAND_IN"), reason="not run: test_tensorrt_stand_in runs it"
)
VARIANT = Variant("tensorrt-fp32", "tensorrt", "fp32", opset=20)
ON_GPU = Candidate(VARIANT, "tensorrt", "cuda:0", "fp32")
ON_RTX = replace(ON_GPU, engine="tensorrt-rtx")
CRASHES = b"crash"  # what the stand-in of TensorRT dies of


def opened(cache: Path | None, candidate: Candidate = ON_GPU, **options: object) -> TensorRtBackend:
    backend = load(candidate, tiny_files()["tensorrt"], LoadOptions(cache_dir=cache, **options))
    assert isinstance(backend, TensorRtBackend)
    return backend


def photos(n: int, height: int = 64, width: int = 96, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, 3), np.uint8)


def counts_right(backend: Backend, batch: np.ndarray) -> None:
    np.testing.assert_allclose(backend.run(batch).density, tiny_density(batch), atol=DENSITY_ABSOLUTE, rtol=0)


def rewrite(folder: Path, data: bytes | None = None, **told: object) -> None:
    """Another plan, or another sidecar, in a folder; as whole as if it had been built so."""
    if data is not None:
        (folder / PLAN).write_bytes(data)
    sidecar = json.loads((folder / SIDECAR).read_text()) | told
    sidecar["plan_sha256"] = hashlib.sha256((folder / PLAN).read_bytes()).hexdigest()
    (folder / SIDECAR).write_text(json.dumps(sidecar))


def other_model() -> bytes:
    """The tiny model with three times the people."""
    model = onnx.load_from_string(tiny_onnx())
    for tensor in model.graph.initializer:
        if tensor.name in ("weight", "bias"):
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * 3, tensor.name))
    return model.SerializeToString()


def narrow(folder: Path, name: str, sizes: list[list[int]]) -> Path:
    """An engine of one range of sizes, as a user would build it and copy it elsewhere."""
    other = folder.with_name(name)
    shutil.copytree(folder, other)
    source = (other / PLAN).read_bytes().partition(b"\n")[2]
    rewrite(other, json.dumps([sizes]).encode() + b"\n" + source, options={"dla_core": None})
    return other
