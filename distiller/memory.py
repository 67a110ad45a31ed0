"""Memory that a training process gives back only at its end; see docs/adr/0004."""

from __future__ import annotations

import ctypes
import platform

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # mallopt's names in malloc.h
NEVER_TRIM = 2**31 - 1  # bytes: the largest that mallopt takes
TOP_PAD = 2**28  # bytes that the heap grows by
NO_MAPS = 0  # mallopt ignores a map threshold above 32 MB, so maps are switched off instead


def keep_memory() -> bool:
    """Tell glibc to keep freed memory instead of mapping it anew at each step; False where there is no glibc."""
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    settings = ((M_MMAP_MAX, NO_MAPS), (M_TRIM_THRESHOLD, NEVER_TRIM), (M_TOP_PAD, TOP_PAD))
    return all(libc.mallopt(name, value) == 1 for name, value in settings)
