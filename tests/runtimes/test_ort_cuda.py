"""ONNX Runtime's providers for NVIDIA GPUs: its binding on this machine's memory, and what it does without a GPU.

SKT_ONNXRUNTIME_GPU names a folder that `pip install --no-deps --target FOLDER onnxruntime-gpu` filled. What the job in
.ci/tensorrt does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from runtimes import Candidate, LoadOptions, Variant
from runtimes.ort_cuda import Bound, tensorrt_options
from tests.compiled import COMPILER, DRIVER, compiled
from tests.models import tiny_density, tiny_onnx
from tests.tolerances import DENSITY_ABSOLUTE

ROOT = Path(__file__).parents[2]
GPU_PACKAGE = os.environ.get("SKT_ONNXRUNTIME_GPU", "")
SOURCE = Variant("tensorrt-fp16", "tensorrt", "fp16", opset=20)
ON_TENSORRT = Candidate(SOURCE, "onnxruntime-tensorrt", "cuda:1", "fp16")

LOADS = """
import json, sys
from runtimes import Request, Variant, open_first, plan, probe
from runtimes.errors import BackendError
from tests.models import tiny_files
variants = [Variant("tensorrt-fp32", "tensorrt", "fp32"), Variant("onnx-fp32", "onnx", "fp32", opset=20)]
told = []
for request in (Request("cuda:0", "onnxruntime"), Request("cuda:0", "onnxruntime-tensorrt"), Request()):
    try:
        backend, attempts = open_first(plan(variants, probe(), request), lambda v: tiny_files()[v.format])
        told.append([backend.info().device, list(backend.info().notes)])
    except BackendError as error:
        told.append([error.message, error.hint])
print(json.dumps(told))
"""


@pytest.mark.parametrize("most", [None, 1, 2])
def test_bound_batches_count_like_any_others(most: int | None) -> None:
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(tiny_onnx(), settings, providers=["CPUExecutionProvider"])
    place = Bound(onnxruntime, session, ("cpu", 0), most)

    for seed, shape in enumerate([(1, 64, 96, 3), (1, 64, 96, 3), (3, 32, 16, 3), (2, 32, 16, 3), (1, 64, 96, 3)]):
        batch = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
        output = place.run(batch)

        np.testing.assert_allclose(output.density, tiny_density(batch), atol=DENSITY_ABSOLUTE, rtol=0)
        assert output.count == pytest.approx(output.density.sum(axis=(1, 2)))


def test_tensorrt_as_a_provider_builds_one_engine_for_all_sizes(tmp_path: Path) -> None:
    told = tensorrt_options(ON_TENSORRT, LoadOptions(cache_dir=tmp_path))

    assert told["trt_profile_min_shapes"] == "image:1x16x16x3"
    assert told["trt_profile_opt_shapes"] == told["trt_profile_max_shapes"] == "image:1x2048x2048x3"
    assert told["trt_engine_cache_path"] == str(tmp_path / "onnxruntime-tensorrt")
    assert not any("fp16" in name or "int8" in name for name in told)  # types are the file's


def test_tensorrt_as_a_provider_keeps_nothing_without_a_cache() -> None:
    assert {name[:12] for name in tensorrt_options(ON_TENSORRT, LoadOptions())} == {"trt_profile_"}


@pytest.mark.skipif(not GPU_PACKAGE, reason="not run: set SKT_ONNXRUNTIME_GPU to a folder with onnxruntime-gpu")
@pytest.mark.skipif(not COMPILER, reason="not run: there is no C compiler")
def test_the_real_package_for_gpus_never_takes_the_cpu_silently(tmp_path: Path) -> None:
    """A driver says that there is a GPU, and CUDA's libraries are missing, which ONNX Runtime only logs."""
    compiled(tmp_path, "libcuda.so.1", DRIVER.replace("*version = 12060", "*version = 13000"))
    paths = os.pathsep.join([GPU_PACKAGE, str(ROOT)])
    env = {**os.environ, "PYTHONPATH": paths, "LD_LIBRARY_PATH": str(tmp_path)}

    done = subprocess.run([sys.executable, "-c", LOADS], cwd=ROOT, env=env, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    cuda, tensorrt, auto = json.loads(done.stdout)
    assert cuda[0].startswith("onnxruntime cannot load variant onnx-fp32 on cuda:0: ")
    assert tensorrt[0].startswith("onnxruntime cannot load variant tensorrt-fp32 on cuda:0: ")
    assert cuda[1] == tensorrt[1] == "pip install 'onnxruntime-gpu[cuda,cudnn]', in the place of onnxruntime"
    assert auto[0] == "cpu"
    assert [note.split(" did not load")[0] for note in auto[1]] == [
        "tensorrt-fp32 on onnxruntime-tensorrt cuda:0",
        "onnx-fp32 on onnxruntime cuda:0",
    ]
