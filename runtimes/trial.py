"""A model tried in a process of its own, because its engine may crash and take the caller with it.

python -m runtimes.trial is the child: it takes what to load on stdin from `crash_of_load`.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtimes.base import LoadOptions
    from runtimes.plan import Candidate

SECONDS = 120  # of patience, on a busy machine
MULTIPLES = ((1, 1, 1), (1, 2, 2), (2, 1, 2), (1, 4, 4), (1, 1, 6), (1, 6, 6), (1, 2, 2))  # n, h, w of the photos tried
NOT_ITS_OWN = ("SIGHUP", "SIGINT", "SIGKILL", "SIGTERM")  # signals of somebody else: a user, or a lack of memory


def crash_of_load(candidate: Candidate, files: Mapping[str, bytes], options: LoadOptions) -> str:
    """How a child ended that loaded a candidate and ran small photos of several sizes; empty where it did not crash.

    What it compiles is kept in the cache for its caller. A child that fails without a crash is no reason to refuse: the
    caller will meet the same error, and can tell it better.
    """
    asked = pickle.dumps((candidate, dict(files), replace(options, notes=())))
    return crash_of([sys.executable, "-m", "runtimes.trial"], asked=asked)


def crash_of(command: Sequence[str], seconds: float = SECONDS, asked: bytes = b"") -> str:
    """Run a child to its end, and say how it died if a signal of its own ended it, or that it did not end."""
    own = str(Path(__file__).parents[1])
    paths = os.pathsep.join(filter(None, (own, os.environ.get("PYTHONPATH"))))
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command,
            env={**os.environ, "PYTHONPATH": paths},
            input=asked,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"did not end within {seconds:g} seconds"
    name = signal.Signals(-done.returncode).name if done.returncode < 0 else ""
    return f"was ended by {name}" if name and name not in NOT_ITS_OWN else ""


def main() -> None:
    """Load what stdin says, and run it on photos of all sizes."""
    import numpy as np

    from runtimes.load import opened

    candidate, files, options = pickle.load(sys.stdin.buffer)  # noqa: S301 - of our own parent
    grid = candidate.variant.grid
    sizes = [(n, height * grid.multiple, width * grid.multiple) for n, height, width in MULTIPLES]
    with opened(candidate, files, options) as backend:
        for n, height, width in sizes if grid.size is None else [(1, *grid.size)]:
            backend.run(np.full((n, height, width, 3), 127, np.uint8))


if __name__ == "__main__":
    main()
