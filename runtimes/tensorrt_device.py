"""The device that a plan is built on and for, as its driver tells of it; asked before TensorRT is imported."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import re
from dataclasses import dataclass
from typing import Any

from runtimes.cuda import LIBRARY, cuda
from runtimes.errors import BackendError

MAJOR, MINOR = 75, 76  # the driver's numbers for the two parts of the compute capability
MODULES = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}  # engine: Python module
TESTED = {
    "tensorrt": ((10, 3), (12, 0)),
    "tensorrt_rtx": ((1, 7), (2, 0)),
}  # module: oldest, beyond; RTX 1.6 builds no INT8
WORDS = {"tensorrt_rtx": "TensorRT-RTX"}
HINTS = {"tensorrt_rtx": "pip install tensorrt-rtx"}
ELSEWHERE = "build on the device that runs the engine; elsewhere use device cpu"


@dataclass(frozen=True)
class Device:
    """One GPU."""

    index: int
    name: str
    compute_capability: str  # 8.7
    cuda_driver: str  # the CUDA version that its driver supports, 12.6


def find_device(index: int = 0, library: str = LIBRARY) -> Device:
    """The GPU of this number; a BackendError says what is missing."""
    driver = cuda(library)
    if not driver.version:
        raise BackendError(f"an engine is built on its device, and {driver.problem} here", hint=ELSEWHERE)
    if not 0 <= index < len(driver.gpus):
        found = ", ".join(driver.gpus) or "none"
        raise BackendError(f"there is no GPU {index} (found: {found})", hint="choose one with --gpu")
    return Device(index, driver.gpus[index], _compute_capability(ctypes.CDLL(library), index), driver.version)


def import_tensorrt(name: str = "tensorrt") -> Any:
    """The module of TensorRT; only ever called when there is a driver, for without one it crashes the process."""
    if importlib.util.find_spec(name) is None:
        hint = "on a Jetson install JetPack's tensorrt, elsewhere pip install tensorrt"
        raise BackendError(f"the Python package {name} is not installed", hint=HINTS.get(name, hint))
    try:
        trt = importlib.import_module(name)
    except Exception as error:
        told = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise BackendError(
            f"{name} does not import: {told}", hint=f"install {name} again, with its libraries"
        ) from error
    check_version(str(trt.__version__), name)
    return trt


def check_version(version: str, name: str = "tensorrt") -> None:
    """Refuse a TensorRT that this release was not written for."""
    oldest, beyond = TESTED.get(name, TESTED["tensorrt"])
    if not oldest <= numbers(version) < beyond:
        known = f"{oldest[0]}.{oldest[1]} to {beyond[0] - 1}.x"
        hint = f"install {name} {known}; JetPack 6.1 and later have TensorRT 10.3"
        raise BackendError(f"{WORDS.get(name, 'TensorRT')} {version} is installed, expected {known}", hint=hint)


def numbers(version: str) -> tuple[int, int]:
    """10.3.0.26 is (10, 3); what is no version is (0, 0)."""
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _compute_capability(driver: ctypes.CDLL, index: int) -> str:
    device = ctypes.c_int()
    if driver.cuDeviceGet(ctypes.byref(device), index):
        raise BackendError(f"the NVIDIA driver does not open GPU {index}", hint="check it with nvidia-smi")
    return ".".join(str(_attribute(driver, which, device)) for which in (MAJOR, MINOR))


def _attribute(driver: ctypes.CDLL, which: int, device: ctypes.c_int) -> int:
    answer = ctypes.c_int()
    if driver.cuDeviceGetAttribute(ctypes.byref(answer), which, device):
        raise BackendError("the NVIDIA driver does not tell the compute capability", hint="update the driver")
    return answer.value
