"""What importing the package costs, and what it offers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import runtimes

HEAVY = ("torch", "onnx", "onnxruntime", "openvino", "tensorrt", "scipy", "cv2")


def test_importing_runtimes_loads_no_engine() -> None:
    code = f"import sys, runtimes; sys.exit(', '.join(sys.modules.keys() & set({HEAVY})))"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)

    assert done.stderr.strip() == ""


def test_the_public_names_are_there_and_sorted() -> None:
    assert runtimes.__all__ == sorted(runtimes.__all__)
    assert all(getattr(runtimes, name) for name in runtimes.__all__)
