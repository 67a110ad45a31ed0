"""Where and in which number format a network is computed."""

from __future__ import annotations

import functools
import os
import sys
from contextlib import AbstractContextManager

import torch

from runtimes.cpu import cpu_flags
from sdk.errors import BackendError

DEVICES = ("auto", "cpu", "cuda")
AUTOCAST = ("auto", "bfloat16", "off")


def choose_device(name: str, number: int = 0) -> torch.device:
    """The device of that name, of several GPUs that of the number; `auto` is a GPU where there is one, else the CPU."""
    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        hint = "use device=cpu, or device=auto"
        raise BackendError("device cuda was asked for, and PyTorch finds no CUDA GPU", hint=hint)
    if not found or name == "cpu":
        return torch.device("cpu")
    torch.cuda.set_device(number)
    return torch.device("cuda", number)


def autocast(device: torch.device, setting: str) -> AbstractContextManager[object]:
    """Convolutions in the number format of the setting; weights and results stay float32.

    `auto` is bfloat16 where the device computes in it: a CPU that only imitates it takes two to three times as long.
    """
    wanted = setting == "bfloat16" or (setting == "auto" and computes_bfloat16(device.type))
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted)


@functools.cache
def computes_bfloat16(device_type: str) -> bool:
    """Whether the GPU, or this CPU, has instructions for bfloat16."""
    if device_type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return "bf16" in cpu_flags()


def usable_cores() -> int:
    """Cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
