"""A plan loaded in a process of its own, because TensorRT may crash on one and take the caller with it.

python -m runtimes.tensorrt_trial MODULE PLAN GPU is the child. It fails without a word: its caller meets the error.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

from runtimes.cuda_memory import Gpu
from runtimes.tensorrt_device import import_tensorrt


def main(module: str, plan: bytes, index: int) -> None:
    """Load the plan on a GPU."""
    trt = import_tensorrt(module)
    with Gpu(index) as gpu, gpu.current():
        _load(trt, plan)


def _load(trt: Any, plan: bytes) -> None:
    """All that it takes on the GPU is given back when this returns."""
    runtime = trt.Runtime(trt.Logger(trt.Logger.INTERNAL_ERROR))
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is not None:
        engine.create_execution_context()


if __name__ == "__main__":
    with contextlib.suppress(Exception):
        main(sys.argv[1], Path(sys.argv[2]).read_bytes(), int(sys.argv[3]))
