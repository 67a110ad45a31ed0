"""Variants of one photo size: made for an NPU, proven here on the CPU, which runs the same file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.commands import main
from exporters.openvino import RT_INFO
from exporters.static import prove, static_ir, with_static
from exporters.verify import verify
from runtimes import Environment, LoadOptions, Request, load, plan, probe
from runtimes.errors import InputError
from runtimes.plan import Candidate
from sdk import CountOptions, CrowdCounter
from sdk.doctor import diagnose
from sdk.errors import ExportError
from sdk.package import Package, write_package
from sdk.variants import planned_variant, planned_variants
from tests.models import tiny_weights
from tests.tiny_package import noise_photo, write_tiny
from tests.tolerances import TILED_RELATIVE

SIZE = (64, 96)
FIXED = "openvino-fp32-64x96"


@pytest.fixture(scope="module")
def fixed(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny package with a variant of one size."""
    path = tmp_path_factory.mktemp("static") / "fixed.skt"
    with Package.open(tiny) as opened:
        write_package(path, *with_static(opened.manifest, opened.read_all(), "openvino-fp32", SIZE)).close()
    return path


@pytest.fixture(scope="module")
def counters(fixed: Path) -> Iterator[tuple[CrowdCounter, CrowdCounter]]:
    """The one that takes any size, and the one that takes one."""
    options = CountOptions(variant=FIXED)
    with CrowdCounter(fixed, backend="openvino") as free, CrowdCounter(fixed, options=options) as one:
        yield free, one


def npu(machine: Environment) -> Environment:
    """This machine with an NPU beside what it has."""
    engines = (replace(e, devices=(*e.devices, *["intel:npu"] * (e.name == "openvino"))) for e in machine.engines)
    return replace(machine, engines=tuple(engines))


@given(height=st.integers(64, 330), width=st.integers(96, 330), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=25)
def test_frames_of_its_size_and_larger_count_as_with_free_sides(
    counters: tuple[CrowdCounter, CrowdCounter], height: int, width: int, seed: int
) -> None:
    photo = noise_photo(height, width, seed)
    free, one = (counter.count(photo) for counter in counters)

    np.testing.assert_allclose(one.density, free.density, atol=TILED_RELATIVE)
    assert one.count == pytest.approx(free.count, rel=TILED_RELATIVE)
    assert (one.backend.variant, one.warnings) == (FIXED, ())


@pytest.mark.parametrize("size", [(1, 1), (64, 95), (63, 96), (20, 400), (400, 20)])
def test_smaller_frames_are_mirrored_on_and_that_is_said(
    counters: tuple[CrowdCounter, CrowdCounter], size: tuple[int, int]
) -> None:
    photo = noise_photo(*size)
    rows, columns = (max(0, want - side) for want, side in zip(SIZE, size, strict=True))
    mirrored = np.pad(photo, ((0, rows), (0, columns), (0, 0)), "reflect") if min(size) > 1 else None
    free, one = counters
    result = one.count(photo)

    assert any("smaller than the 96 x 64 pixels that this variant takes" in warning for warning in result.warnings)
    assert result.density.shape == free.count(photo).density.shape
    if mirrored is not None:
        height, width = result.density.shape
        np.testing.assert_allclose(result.density, free.count(mirrored).density[:height, :width], atol=TILED_RELATIVE)


def test_the_manifest_travels_in_it_and_the_package_is_whole(fixed: Path) -> None:
    import openvino

    with Package.open(fixed) as opened:
        opened.verify()
        files, entry = opened.read(FIXED), opened.manifest.variant(FIXED)
        assert FIXED in opened.model_card
    model = openvino.Core().read_model(files["model.xml"], files["model.bin"])

    assert entry.size == SIZE
    assert str(model.input(0).get_partial_shape()) == "[1,64,96,3]"


def test_rt_info_and_weights_of_a_real_student_stay(package: Path) -> None:
    import openvino

    with Package.open(package) as opened:
        made = static_ir(opened.read("openvino-fp16"), (192, 256))
        whole = with_static(opened.manifest, opened.read_all(), "openvino-fp16", (576, 640))
        size = len(opened.read("openvino-fp16")["model.bin"])
    model = openvino.Core().read_model(made["model.xml"], made["model.bin"])

    assert json.loads(str(model.get_rt_info(RT_INFO).value))["name"] == "bl-tiny"
    assert len(made["model.bin"]) == pytest.approx(size, rel=0.01)
    assert [variant.size for variant in whole[0].variants][-1] == (576, 640)


def test_a_package_with_it_verifies(package: Path, tmp_path: Path) -> None:
    result = run(package, "--size", "576x640", "-o", tmp_path / "npu.skt", "--json")

    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)["variants"]
    assert list(told)[-2:] == ["openvino-fp32-576x640", "openvino-fp16-576x640"]
    with Package.open(package) as plain, Package.open(tmp_path / "npu.skt") as opened:
        verify(opened)
        assert opened.read("openvino-fp16") == plain.read("openvino-fp16")


def test_it_is_planned_for_an_npu_and_where_it_is_named(fixed: Path) -> None:
    with Package.open(fixed) as opened:
        variants = planned_variants(opened.manifest)
    environment = npu(probe())

    assert FIXED not in [one.variant.id for one in plan(variants, probe()).candidates]
    assert [one.variant.id for one in plan(variants, environment, Request("npu")).candidates] == [FIXED]
    assert [one.device for one in plan(variants, environment, Request(variant=FIXED)).candidates] == [
        "cpu",
        "intel:npu",
    ]
    reasons = [one.reason for one in plan(variants, probe()).discarded if one.variant.id == FIXED]
    assert "it takes photos of 96 x 64 only, which is for an NPU" in reasons


def test_a_batch_is_run_photo_by_photo_and_another_size_is_refused(fixed: Path) -> None:
    with Package.open(fixed) as opened:
        variant, files = planned_variant(opened.manifest, opened.manifest.variant(FIXED)), opened.read(FIXED)
    batch = np.stack([noise_photo(64, 96, seed) for seed in range(3)])

    with load(Candidate(variant, "openvino", "cpu", "fp32"), files, LoadOptions()) as backend:
        counts = backend.run(batch).count
        assert [backend.run(photo[None]).count[0] for photo in batch] == list(counts)
        with pytest.raises(InputError, match=r"takes photos 64 high, 96 wide; these are 96 and 64 .CrowdCounter cuts"):
            backend.run(np.zeros((1, 96, 64, 3), np.uint8))


def test_the_doctor_leaves_it_out_and_replays_it_where_asked(fixed: Path) -> None:
    everything = diagnose(fixed, threads=1)
    (named,) = diagnose(fixed, Request(variant=FIXED), threads=1).replays

    assert FIXED not in [replay.variant for replay in everything.replays]
    assert everything.variants[-1].size == SIZE
    assert (named.variant, named.ok) == (FIXED, True)


def test_int8_can_be_fixed_too(tmp_path: Path) -> None:
    write_tiny(tmp_path / "int8.skt", int8="passed")
    with Package.open(tmp_path / "int8.skt") as opened:
        manifest, files = with_static(opened.manifest, opened.read_all(), "openvino-int8", SIZE)
    write_package(tmp_path / "fixed.skt", manifest, files).close()

    with CrowdCounter(tmp_path / "fixed.skt", options=CountOptions(variant="openvino-int8-64x96")) as counter:
        assert (counter.info().precision, counter.info().int8, counter.info().notes) == ("int8", (1, 1), ())


@pytest.mark.parametrize(
    ("variant", "size", "message"),
    [
        ("openvino-fp32", (60, 96), "height 60 is no size for this model: expected a multiple of 16, 48 or more"),
        ("openvino-fp32", (64, 32), "width 32 is no size for this model"),
        ("onnx-fp32", SIZE, "variant onnx-fp32 is onnx .variants of one size are made of OpenVINO"),
        (FIXED, SIZE, "variant openvino-fp32-64x96 is openvino of one size"),
    ],
)
def test_what_cannot_be_fixed_is_refused(fixed: Path, variant: str, size: tuple[int, int], message: str) -> None:
    with Package.open(fixed) as opened, pytest.raises(ExportError, match=message):
        with_static(opened.manifest, opened.read_all(), variant, size)


def test_a_size_that_is_there_already_is_refused(fixed: Path) -> None:
    with (
        Package.open(fixed) as opened,
        pytest.raises(ExportError, match="the package already holds openvino-fp32-64x96"),
    ):
        with_static(opened.manifest, opened.read_all(), "openvino-fp32", SIZE)


def test_a_model_of_fixed_sides_cannot_be_fixed_to_others(fixed: Path) -> None:
    with Package.open(fixed) as opened, pytest.raises(ExportError, match="the model cannot be fixed to 7 x 5: "):
        static_ir({"model.xml": opened.read(FIXED)["model.xml"], "model.bin": opened.read(FIXED)["model.bin"]}, (5, 7))


def test_a_variant_that_answers_otherwise_is_refused(fixed: Path) -> None:
    with Package.open(fixed) as opened:
        manifest, files = opened.manifest, opened.read_all()
    source, made = manifest.variant("openvino-fp32"), manifest.variant(FIXED)
    path, (weight, _) = f"variants/{FIXED}/model.bin", tiny_weights()
    files[path] = files[path].replace(weight.tobytes(), (1.5 * weight).tobytes())

    with pytest.raises(ExportError, match="openvino-fp32-64x96 does not answer like openvino-fp32: a cell is off by"):
        prove(manifest, source, made, files)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["-m", *(str(argument) for argument in arguments)])


@pytest.mark.parametrize(
    ("size", "code", "said"),
    [("576", 2, "size '576' is no size (write height x width"), ("100x96", 6, "height 100 is no size for this model")],
)
def test_a_bad_size_is_one_line(tiny: Path, tmp_path: Path, size: str, code: int, said: str) -> None:
    result = run(tiny, "--size", size, "-o", tmp_path / "out.skt")

    assert (result.exit_code, said in result.stderr) == (code, True)
    assert not (tmp_path / "out.skt").exists()


def test_an_output_that_exists_is_kept_without_force(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "out.skt").write_text("mine")
    arguments = (tiny, "--size", "64x96", "-o", tmp_path / "out.skt")

    assert "already exists (pass --force" in run(*arguments).stderr
    assert (tmp_path / "out.skt").read_text() == "mine"
    assert "openvino-fp32-64x96" in run(*arguments, "--force").stdout


def test_a_new_export_has_the_size_too(student_checkpoint: Path, tmp_path: Path) -> None:
    words = ("--format", "openvino", "--precision", "fp16", "--size", "576x640", "--size", "576X640")

    result = run(student_checkpoint, *words, "-o", tmp_path / "npu.skt")

    assert result.exit_code == 0, result.stderr
    with Package.open(tmp_path / "npu.skt") as opened:
        assert [entry.id for entry in opened.manifest.variants] == ["openvino-fp16", "openvino-fp16-576x640"]


def test_a_size_without_an_openvino_variant_is_refused(tmp_path: Path) -> None:
    package = write_tiny(tmp_path / "onnx.skt", formats=("onnx",))

    result = run(package, "--size", "64x96", "-o", tmp_path / "out.skt")

    assert result.exit_code == 2
    assert "--size is for OpenVINO variants, and there are onnx-fp32 (add --format openvino)" in result.stderr
