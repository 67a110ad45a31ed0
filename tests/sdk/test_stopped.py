"""Ctrl-C within many photos."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.terminal import ROOT, hear_ctrl_c

STOPPED = """
import itertools, sys
import numpy as np
from sdk import CrowdCounter
photo = np.full((64, 96, 3), 90, np.uint8)
def photos():
    for number in itertools.count():
        if number == 20:
            print("going", flush=True)
        yield photo
with CrowdCounter(sys.argv[1]) as counter:
    done = []
    try:
        if sys.argv[2] == "count_many":
            for result in counter.count_many(photos()):
                done.append(result.count)
        else:
            counter.count_batch(photos())
    except KeyboardInterrupt:
        same = set(done) <= {counter.count(photo).count}
        print(sys.argv[2], len(done) >= 10, same, flush=True)
"""


@pytest.mark.parametrize(("way", "kept"), [("count_many", True), ("count_batch", False)])
def test_ctrl_c_within_many_photos_leaves_what_is_done_and_a_counter_that_counts(
    tiny: Path, way: str, kept: bool
) -> None:
    running = subprocess.Popen(
        [sys.executable, "-c", STOPPED, str(tiny), way],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=hear_ctrl_c,  # noqa: PLW1509 - it sets a signal's handler, and nothing else
    )
    assert running.stdout
    assert running.stdout.readline() == "going\n"
    running.send_signal(signal.SIGINT)

    told, _ = running.communicate(timeout=60)

    assert (running.returncode, told) == (0, f"{way} {kept} True\n")
