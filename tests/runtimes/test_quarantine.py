"""Engines that crash the process: tried in a child, set aside, and lifted again."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtimes import Candidate, LoadOptions, Plan, Variant, load, open_first
from runtimes.errors import BackendError
from runtimes.quarantine import LOADED, LOADING, may_crash, set_aside
from runtimes.trial import crash_of, crash_of_load
from tests.int8_tiny import int8_files
from tests.models import tiny_files
from tests.runtimes.machines import ONNX, OPENVINO, OPENVINO_INT8
from tests.terminal import ROOT, run
from tests.tiny_package import write_tiny

ON_ORT, ON_OPENVINO = (Candidate(ONNX, "onnxruntime", "cpu", "fp32"), Candidate(OPENVINO, "openvino", "cpu", "fp32"))
# What a user has whose engine crashes: a package of that name that ends the process where a session is made.
ENGINE = """
import os, signal
__version__ = "1.0"
class SessionOptions: pass
class ExecutionMode: ORT_SEQUENTIAL = 0
def InferenceSession(*model, **settings):
    with open(os.environ["CRASHES"], "a") as file:
        file.write("crashed\\n")
    os.kill(os.getpid(), signal.SIGSEGV)
"""
HINT = "use another variant or engine, or update onnxruntime"
LOADS = """
import sys
from pathlib import Path
from runtimes import Candidate, LoadOptions, load
from tests.models import tiny_files
from tests.runtimes.machines import ONNX
try:
    load(Candidate(ONNX, "onnxruntime", "cpu", "fp32"), tiny_files()["onnx"], LoadOptions(cache_dir=Path(sys.argv[1])))
    print("loaded")
except Exception as error:
    print(error)
"""


@pytest.fixture
def crashing(tmp_path: Path) -> dict[str, str]:
    """The variables of a process whose ONNX Runtime crashes."""
    engine = tmp_path / "engine" / "onnxruntime"
    engine.mkdir(parents=True)
    (engine / "__init__.py").write_text(ENGINE)
    paths = os.pathsep.join((str(engine.parent), str(ROOT)))
    return {**os.environ, "PYTHONPATH": paths, "CRASHES": str(tmp_path / "crashes")}


def start(cache: Path, variables: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    variables = variables or {**os.environ, "PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-c", LOADS, str(cache)]
    return subprocess.run(line, env=variables, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def record(cache: Path) -> Path:
    (path,) = (cache / "loads").iterdir()
    return path


def test_what_crashes_does_so_once_and_is_set_aside_until_its_file_is_removed(
    tmp_path: Path, crashing: dict[str, str]
) -> None:
    cache = tmp_path / "cache"

    first, second, third = (start(cache, crashing) for _ in range(3))

    assert first.returncode == -11
    assert second.stdout == third.stdout
    assert second.stdout.startswith(
        "onnxruntime crashes when it loads variant onnx-fp32 here: a trial of onnx-fp32 on "
    )
    assert second.stdout.strip().endswith(f"was ended by SIGSEGV ({HINT}; to try it again, remove {record(cache)})")
    assert "a process ended while it loaded onnx-fp32 on onnxruntime cpu; it is tried" in second.stderr
    assert Path(crashing["CRASHES"]).read_text() == 2 * "crashed\n"  # the first process and the trial: no third
    assert set_aside(cache)[0].startswith(
        "set aside, as a trial of onnx-fp32 on onnxruntime cpu was ended by SIGSEGV; "
    )

    record(cache).unlink()
    assert start(cache).stdout == "loaded\n"
    assert set_aside(cache) == []


def test_auto_goes_on_from_what_is_set_aside_and_says_so(tmp_path: Path, crashing: dict[str, str]) -> None:
    pytest.importorskip("openvino", reason="not run: openvino is not installed")
    for _ in range(2):
        start(tmp_path / "cache", crashing)
    options = LoadOptions(cache_dir=tmp_path / "cache")

    backend, _ = open_first(Plan((ON_ORT, ON_OPENVINO), ()), lambda variant: tiny_files()[variant.format], options)

    with backend:
        assert backend.info().engine == "openvino"
        assert "did not load: onnxruntime crashes when it loads variant onnx-fp32 here" in backend.info().notes[0]


def test_commands_end_with_one_line_and_the_doctor_tells_what_is_set_aside(
    tmp_path: Path, crashing: dict[str, str]
) -> None:
    package, photo = tmp_path / "tiny.skt", ROOT / "samples" / "photos" / "plaza.jpg"
    write_tiny(package)
    variables = {**crashing, "SKT_CACHE_DIR": str(tmp_path / "cache")}
    line = [sys.executable, "-m", "sdk.commands.count", str(photo), "-m", str(package), "--backend", "onnxruntime"]
    ends = [subprocess.run(line, env=variables, capture_output=True, text=True, check=False) for _ in range(2)]

    doctor = run("doctor", SKT_CACHE_DIR=str(tmp_path / "cache"))

    assert [end.returncode for end in ends] == [-11, 5]
    assert ends[1].stderr.splitlines()[-1].startswith("error: onnxruntime crashes when it loads variant onnx-fp32 here")
    assert "set aside, as a trial of onnx-fp32 on onnxruntime cpu was ended by SIGSEGV; to try it" in doctor.stdout


def test_a_process_that_was_killed_while_it_loaded_costs_a_trial_and_no_more(tmp_path: Path) -> None:
    assert start(tmp_path).stdout == "loaded\n"
    assert record(tmp_path).read_text() == LOADED
    record(tmp_path).write_text(LOADING)

    again = start(tmp_path)

    assert again.stdout == "loaded\n"
    assert "a process ended while it loaded" in again.stderr
    assert record(tmp_path).read_text() == LOADED


def test_two_that_load_at_once_do_not_take_each_other_for_crashed(tmp_path: Path) -> None:
    start(tmp_path)
    with record(tmp_path).open("r+b") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write(LOADING.encode())
        other.truncate()
        other.flush()

        assert start(tmp_path).stderr == ""

    assert record(tmp_path).read_text() == LOADING


def test_a_model_that_fails_is_no_crash(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(BackendError, match="onnxruntime cannot load variant onnx-fp32"):
            load(ON_ORT, {"model.onnx": b"nothing"}, LoadOptions(cache_dir=tmp_path))

    assert record(tmp_path).read_text() == LOADED


@pytest.mark.parametrize("cache", [None, Path(__file__)], ids=["none", "one that cannot be written"])
def test_without_a_cache_nothing_is_remembered(cache: Path | None) -> None:
    load(ON_ORT, tiny_files()["onnx"], LoadOptions(cache_dir=cache)).close()

    assert set_aside(None) == []


def test_what_needs_a_driver_is_tried_before_its_first_load() -> None:
    assert may_crash(Candidate(OPENVINO, "openvino", "intel:gpu", "fp32"))
    assert not may_crash(ON_OPENVINO)
    assert not may_crash(ON_ORT)


@pytest.mark.parametrize("size", [None, (64, 96)])
def test_a_trial_runs_photos_of_all_sizes_and_keeps_what_it_compiled(
    tmp_path: Path, size: tuple[int, int] | None
) -> None:
    pytest.importorskip("openvino", reason="not run: openvino is not installed")
    variant = Variant("openvino-int8", "openvino", "int8", gate_passed=True, size=size)
    options = LoadOptions(threads=1, cache_dir=tmp_path)
    asked = (Candidate(variant, "openvino", "cpu", "int8"), int8_files()["openvino"], options)

    assert crash_of_load(*asked) == ""

    with load(*asked) as backend:
        assert backend.info().cache_hit


def test_a_trial_of_a_model_that_fails_is_no_crash() -> None:
    assert crash_of_load(Candidate(OPENVINO_INT8, "openvino", "cpu", "int8"), {}, LoadOptions()) == ""


@pytest.mark.parametrize(
    ("program", "seconds", "said"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", 60, "was ended by SIGSEGV"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 60, ""),  # as a lack of memory ends it
        ("raise SystemExit(3)", 60, ""),
        ("import time; time.sleep(9)", 0.2, "did not end within 0.2 seconds"),
    ],
)
def test_a_child_that_dies_is_told_from_one_that_fails(program: str, seconds: float, said: str) -> None:
    assert crash_of([sys.executable, "-c", program], seconds) == said
