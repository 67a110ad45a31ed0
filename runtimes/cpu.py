"""The processor: its name, what it can do that matters to engines, and how many of its cores this process may use."""

from __future__ import annotations

import math
import os
import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")

# Our word: what the kernel says. Linux on x86-64 and on arm64; a flag of the one means nothing on the other.
FLAGS = {
    "avx2": ("avx2",),
    "avx512": ("avx512f",),
    "vnni": ("avx512_vnni", "avx_vnni"),
    "bf16": ("avx512_bf16", "amx_bf16", "bf16"),
    "amx": ("amx_tile",),
    "neon": ("asimd",),
    "dotprod": ("asimddp",),
    "i8mm": ("i8mm",),
    "sve": ("sve",),
}
ARCHITECTURES = {"amd64": "x86_64", "aarch64": "arm64"}  # what systems call it: what we do


def architecture() -> str:
    """x86_64, arm64, or the system's own word for another."""
    machine = platform.machine().lower()
    return ARCHITECTURES.get(machine, machine)


def cpu_name(cpuinfo: str | None = None) -> str:
    """The maker's name of the processor, or its architecture where no name is to be had."""
    named = [value for key, value in _fields(cpuinfo) if key in ("model name", "Hardware", "Model")]
    return named[0] if named else platform.processor() or architecture()


def cpu_flags(cpuinfo: str | None = None) -> tuple[str, ...]:
    """Those of `FLAGS` that the processor has; empty where the system does not tell (anything but Linux)."""
    told = {flag for key, value in _fields(cpuinfo) if key in ("flags", "Features") for flag in value.split()}
    return tuple(word for word, names in FLAGS.items() if told & set(names))


def cores() -> int:
    """Physical cores that this process may use: no more than its affinity and its container's quota allow."""
    allowed = _allowed_cores()
    return min(allowed, physical_cores() or allowed, quota_cores() or allowed)


def physical_cores(cpuinfo: str | None = None) -> int | None:
    """Cores by the kernel's numbering, two threads of one core counted once; None where it does not say."""
    package, found = "", set()
    for key, value in _fields(cpuinfo):
        if key == "physical id":
            package = value
        elif key == "core id":
            found.add((package, value))
    return len(found) or None


def quota_cores(quota: str | None = None) -> int | None:
    """Cores that a container's quota comes to ("150000 100000" is 2), rounded up; None without a quota."""
    words = (_read(CPU_QUOTA) if quota is None else quota).split()
    if len(words) != 2 or not all(word.isdigit() for word in words):
        return None
    return math.ceil(int(words[0]) / int(words[1]))


def _allowed_cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no such call
        return os.cpu_count() or 1


def _fields(cpuinfo: str | None) -> list[tuple[str, str]]:
    """The `key : value` lines of /proc/cpuinfo."""
    lines = (_read(CPUINFO) if cpuinfo is None else cpuinfo).splitlines()
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return [(key.strip(), value.strip()) for key, value in pairs]


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
