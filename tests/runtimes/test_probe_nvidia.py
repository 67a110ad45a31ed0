"""Which engines can use a machine's NVIDIA GPUs: judged from what its driver tells and what is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtimes import Engine
from runtimes.cuda import Cuda
from runtimes.installed import importable, requirements, version_of
from runtimes.probe_nvidia import cuda_of, of_nvidia, onnxruntime_on_gpus, too_old, torch
from tests.compiled import COMPILER, DRIVER, compiled

ROOT = Path(__file__).parents[2]
TWO_GPUS = Cuda("12.6", ("Orin", "RTX"))
NO_DRIVER = Cuda(problem="there is no NVIDIA driver (libcuda.so.1)")
BOTH = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]


@pytest.mark.parametrize(
    ("version", "required", "expected"),
    [
        ("2.9.1+cu128", [], 12),
        ("2.13.0+cpu", [], None),
        ("2.15.0", ["filelock", "nvidia-cublas-cu12==12.8.4.1; platform_system == 'Linux'"], 12),
        ("11.4.0.106", ["tensorrt_cu13==11.4.0.106"], 13),
        ("11.4.0.106", ["tensorrt_cu13_libs==11.4.0.106"], 13),
        ("1.31.1", ["numpy>=1.21.6", 'nvidia-cuda-nvrtc~=13.0; extra == "cuda"', "nvidia-cuda-runtime~=13.0"], 13),
        ("1.23.2", ['nvidia-cuda-nvrtc-cu12~=12.0; extra == "cuda"'], 12),
        ("2.15.0", ["cuda-toolkit[cublas,cudart]==13.0.2; platform_system == 'Linux'"], 13),
        ("10.3.0", [], None),
        ("1.0", ["numpy>=13.0", "cudatoolkit"], None),
    ],
)
def test_the_cuda_that_a_package_was_built_for_is_in_its_metadata(
    version: str, required: list[str], expected: int | None
) -> None:
    assert cuda_of(version, required) == expected


@pytest.mark.parametrize(
    ("driver", "expected"),
    [
        ("12.2", "the driver supports CUDA 12.2, and tensorrt 11.4.0 needs a driver for CUDA 13 or later"),
        ("13.0", ""),
        ("14.1", ""),
        ("", ""),
    ],
)
def test_a_driver_must_be_of_the_same_major_version_or_later(driver: str, expected: str) -> None:
    assert too_old("tensorrt", Cuda(driver), "11.4.0", ["tensorrt_cu13==11.4.0"]) == expected


@pytest.mark.parametrize(
    ("name", "fix"), [("tensorrt", "pip install tensorrt; on a Jetson"), ("tensorrt-rtx", "pip install tensorrt-rtx")]
)
def test_an_engine_that_is_not_installed_says_how_to_install_it(name: str, fix: str) -> None:
    if importable(name.replace("-", "_")):
        pytest.skip(f"not run: {name} is installed")
    found = of_nvidia(name, TWO_GPUS)

    assert (found.usable, found.devices, found.reason) == (False, ("cuda:0", "cuda:1"), f"{name} is not installed")
    assert found.fix.startswith(fix)
    assert of_nvidia(name, NO_DRIVER).reason == NO_DRIVER.problem
    assert of_nvidia(name, NO_DRIVER).fix == "install NVIDIA's driver, or use device cpu"


def test_onnx_runtime_for_gpus_is_usable_on_each() -> None:
    cuda, tensorrt = onnxruntime_on_gpus("1.31.1", BOTH, TWO_GPUS)

    assert cuda == Engine("onnxruntime", "1.31.1", usable=True, devices=("cuda:0", "cuda:1"))
    assert tensorrt == Engine("onnxruntime-tensorrt", "1.31.1", usable=True, devices=("cuda:0", "cuda:1"))


def test_onnx_runtime_for_cpus_says_what_a_gpu_needs() -> None:
    cuda, tensorrt = onnxruntime_on_gpus("1.32.0", ["CPUExecutionProvider"], TWO_GPUS)

    assert cuda.reason == "onnxruntime is built without CUDAExecutionProvider"
    assert cuda.fix == "pip uninstall onnxruntime, then pip install 'onnxruntime-gpu[cuda,cudnn]'"
    assert tensorrt.reason == "onnxruntime is built without TensorrtExecutionProvider"
    assert onnxruntime_on_gpus("", [], TWO_GPUS)[0].reason == "onnxruntime is not installed"


def test_without_a_gpu_onnx_runtime_is_told_of_once_more_only() -> None:
    (tensorrt,) = onnxruntime_on_gpus("1.31.1", BOTH, NO_DRIVER)

    assert (tensorrt.name, tensorrt.usable, tensorrt.reason) == ("onnxruntime-tensorrt", False, NO_DRIVER.problem)
    assert onnxruntime_on_gpus("1.31.1", BOTH, Cuda("12.6"))[0].reason == "the driver sees no NVIDIA GPU"


def test_a_torch_for_cpus_says_so_where_there_is_a_gpu() -> None:
    if "+cpu" not in version_of("torch"):
        pytest.skip("not run: torch is not installed, or is one for GPUs")

    assert [one.devices for one in torch(NO_DRIVER)] == [("cpu",)]
    assert torch(TWO_GPUS)[1].reason == "this torch is built for CPUs alone"


def test_what_is_not_installed_has_no_version_and_requires_nothing() -> None:
    assert (importable("no_such_engine"), version_of("no-such"), requirements("no-such")) == (False, "unknown", [])


@pytest.mark.skipif(not COMPILER, reason="not run: there is no C compiler")
def test_the_doctor_shows_what_a_gpu_waits_for(tmp_path: Path) -> None:
    """A driver of C says that there is a GPU; nothing for it is installed."""
    compiled(tmp_path, "libcuda.so.1", DRIVER)
    env = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path), "PYTHONPATH": str(ROOT)}

    done = subprocess.run(
        [sys.executable, "-m", "sdk.commands.doctor"], env=env, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "gpu       Orin" in done.stdout
    told = [line.strip() for line in done.stdout.splitlines()]
    for name in ("tensorrt", "tensorrt-rtx", "onnxruntime-tensorrt"):
        assert any(name in line and "-> pip" in line for line in told) or importable(name.replace("-", "_"))
