"""skt-export as people type it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from exporters.commands import choose_variants, main
from sdk.errors import ConfigError
from sdk.package import Package
from sdk.shipped import DEFAULT_PACKAGE
from tests.terminal import hear_ctrl_c


def skt_export(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def exported(student_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A package made by the command from a checkpoint, and what the command said."""
    path = tmp_path_factory.mktemp("exported") / "mine.skt"
    return path, skt_export("-m", student_checkpoint, "-o", path, "--name", "mine", "--json")


def test_a_checkpoint_becomes_a_package_of_the_default_variants(exported: tuple[Path, Result]) -> None:
    path, result = exported

    assert result.exit_code == 0
    with Package.open(path) as package:
        assert [variant.id for variant in package.manifest.variants] == ["onnx-fp32", "openvino-fp16"]
    assert json.loads(result.stdout)["name"] == "mine"
    assert "comparing openvino-fp16 with torch" in result.stderr


def test_a_package_is_rendered_in_another_format(package: Path, tmp_path: Path) -> None:
    result = skt_export("-m", package, "--format", "openvino", "--precision", "fp16", "-o", tmp_path / "x.skt")

    assert result.exit_code == 0
    assert "openvino-fp16" in result.stdout
    assert result.stdout.splitlines()[-1].startswith(f"wrote {tmp_path / 'x.skt'}: bl-tiny ")


def test_an_export_leaves_nothing_but_the_package(exported: tuple[Path, Result]) -> None:
    path, _ = exported

    assert list(path.parent.iterdir()) == [path]


def test_an_existing_output_is_kept_without_force(exported: tuple[Path, Result], package: Path) -> None:
    path, _ = exported
    before = path.read_bytes()

    result = skt_export("-m", package, "-o", path)

    assert result.exit_code == 6
    assert f"{path} already exists (pass --force to replace it)" in result.stderr
    assert path.read_bytes() == before


def test_force_replaces_the_output(package: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.skt"
    path.write_text("old", "utf-8")

    assert skt_export("-m", package, "--format", "onnx", "-o", path, "--force").exit_code == 0
    assert skt_export("verify", path).exit_code == 0


def test_without_an_output_the_package_takes_the_models_name(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert skt_export("-m", package, "--format", "onnx").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["bl-tiny.skt"]


@pytest.mark.skipif(not DEFAULT_PACKAGE.exists(), reason="not run: no default package is installed")
def test_a_format_alone_exports_the_shipped_model(tmp_path: Path) -> None:
    result = skt_export("--format", "openvino", "-o", tmp_path / "x.skt")

    assert result.exit_code == 0
    with Package.open(tmp_path / "x.skt") as opened:
        assert [variant.id for variant in opened.manifest.variants] == ["openvino-fp32", "openvino-fp16"]


@pytest.mark.skipif(not DEFAULT_PACKAGE.exists(), reason="not run: no default package is installed")
def test_default_is_the_shipped_package(tmp_path: Path) -> None:
    assert skt_export("inspect", "default").stdout == skt_export("inspect", DEFAULT_PACKAGE).stdout
    assert skt_export("lint", "default").exit_code == 0
    assert skt_export("-m", "default", "--format", "onnx", "-o", tmp_path / "x.skt").exit_code == 0


def test_several_formats_are_exported(package: Path, tmp_path: Path) -> None:
    words = ("--format", "onnx", "--format", "tensorrt", "--precision", "fp32", "--precision", "fp16")

    result = skt_export("-m", package, *words, "-o", tmp_path / "x.skt", "--json")

    assert list(json.loads(result.stdout)["variants"]) == ["onnx-fp32", "tensorrt-fp32", "tensorrt-fp16"]


def test_inspect_shows_what_is_inside(package: Path) -> None:
    result = skt_export("inspect", package)

    assert result.exit_code == 0
    assert "bl 1/16, 84,437 parameters" in result.stdout
    assert "openvino-fp16" in result.stdout


def test_inspect_gives_the_manifest_as_json(package: Path) -> None:
    assert json.loads(skt_export("inspect", package, "--json").stdout)["schema"] == "skt/1"


def test_verify_says_that_a_package_is_whole(package: Path) -> None:
    assert skt_export("verify", package).stdout.strip() == f"{package} is whole: 11 files"
    assert json.loads(skt_export("verify", package, "--json").stdout)["verified"] is True


def test_verify_finds_a_flipped_byte(package: Path, tmp_path: Path) -> None:
    data = bytearray(package.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "x.skt").write_bytes(data)

    result = skt_export("verify", tmp_path / "x.skt")

    assert result.exit_code == 4
    assert result.stderr.startswith("error: ")


def test_alone_it_shows_its_help() -> None:
    result = skt_export()

    assert result.exit_code == 0
    assert "skt-export -m CHECKPOINT -o NAME.skt" in result.stdout


@pytest.mark.parametrize(
    ("words", "exit_code", "told"),
    [
        (("-m", "{tmp}/none"), 4, "no checkpoint or model package"),
        (("-m", "{tmp}"), 4, "neither a checkpoint nor a model package (expected facts.json or manifest.json in it)"),
        (("-m", "{run}"), 4, "neither a checkpoint nor a model package (did you mean {run}/last?)"),
        (("-m", "{run}/last/tensors.safetensors"), 4, "is one file of a checkpoint (give its folder: {run}/last)"),
        (("-m", "{run}/last", "-o", "{tmp}/no/x.skt"), 6, "there is no folder {tmp}/no (create it first)"),
        (("-m", "{run}/last", "-o", "{tmp}", "--force"), 6, "is a folder that is not a model package"),
        (("-m", "{run}/last", "--format", "onnx", "--precision", "fp16"), 2, "there is no variant for --format onnx"),
        (("-m", "{run}/last", "--format", "tflite"), 2, "'tflite' is not one of"),
        (("-m", "{run}/last", "--evaluation", "{tmp}/none.json"), 2, "cannot read evaluation"),
        (("{run}/last",), 2, "to export a model, give it as -m {run}/last"),
        (("--force", "verify", "x.skt"), 2, "write skt-export verify PACKAGE"),
        (("inspect",), 2, "Missing argument 'PACKAGE'"),
        (("inspect", "{tmp}/none.skt"), 4, "cannot open model package"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    student_checkpoint: Path, tmp_path: Path, words: tuple[str, ...], exit_code: int, told: str
) -> None:
    names = {"tmp": str(tmp_path), "run": str(student_checkpoint.parent)}

    result = skt_export(*(word.format(**names) for word in words))

    assert result.exit_code == exit_code
    assert told.format(**names) in " ".join(result.stderr.split())
    assert not list(tmp_path.iterdir())


def test_an_error_is_json_where_json_was_asked_for(tmp_path: Path) -> None:
    result = skt_export("-m", tmp_path, "--json")

    assert json.loads(result.stdout)["error"]["code"] == "SKT-E300"


def test_formats_and_precisions_choose_the_variants() -> None:
    assert choose_variants((), ()) == ("onnx-fp32", "openvino-fp16")
    floats = ("onnx-fp32", "openvino-fp32", "openvino-fp16", "tensorrt-fp32", "tensorrt-fp16")
    assert choose_variants(("all",), ()) == floats
    assert choose_variants(("openvino",), ()) == ("openvino-fp32", "openvino-fp16")
    assert choose_variants(("onnx", "tensorrt"), ()) == ("onnx-fp32", "tensorrt-fp32", "tensorrt-fp16")
    assert choose_variants(("all",), ("fp16",)) == ("openvino-fp16", "tensorrt-fp16")
    with pytest.raises(ConfigError, match="there is no variant for --format onnx --precision fp16"):
        choose_variants(("onnx",), ("fp16",))


def small_disk() -> None:
    """In a child: no file grows over 64 KiB, which ends a write as a full disk does."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16))


def test_a_disk_without_room_leaves_what_was_there(package: Path, tmp_path: Path) -> None:
    (tmp_path / "x.skt").write_text("the old package", "utf-8")
    words = [sys.executable, "-m", "exporters.commands", "-m", package, "--format", "onnx", "-o", tmp_path / "x.skt"]

    done = subprocess.run([*words, "--force"], capture_output=True, text=True, check=False, preexec_fn=small_disk)

    assert done.returncode == 6
    assert done.stderr.splitlines()[-1] == f"error: cannot write package {tmp_path / 'x.skt'}: File too large"
    assert [path.read_text("utf-8") for path in tmp_path.iterdir()] == ["the old package"]


@pytest.mark.parametrize("existing", [(), ("--force",)], ids=["new", "replacing"])
def test_an_interrupt_leaves_what_was_there(package: Path, tmp_path: Path, existing: tuple[str, ...]) -> None:
    output, scratch = tmp_path / "output", tmp_path / "scratch"
    output.mkdir()
    scratch.mkdir()
    if existing:
        (output / "x.skt").write_text("the old package", "utf-8")
    words = [sys.executable, "-m", "exporters.commands", "-m", package, "--format", "all", "-o", output / "x.skt"]

    listening = {"preexec_fn": hear_ctrl_c, "env": {**os.environ, "TMPDIR": str(scratch)}}
    with subprocess.Popen([*words, *existing], stderr=subprocess.PIPE, text=True, **listening) as work:
        while "comparing" not in work.stderr.readline():
            assert work.poll() is None
        work.send_signal(signal.SIGINT)

    assert work.returncode == 1
    assert [path.read_text("utf-8") for path in output.iterdir()] == ["the old package"] * len(existing)
    assert not list(scratch.glob("skt-export-*"))
