"""skt-export build-engine as people type it, on machines that cannot build one; and on one that can (marker gpu)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from exporters.command_engine import Made, copied, report
from exporters.commands import main
from runtimes.cuda import cuda
from runtimes.tensorrt_device import Device
from runtimes.tensorrt_store import PLAN, SIDECAR, StoredPlan
from sdk.shipped import DEFAULT_PACKAGE
from tests.compiled import COMPILER, DRIVER, compiled
from tests.exporters.engine_package import write_with_engines
from tests.exporters.test_engine_choose import contender

ROOT = Path(__file__).parents[2]
CRASH = "import os; os.kill(os.getpid(), 11)"


@pytest.fixture(scope="module")
def with_engines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("packages") / "engines.skt"
    return write_with_engines(path, {"fp16": b"onnx", "int8": b"onnx"})


def build_engine(*words: str | Path, library: Path | None = None, modules: Path | None = None) -> tuple[int, str, str]:
    """Exit code, stdout and stderr in a process of its own, with these libraries and modules before all others."""
    paths = [str(path) for path in (modules, ROOT) if path]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    if library:
        env["LD_LIBRARY_PATH"] = str(library)
    command = [sys.executable, "-m", "exporters.commands", "build-engine", *map(str, words)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr.strip()


@pytest.mark.skipif(bool(cuda().version), reason="not run: this machine has an NVIDIA driver")
def test_without_a_driver_tensorrt_is_not_even_imported(with_engines: Path, tmp_path: Path) -> None:
    (tmp_path / "tensorrt.py").write_text(CRASH, "utf-8")

    code, _, told = build_engine(with_engines, modules=tmp_path)

    assert code == 5
    assert told.startswith("error: an engine is built on its device, and there is no NVIDIA driver (libcuda.so.1) here")


@pytest.mark.skipif(not COMPILER, reason="not run: there is no C compiler")
@pytest.mark.parametrize(
    ("module", "told"),
    [
        (
            "__version__ = '8.6.1'",
            "TensorRT 8.6.1 is installed, expected 10.3 to 11.x (install tensorrt 10.3 to 11.x; JetPack 6.1",
        ),
        ("raise ImportError('libnvinfer.so.10')", "tensorrt does not import: ImportError: libnvinfer.so.10"),
    ],
)
def test_a_tensorrt_that_does_not_fit_is_told(with_engines: Path, tmp_path: Path, module: str, told: str) -> None:
    compiled(tmp_path, "libcuda.so.1", DRIVER)
    (tmp_path / "tensorrt.py").write_text(module, "utf-8")

    code, stdout, stderr = build_engine(with_engines, "--json", library=tmp_path, modules=tmp_path)

    assert code == 5
    assert told in stderr
    assert json.loads(stdout)["error"]["code"] == "SKT-E400"


@pytest.mark.parametrize(
    ("words", "exit_code", "told"),
    [
        (("{shipped}",), 5, "has no TensorRT variant"),
        (("{engines}", "--precision", "fp32"), 5, "has no TensorRT variant in fp32 (it has fp16, int8)"),
        (("{engines}", "--size", "1080x1920"), 2, "expected sides that are multiples of 16"),
        (("{engines}", "--size", "big"), 2, "size 'big' is not the size of a photo"),
        (("{engines}", "--dla", "0"), 2, "a DLA core runs one photo of one size"),
        (("{engines}", "--precision", "fp8"), 2, "'fp8' is not one of"),
        (("{engines}", "-o", "{engines}"), 2, "is a file, expected a folder for the plan"),
        (("{tmp}/none.skt",), 4, "cannot open model package"),
    ],
)
def test_what_cannot_be_built_is_told_in_one_line(
    with_engines: Path, tmp_path: Path, words: tuple[str, ...], exit_code: int, told: str
) -> None:
    names = {"shipped": str(DEFAULT_PACKAGE), "engines": str(with_engines), "tmp": str(tmp_path)}

    result = CliRunner().invoke(main, ["build-engine", *(word.format(**names) for word in words)])

    assert result.exit_code == exit_code
    assert told in " ".join(result.stderr.split())


@pytest.fixture
def made(tmp_path: Path) -> list[Made]:
    (tmp_path / SIDECAR).write_text("{}", "utf-8")
    plan = StoredPlan(
        tmp_path / PLAN, b"plan", {"warnings": ["Odd.", "Odd.", "Converting conv weight scales to fp32."]}
    )
    return [Made(contender("fp16", 3.0), plan), Made(contender("int8", 2.0, gated=False), plan)]


def test_the_report_says_how_fast_each_is_and_which_is_chosen(
    made: list[Made], capsys: pytest.CaptureFixture[str]
) -> None:
    report(made, made[0].contender, made[0].stored, Device(0, "Orin", "8.7", "12.6"), as_json=False)

    captured = capsys.readouterr()
    assert "tensorrt-fp16  3.00 ms at 576x864  ok" in captured.out
    assert "tensorrt-int8  2.00 ms at 576x864  its accuracy gate was never passed" in captured.out
    assert captured.out.splitlines()[-1].startswith("chosen: tensorrt-fp16, ")
    assert captured.err == "  TensorRT warns: Odd.\n" * 2


def test_the_report_is_json_where_json_was_asked_for(made: list[Made], capsys: pytest.CaptureFixture[str]) -> None:
    report(made, made[0].contender, made[0].stored, Device(0, "Orin", "8.7", "12.6"), as_json=True)

    told = json.loads(capsys.readouterr().out)
    assert (told["chosen"], told["device"]["gpu"]) == ("tensorrt-fp16", "Orin")
    assert [row["milliseconds"] for row in told["engines"]] == [{"576x864": 3.0}, {"576x864": 2.0}]


def test_the_chosen_plan_is_copied_with_its_notes(made: list[Made], tmp_path: Path) -> None:
    plan = copied(made[0].stored, tmp_path / "out" / "here")

    assert sorted(path.name for path in plan.path.parent.iterdir()) == [PLAN, SIDECAR]
    assert plan.path.read_bytes() == b"plan"


def test_building_an_engine_needs_neither_torch_nor_onnx() -> None:
    code = "import exporters.command_engine, sys; print({'torch', 'onnx', 'tensorrt'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"
