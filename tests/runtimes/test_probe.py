"""Probing: this machine for real, and others from the texts that their kernels show."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtimes import Engine, Environment, plan, probe
from runtimes.cuda import cuda
from runtimes.errors import ConfigError
from runtimes.probe import clashes, jetson
from runtimes.tables import READS
from tests.runtimes.machines import FOLDER, NAMES, PACKAGE

ROOT = Path(__file__).parents[2]


def probe_with(folder: Path) -> Environment:
    """What a fresh interpreter finds that sees the packages in `folder` first."""
    code = "import json, runtimes; print(json.dumps(runtimes.probe().to_json()))"
    path = os.pathsep.join([str(folder), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    return Environment.from_json(json.loads(done.stdout))


def package(folder: Path, name: str, code: str) -> None:
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(code)


@pytest.fixture(scope="module")
def here() -> Environment:
    return probe()


def test_each_known_engine_is_told_of(here: Environment) -> None:
    assert {engine.name for engine in here.engines} == set(READS)


def test_onnx_runtime_is_usable_where_it_is_installed(here: Environment) -> None:
    import onnxruntime

    found = here.engine("onnxruntime")
    assert found == Engine("onnxruntime", onnxruntime.__version__, usable=True, devices=("cpu",))


def test_what_is_not_usable_has_a_reason_and_a_fix(here: Environment) -> None:
    assert all(engine.usable or (engine.reason and engine.fix) for engine in here.engines)


def test_this_machine_has_a_name_and_cores(here: Environment) -> None:
    assert here.cpu
    assert 1 <= here.cores <= (os.cpu_count() or 1)


def test_this_machine_survives_json(here: Environment) -> None:
    assert Environment.from_json(json.loads(json.dumps(here.to_json()))) == here


def test_this_machine_can_plan(here: Environment) -> None:
    assert plan(PACKAGE, here).candidates


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_machine_survives_json_and_tells_its_source(name: str) -> None:
    stored = json.loads((FOLDER / f"{name}.json").read_text())

    assert Environment.from_json(stored["environment"]).to_json() == json_of_tuples(stored["environment"])
    assert stored["source"].startswith(("constructed from vendor documents", "recorded by probe()"))


def json_of_tuples(value: object) -> object:
    """JSON with tuples for its lists of words, as dataclasses hold them."""
    if isinstance(value, dict):
        return {key: json_of_tuples(item) for key, item in value.items()}
    return tuple(json_of_tuples(item) for item in value) if isinstance(value, list) else value


@pytest.mark.parametrize("values", [{}, {"engines": [{"nome": "x"}]}, {"engines": []}, {"engines": None}])
def test_what_is_no_environment_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"this is not a stored environment.*store one with skt-doctor --json"):
        Environment.from_json(values)


def test_a_broken_engine_is_a_reason_and_not_a_crash(tmp_path: Path) -> None:
    package(tmp_path, "onnxruntime", "raise OSError('libonnxruntime.so: no such file')")
    found = probe_with(tmp_path).engine("onnxruntime")

    assert not found.usable
    assert found.reason == "onnxruntime does not work: libonnxruntime.so: no such file"
    assert found.fix == "pip install --force-reinstall onnxruntime"


def test_an_engine_without_devices_is_not_usable(tmp_path: Path) -> None:
    package(tmp_path, "onnxruntime", "__version__ = '1.0'\ndef get_available_providers(): return []")
    found = probe_with(tmp_path).engine("onnxruntime")

    assert (found.usable, found.version, found.reason) == (False, "1.0", "onnxruntime finds no device")


def test_an_intel_gpu_and_npu_are_found(tmp_path: Path) -> None:
    code = "__version__ = '2026.4.1-22982-x'\nclass Core: available_devices = ['CPU', 'GPU.0', 'GPU.1', 'NPU']"
    package(tmp_path, "openvino", code)
    found = probe_with(tmp_path).engine("openvino")

    assert found == Engine("openvino", "2026.4.1", True, ("cpu", "intel:gpu.0", "intel:gpu.1", "intel:npu"))


def test_tensorrt_and_torch_are_never_imported(tmp_path: Path) -> None:
    for name in ("tensorrt", "tensorrt_rtx", "torch"):
        package(tmp_path, name, "import os; os._exit(139)")
    found = probe_with(tmp_path)

    assert not found.engine("tensorrt").usable
    assert found.engine("torch").devices[0] == "cpu"


@pytest.mark.skipif(bool(cuda().version), reason="not run: this machine has an NVIDIA driver")
def test_without_a_driver_tensorrt_says_so(tmp_path: Path) -> None:
    package(tmp_path, "tensorrt", "")

    assert probe_with(tmp_path).engine("tensorrt").reason == "there is no NVIDIA driver (libcuda.so.1)"


def test_a_missing_driver_is_a_problem_and_not_a_crash() -> None:
    assert cuda("libno_such_driver.so").problem == "there is no NVIDIA driver (libno_such_driver.so)"


def test_a_library_that_is_no_driver_is_a_problem_and_not_a_crash() -> None:
    assert cuda("libc.so.6").problem == "there is no NVIDIA driver (libc.so.6)"


def test_a_jetson_is_told_by_nvidias_files() -> None:
    release = "# R38 (release), REVISION: 4.0, GCID: 42, BOARD: generic, EABI: aarch64"

    assert jetson(release, "NVIDIA Jetson AGX Thor") == "NVIDIA Jetson AGX Thor, L4T 38.4.0"
    assert jetson("", "Raspberry Pi 5") == ""


def test_two_packages_of_onnx_runtime_are_warned_of() -> None:
    (warning,) = clashes({"onnxruntime-gpu", "numpy", "onnxruntime"})

    assert warning.startswith("onnxruntime and onnxruntime-gpu overwrite each other: pip uninstall")
    assert clashes({"onnxruntime", "numpy"}) == ()


def test_a_quick_look_says_the_same_of_a_sound_machine() -> None:
    assert probe(quick=True) == probe()


def test_a_quick_look_does_not_load_onnx_runtime() -> None:
    code = "import sys; from runtimes import probe; probe(quick=True); print('onnxruntime' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
