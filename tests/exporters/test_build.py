"""Packages: what is in them, and that they tell of the model and not of the machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from distiller.networks import ARCHITECTURES
from exporters.build import Built, Options, build
from exporters.card import DATA, NETWORKS, model_card
from exporters.source import Source, open_source, without_paths
from exporters.verify import verify
from runtimes import Output
from sdk.counter import CrowdCounter
from sdk.datasets import READERS
from sdk.errors import ArtifactError, ConfigError, ExportError, VariantUnknown
from sdk.manifest import FileEntry
from sdk.package import Package, write_package
from tests.exporters.calibrated import FLOATS, quiet_tell
from tests.tolerances import COUNT_RELATIVE


@pytest.fixture(scope="module")
def again(package: Path) -> Iterator[Source]:
    """The package as a source, rendered again without its checkpoint."""
    with open_source(package) as source:
        yield source


def test_the_package_is_whole_and_what_is_inside_agrees(package: Path) -> None:
    with Package.open(package) as opened:
        verify(opened)


def test_the_manifest_tells_what_the_network_is(built: Built) -> None:
    manifest = built.manifest

    assert (manifest.name, manifest.architecture, manifest.input.multiple) == ("bl-tiny", "bl 1/16", 16)
    assert manifest.parameters == 84_437
    assert manifest.receptive_halo == 160
    assert manifest.variant("onnx-fp32").opset == 20
    assert all(variant.parity["passed"] for variant in manifest.variants)


def test_provenance_keeps_facts_and_no_paths(built: Built) -> None:
    text = built.manifest.to_json_bytes().decode()

    assert built.manifest.provenance["step"] == 7
    assert built.manifest.provenance["config"]["sets"]["own"] == {"dataset": "points", "part": "", "split": "train"}
    for trace in ("/home", "/data", "C:", "IMG_1"):
        assert trace not in text


def test_of_a_path_only_the_last_part_is_kept() -> None:
    value = {"root": "/x", "encoder": "/a/b.safetensors", "more": ["C:\\c\\d", 3], "name": "plain"}

    assert without_paths(value) == {"encoder": "b.safetensors", "more": ["d", 3], "name": "plain"}


def test_the_counter_gives_the_golden_answer(package: Path) -> None:
    with Package.open(package) as opened:
        golden = opened.golden()
    with CrowdCounter(package) as counter:
        result = counter.count(golden.image)

    assert golden.image.shape == (320, 480, 3)
    assert result.count == pytest.approx(golden.count, rel=COUNT_RELATIVE)


def test_the_card_tells_data_licences_cost_and_parity(built: Built) -> None:
    card = built.files["MODEL_CARD.md"].decode()

    for told in ("ShanghaiTech A train: Zhang et al., CVPR 2016", "points train: terms not known to this tool",
                 "| parameters | 84,437 |", "openvino-fp16", "Scenes without people", "Not measured", "MIT licence"):  # fmt: skip
        assert told in card


def test_scores_reach_the_card_and_the_provenance(again: Source, built: Built) -> None:
    part = {"fewest": 501, "most": None, "photos": 2, "mae": 9.0, "bias": -3.0}
    scores = {"dataset": "points test", "photos": 3, "mae": 4.25, "rmse": 6.0, "bias": -1.5, "bins": [part]}
    scores["package"] = f"bl-tiny {built.manifest.version}"

    made = build(again, Options(("onnx-fp32",), evaluations=(scores,)), quiet_tell())

    assert "| points test | 3 | 4.2 | 6.0 | -1.5 |" in made.files["MODEL_CARD.md"].decode()
    assert "| 501 or more | 2 | 9.0 | -3.0 |" in made.files["MODEL_CARD.md"].decode()
    assert made.manifest.provenance["evaluations"] == [scores]


def test_the_card_names_the_worst_photos_the_teacher_and_what_was_drawn(built: Built) -> None:
    sets = {"drawn": {"dataset": "points", "split": "train"}, "j": {"dataset": "jhu-crowd++", "split": "train"}}
    worst = [{"name": "IMG_92", "true": 2650, "counted": 2267.8}]
    facts = {
        "config": {"sets": sets, "encoder": "resnet50_imagenet_to_layer3.safetensors"},
        "evaluations": [{"dataset": "a", "photos": 3, "worst": worst}],
        "teacher": {"parameters": 11_180_000, "sha256": "ab" * 32},
    }

    card = model_card(replace(built.manifest, provenance=facts))

    for told in ("| a | IMG_92 | 2650 | 2267.8 |", "| teacher | 11,180,000 parameters, sha256 abababababab |",
                 "* Scenes with and without people, drawn by this project", "* JHU-CROWD++ train: Sindagi et al.",
                 "ImageNet ResNet-50 (MIT licence)"):  # fmt: skip
        assert told in card
    assert "Counted worst" not in model_card(built.manifest)


def test_the_card_knows_every_network_and_data_set() -> None:
    assert set(NETWORKS) == set(ARCHITECTURES)
    assert set(DATA) == set(READERS) - {"points"}


def test_a_package_renders_again_without_its_checkpoint_to_the_same_model(again: Source, built: Built) -> None:
    made = build(again, Options(("openvino-fp16",), name="renamed"), quiet_tell())

    assert (made.manifest.name, made.manifest.version) == ("renamed", built.manifest.version)
    assert made.files["variants/openvino-fp16/model.bin"] == built.files["variants/openvino-fp16/model.bin"]
    assert json.loads(made.files["reports/parity.json"])["reference"].startswith("onnx-fp32 in onnxruntime")


def test_a_package_without_its_master_cannot_be_rendered_again(again: Source, tmp_path: Path) -> None:
    made = build(again, Options(("openvino-fp32",)), quiet_tell())
    write_package(tmp_path / "x.skt", made.manifest, made.files).close()

    with pytest.raises(VariantUnknown, match="has no variant 'onnx-fp32'"), open_source(tmp_path / "x.skt"):
        pass


def test_a_variant_that_miscounts_stops_the_build(again: Source) -> None:
    def late(batch: np.ndarray) -> Output:
        answer = again.reference(batch)
        return Output(answer.density + 0.01, answer.count)

    with pytest.raises(ExportError, match="variant onnx-fp32 does not answer like the model"):
        build(replace(again, reference=late), Options(), quiet_tell())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"variants": ("onnx-int4",)}, "unknown variant 'onnx-int4'"),
        ({"variants": ()}, "no variant is asked for"),
        ({"name": "a/b"}, "name 'a/b' cannot name a package"),
    ],
)
def test_options_that_cannot_be_met_are_refused(options: dict, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Options(**options)


def test_a_manifest_changed_after_the_export_is_found(built: Built, tmp_path: Path) -> None:
    changed = replace(built.manifest, receptive_halo=16)
    path = tmp_path / "x.skt"
    write_package(path, changed, built.files).close()

    with (
        Package.open(path) as opened,
        pytest.raises(ArtifactError, match=r"inside variant onnx-fp32 differs from manifest.json in receptive_halo"),
    ):
        verify(opened)


def variant_replaced(built: Built, path: Path, data: dict[str, bytes], **changes: str) -> None:
    """Write a package of one variant, openvino-fp32, of other files."""
    files = {f"variants/openvino-fp32/{name}": content for name, content in data.items()}
    entries = tuple(FileEntry.of(name, content) for name, content in files.items())
    entry = replace(built.manifest.variant("openvino-fp32"), files=entries, **changes)
    others = {name: content for name, content in built.files.items() if not name.startswith("variants/")}
    write_package(path, replace(built.manifest, variants=(entry,)), files | others).close()


def test_a_variant_without_a_manifest_inside_is_found(built: Built, tmp_path: Path) -> None:
    variant_replaced(built, tmp_path / "x.skt", {"model.xml": b"<net/>", "model.bin": b""})

    with (
        Package.open(tmp_path / "x.skt") as opened,
        pytest.raises(ArtifactError, match="variant openvino-fp32 holds no manifest that can be read"),
    ):
        verify(opened)


def test_a_format_of_a_later_release_is_not_called_verified(built: Built, tmp_path: Path) -> None:
    variant_replaced(built, tmp_path / "x.skt", {"model.tea": b"leaf"}, format="tea")

    with (
        Package.open(tmp_path / "x.skt") as opened,
        pytest.raises(ArtifactError, match="has format tea, which this release cannot verify"),
    ):
        verify(opened)


def test_every_variant_is_known_to_the_planner(package: Path) -> None:
    with CrowdCounter(package) as counter:
        plan = counter.explain()

    usable = {candidate.variant.id for candidate in plan.candidates}
    assert usable == {variant for variant in FLOATS if not variant.startswith("tensorrt")}
    assert {item.variant.id for item in plan.discarded} >= set(FLOATS)
