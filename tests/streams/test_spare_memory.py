"""What the C library holds free between blocks in use goes back to the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

CODE = """
import numpy as np
from pathlib import Path
from sdk.streams.spare import EVERY, SpareMemory

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

blocks = [np.ones(60_000, np.uint8) for _ in range(1000)]
del blocks[:-1]  # the last one keeps the heap's end where it is
before, spare = resident(), SpareMemory(now=0.0)
spare.give_back(EVERY - 1)
early = resident()
spare.give_back(EVERY)
print(before - early, before - resident(), len(blocks))
"""


def test_free_memory_is_given_back_once_a_minute() -> None:
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("not run: there is no glibc here")
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    early, given, _ = map(int, done.stdout.split())

    assert early < 1_000  # KiB
    assert given > 40_000
