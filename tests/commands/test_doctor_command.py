"""`skt-doctor` on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sdk.commands.doctor import main
from tests.tiny_package import ENGINES, write_tiny


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_machine_and_its_engines_are_shown() -> None:
    result = run()

    assert result.exit_code == 0
    assert result.stdout.startswith("machine   ")
    assert all(f"✓ {engine} " in result.stdout for engine in ENGINES)
    assert "package" not in result.stdout.splitlines()[-1]


def test_a_package_is_replayed_on_every_variant_and_the_rest_have_reasons(tiny: Path) -> None:
    result = run(tiny)

    assert result.exit_code == 0, result.output
    assert result.stdout.count("✓ chosen  ") == result.stdout.count("✓ usable  ") == 1
    assert all(" -> " in line for line in result.stdout.splitlines() if line.startswith("  - "))


def test_gates_and_what_runs_in_int8_are_shown(tmp_path: Path) -> None:
    passed = run(write_tiny(tmp_path / "passed.skt", int8="passed"), "--precision", "int8")
    ungated = run(write_tiny(tmp_path / "ungated.skt", int8="ungated"), "--precision", "int8")

    assert (passed.exit_code, ungated.exit_code) == (0, 0)
    assert "✓ onnx-int8: gate passed (mae_percent 0.4)" in passed.stdout
    assert "✗ openvino-int8: gate ungated" in ungated.stdout
    assert passed.stdout.count(", 1 of 1 convolutions in INT8\n") == len(ENGINES)
    assert ungated.stdout.count("in INT8 (ungated: this int8 variant has not passed an accuracy gate") == len(ENGINES)


def test_json_holds_all_of_it(tiny: Path) -> None:
    record = json.loads(run(tiny, "--json").stdout)

    assert record["healthy"] is True
    assert {replay["engine"] for replay in record["replays"]} == set(ENGINES)
    assert record["variants"][0] == {
        "id": "onnx-fp32",
        "precision": "fp32",
        "gate": "none",
        "figures": {},
        "size": None,
    }
    assert record["calibration"] is None
    assert record["environment"]["engines"][0]["name"] == "onnxruntime"


def test_a_variant_that_counts_wrongly_is_exit_code_5(tmp_path: Path) -> None:
    result = run(write_tiny(tmp_path / "wrong.skt", formats=("onnx",), golden_count=900.0))

    assert result.exit_code == 5
    assert "✗ chosen  onnx-fp32 on onnxruntime cpu: golden photo " in result.stdout
    assert "expected 900.00" in result.stdout


def test_a_package_that_cannot_run_as_asked_is_exit_code_5(tiny: Path) -> None:
    result = run(tiny, "--precision", "int8")

    assert result.exit_code == 5
    assert "nothing in it can run here" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["none.skt"], 4, "cannot open model package 'none.skt'"),
        (["--device", "tpu"], 2, "unknown device 'tpu'"),
    ],
)
def test_a_bad_argument_is_one_line(tiny: Path, arguments: list[str], code: int, said: str) -> None:
    result = run(*arguments)

    assert (result.exit_code, result.stderr.count("\n")) == (code, 1)
    assert said in result.stderr


def test_a_damaged_package_is_exit_code_4(tiny: Path, tmp_path: Path) -> None:
    data = bytearray(tiny.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "damaged.skt").write_bytes(data)

    result = run(tmp_path / "damaged.skt", "--json")

    assert result.exit_code == 4
    assert json.loads(result.stdout)["error"]["code"].startswith("SKT-E3")
