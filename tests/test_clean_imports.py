"""What a device loads, in an interpreter of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ENGINES = {"onnxruntime", "openvino", "tensorrt"}
TRAINING = {"torch", "onnx", "onnxscript", "scipy", "safetensors", "distiller", "exporters"}


def loaded_by(code: str, *arguments: object) -> set[str]:
    """The modules in memory after `code`."""
    line = [sys.executable, "-c", f"import sys\n{code}\nprint('\\n'.join(sys.modules))", *map(str, arguments)]
    root = Path(__file__).parents[1]
    return set(subprocess.run(line, cwd=root, capture_output=True, text=True, check=True).stdout.splitlines())


def test_importing_both_packages_loads_nothing_heavy() -> None:
    assert not loaded_by("import sdk, runtimes") & {*ENGINES, *TRAINING, "cv2", "yaml", "click"}


def test_importing_sdk_alone_loads_next_to_nothing() -> None:
    added = loaded_by("import sdk") - loaded_by("import importlib, typing")

    assert {name for name in added if not name.startswith("_")} == {"sdk"}


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_counting_a_photo_needs_nothing_of_training(tiny: Path, engine: str) -> None:
    code = (
        "import numpy\n"
        "from sdk import CrowdCounter\n"
        f"with CrowdCounter(sys.argv[1], backend={engine!r}) as counter:\n"
        "    counter.count(numpy.zeros((64, 64, 3), numpy.uint8)).overlay()"
    )

    loaded = loaded_by(code, tiny)

    assert engine in loaded
    assert not loaded & TRAINING


@pytest.mark.parametrize("command", ["count", "doctor", "eval", "zones"])
def test_commands_load_no_engine_before_they_need_one(command: str) -> None:
    assert not loaded_by(f"import sdk.commands.{command}") & {*ENGINES, *TRAINING}
