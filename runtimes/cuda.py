"""The NVIDIA driver, asked through its C interface: what it supports and which GPUs it sees.

TensorRT crashes the process when it is used without a driver, so this is asked before it is imported.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass

from runtimes.errors import BackendError

LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
NAME_BYTES = 128


@dataclass(frozen=True)
class Cuda:
    """What the driver says; without one, `problem` says why."""

    version: str = ""  # the CUDA version that the driver supports, 12.6; empty: no driver that works
    gpus: tuple[str, ...] = ()
    problem: str = ""


def cuda(library: str = LIBRARY) -> Cuda:
    """Ask the driver; never raises."""
    try:
        driver = ctypes.CDLL(library)
        if code := driver.cuInit(0):
            return Cuda(problem=f"the NVIDIA driver does not start (CUDA error {code})")
        return Cuda(_version(driver), tuple(_name(driver, at) for at in range(_number(driver.cuDeviceGetCount))))
    except (OSError, AttributeError):
        return Cuda(problem=f"there is no NVIDIA driver ({library})")


def gpu_number(engine: str, device: str) -> int:
    """Which GPU a planned device is: 1 of cuda:1; a BackendError where it is none of NVIDIA's."""
    kind, _, number = device.partition(":")
    if kind != "cuda":
        message = f"{engine} runs on NVIDIA GPUs (cuda:0), not on {device}"
        raise BackendError(message, hint="ask for device cuda or auto", device=device)
    return int(number or 0)


def _version(driver: ctypes.CDLL) -> str:
    number = _number(driver.cuDriverGetVersion)  # 12060 is 12.6
    return f"{number // 1000}.{number % 1000 // 10}"


def _number(question: ctypes._NamedFuncPointer) -> int:
    answer = ctypes.c_int()
    return answer.value if question(ctypes.byref(answer)) == 0 else 0


def _name(driver: ctypes.CDLL, at: int) -> str:
    text = ctypes.create_string_buffer(NAME_BYTES)
    return text.value.decode(errors="replace") if driver.cuDeviceGetName(text, NAME_BYTES, at) == 0 else f"GPU {at}"
