"""Where and in which number format a network is computed."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager

import torch

from sdk.errors import BackendError

DEVICES = ("auto", "cpu", "cuda")
AUTOCAST = {"bfloat16": torch.bfloat16, "off": None}


def choose_device(name: str) -> torch.device:
    """The device of that name; `auto` is a CUDA GPU where PyTorch finds one, else the CPU."""
    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        hint = "use device=cpu, or device=auto"
        raise BackendError("device cuda was asked for, and PyTorch finds no CUDA GPU", hint=hint)
    return torch.device("cuda" if name == "cuda" or (name == "auto" and found) else "cpu")


def autocast(device: torch.device, setting: str) -> AbstractContextManager[object]:
    """Convolutions in the number format of the setting; weights and results stay float32."""
    dtype = AUTOCAST[setting]
    return torch.autocast(device.type, dtype or torch.bfloat16, enabled=dtype is not None)


def usable_cores() -> int:
    """Cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
