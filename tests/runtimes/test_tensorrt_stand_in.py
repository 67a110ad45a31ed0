"""The TensorRT backends where there is no GPU: on a driver whose GPU is the process's memory, and a stand-in for TensorRT.

What is seen there is what our code does, and nothing about TensorRT. A process of its own has that driver, so that no
other test takes it for a GPU.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compiled import COMPILER, DRIVER, compiled

ROOT = Path(__file__).parents[2]
OWN = ("tests/runtimes/test_tensorrt_backend.py", "tests/runtimes/test_tensorrt_kept.py")


@pytest.mark.skipif(not COMPILER, reason="not run: there is no C compiler")
@pytest.mark.parametrize(
    ("minor", "words"),
    [("7", OWN), ("6", ("tests/runtimes/test_conformance.py", "-k", "tensorrt and not onnxruntime"))],
    ids=["its own cases", "the cases of all engines"],
)
def test_the_backends_on_the_stand_in(tmp_path: Path, minor: str, words: tuple[str, ...]) -> None:
    compiled(tmp_path, "libcuda.so.1", DRIVER)
    paths = os.pathsep.join([str(ROOT / "tests" / "stand_in"), str(ROOT)])
    stand_in = {"LD_LIBRARY_PATH": str(tmp_path), "SKT_STAND_IN": "1", "STAND_IN_MINOR": minor}
    env = {**os.environ, "PYTHONPATH": paths, **stand_in}

    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-4000:]
    assert "skipped" not in done.stdout
    assert "passed" in done.stdout
