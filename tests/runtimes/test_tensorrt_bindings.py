"""Every name of TensorRT that our code uses, looked up in NVIDIA's own bindings of the oldest and newest release.

SKT_TENSORRT_BINDINGS names folders of them, as `pip install --no-deps --target FOLDER tensorrt-cu12-bindings==10.3.0`
fills one. What the job in .ci/tensorrt does.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compiled import COMPILER
from tests.engine_calls import ROOT, RTX_ONLY, STAND_IN, VARIABLES, files, missing, names_defined, names_used

FOLDERS = [folder for folder in os.environ.get("SKT_TENSORRT_BINDINGS", "").split(os.pathsep) if folder]
NOT_RUN = "not run: set SKT_TENSORRT_BINDINGS to folders of TensorRT's bindings"


@pytest.mark.skipif(not FOLDERS, reason=NOT_RUN)
@pytest.mark.skipif(not COMPILER, reason="not run: there is no C compiler")
@pytest.mark.parametrize("folder", FOLDERS)
def test_the_bindings_have_every_name_that_is_used(folder: str) -> None:
    words = [sys.executable, "-m", "tests.engine_calls", folder]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["missing"] == []
    assert json.loads(done.stdout)["checked"] > 30


@pytest.mark.skipif(not FOLDERS, reason=NOT_RUN)
def test_the_oldest_and_a_newer_release_are_there() -> None:
    names = [path.name for folder in FOLDERS for path in Path(folder).glob("*.dist-info")]
    versions = {name.split("-")[1].split(".")[0] for name in names}

    assert {"10", "11"} <= versions


@pytest.mark.skipif(not importlib.util.find_spec("tensorrt_rtx"), reason="not run: tensorrt_rtx is not installed")
def test_tensorrt_rtx_has_every_name_that_is_used() -> None:
    import tensorrt_rtx

    assert missing(tensorrt_rtx, {name for path in files() for name in names_used(path)}) == []
    assert missing(tensorrt_rtx, names_defined(STAND_IN / "tensorrt_rtx.py")) == []


def test_the_names_are_read_from_the_code() -> None:
    used = {name for path in files() for name in names_used(path)}

    assert {"OnnxParser.parse", "MemoryPoolType.WORKSPACE", "IBuilderConfig.DLA_core", "ILogger.log"} <= used
    assert {"IProgressMonitor.step_complete", "IExecutionContext.execute_async_v3"} <= used
    assert {name.split(".")[0] for name in used} >= set(VARIABLES.values())


def test_the_stand_in_has_the_names_that_the_backends_use() -> None:
    defined = {name for path in STAND_IN.glob("*.py") for name in names_defined(path)}

    assert {"IExecutionContext.execute_async_v3", "TensorIOMode.INPUT", "IRuntimeCache.deserialize"} <= defined


def test_the_flags_that_newer_releases_dropped_are_not_used() -> None:
    used = {name for path in files() for name in names_used(path)}

    assert not used & {"BuilderFlag.FP16", "BuilderFlag.INT8", "NetworkDefinitionCreationFlag.EXPLICIT_BATCH"}
    assert {name.split(".")[0] for name in names_used(ROOT / "runtimes" / RTX_ONLY)} == {
        "ComputeCapability",
        "CudaGraphStrategy",
        "IBuilderConfig",
        "ICudaEngine",
        "IRuntimeCache",
        "IRuntimeConfig",
    }
