"""Folders of model servers, checked against what the servers publish of their configuration."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from exporters.commands import main
from exporters.layout import Layout, check_output, choose, ovms_config, triton_config, write_layout
from exporters.static import with_static
from sdk.errors import ConfigError, ExportError, VariantUnknown
from sdk.package import Package
from tests.models import tiny_density
from tests.tiny_package import noise_photo, write_tiny
from tests.tolerances import DENSITY_ABSOLUTE

# What OpenVINO Model Server's published schema (its src/schema.cpp) allows in an entry of model_config_list, in part.
OVMS_TYPES: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "base_path": str,
    "batch_size": (int, str),
    "model_version_policy": dict,
    "shape": (dict, str),
    "layout": (dict, str),
    "nireq": int,
    "target_device": str,
    "plugin_config": dict,
}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["-m", *(str(argument) for argument in arguments)])


@pytest.fixture(scope="module")
def int8(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("int8") / "int8.skt", int8="passed")


@pytest.fixture(scope="session")
def schema() -> ModuleType:
    """Triton's model_config.proto, as its client package brings it; read without that package's own dependencies."""
    pytest.importorskip("google.protobuf", reason="not run: protobuf is not installed")
    found = importlib.util.find_spec("tritonclient")
    if found is None or not found.submodule_search_locations:
        pytest.skip("not run: pip install --no-deps tritonclient, for Triton's published schema")
    path = Path(found.submodule_search_locations[0], "grpc", "model_config_pb2.py")
    spec = importlib.util.spec_from_file_location("model_config_pb2", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def config(schema: ModuleType, package: Path, wanted: Layout) -> Any:
    """A package's config.pbtxt, parsed by Triton's schema: an unknown field or value is an error."""
    from google.protobuf import text_format

    with Package.open(package) as opened:
        text = triton_config(opened.manifest, choose(opened.manifest, wanted), wanted)
    return text_format.Parse(text, schema.ModelConfig())


def test_triton_reads_the_folder_of_a_package(schema: ModuleType, tiny: Path, tmp_path: Path) -> None:
    from google.protobuf import text_format

    result = run(tiny, "--layout", "triton", "-o", tmp_path / "models")

    assert result.exit_code == 0, result.output
    parsed = text_format.Parse((tmp_path / "models" / "tiny" / "config.pbtxt").read_text(), schema.ModelConfig())
    assert (parsed.name, parsed.backend, parsed.max_batch_size) == ("tiny", "onnxruntime", 0)
    assert [(put.name, put.data_type, list(put.dims)) for put in (*parsed.input, *parsed.output)] == [
        ("image", schema.TYPE_UINT8, [-1, -1, -1, 3]),
        ("density", schema.TYPE_FP32, [-1, -1, -1]),
        ("count", schema.TYPE_FP32, [-1]),
    ]
    assert not parsed.HasField("dynamic_batching")
    assert (tmp_path / "models" / "tiny" / "1" / parsed.default_model_filename).is_file()


def test_a_gathered_batch_is_left_out_of_the_dimensions(schema: ModuleType, tiny: Path) -> None:
    parsed = config(schema, tiny, Layout("triton", max_batch=8))

    assert parsed.max_batch_size == 8
    assert [list(put.dims) for put in (*parsed.input, *parsed.output)] == [[-1, -1, 3], [-1, -1], [1]]
    assert parsed.output[1].HasField("reshape")
    assert parsed.dynamic_batching.max_queue_delay_microseconds > 0


def test_a_variant_of_one_size_says_so(schema: ModuleType, tiny: Path) -> None:
    from google.protobuf import text_format

    with Package.open(tiny) as opened:
        manifest, _ = with_static(opened.manifest, opened.read_all(), "openvino-fp32", (64, 96))
    entry = manifest.variant("openvino-fp32-64x96")
    parsed = text_format.Parse(triton_config(manifest, entry, Layout("triton")), schema.ModelConfig())

    assert parsed.backend == "openvino"
    assert [list(put.dims) for put in (*parsed.input, *parsed.output)] == [[1, 64, 96, 3], [1, 8, 12], [1]]
    with pytest.raises(ExportError, match="takes one photo at a time, and max_batch is 4"):
        triton_config(manifest, entry, Layout("triton", max_batch=4))


def test_the_folder_of_openvino_model_server_has_what_its_schema_allows(tiny: Path, tmp_path: Path) -> None:
    result = run(tiny, "--layout", "ovms", "-o", tmp_path / "models", "--name", "crowd", "--json")

    assert json.loads(result.stdout)["files"] == ["config.json", "crowd/1/model.bin", "crowd/1/model.xml"]
    plain = json.loads((tmp_path / "models" / "config.json").read_text())
    (entry,) = plain["model_config_list"]
    assert (set(plain), set(entry)) == ({"model_config_list"}, {"config"})
    assert {"name", "base_path"} <= set(entry["config"]) <= set(OVMS_TYPES)
    assert all(isinstance(value, OVMS_TYPES[key]) for key, value in entry["config"].items())
    assert entry["config"]["base_path"] == "/models/crowd"


def test_the_model_server_s_settings_are_openvino_s_and_its_file_counts(tiny: Path, tmp_path: Path) -> None:
    import openvino

    run(tiny, "--layout", "ovms", "-o", tmp_path / "models")
    settings = json.loads(ovms_config("tiny", "/models"))["model_config_list"][0]["config"]["plugin_config"]
    compiled = openvino.Core().compile_model(tmp_path / "models" / "tiny" / "1" / "model.xml", "CPU", settings)
    photo = noise_photo(64, 96)[None]

    np.testing.assert_allclose(compiled(photo)["density"], tiny_density(photo), atol=DENSITY_ABSOLUTE)


def test_int8_is_preferred_where_its_gate_passed(int8: Path, tmp_path: Path) -> None:
    ungated = write_tiny(tmp_path / "ungated.skt", int8="ungated")
    for package, triton, ovms in ((int8, "onnx-int8", "openvino-int8"), (ungated, "onnx-fp32", "openvino-fp32")):
        with Package.open(package) as opened:
            assert choose(opened.manifest, Layout("triton")).id == triton
            assert choose(opened.manifest, Layout("ovms")).id == ovms
            assert choose(opened.manifest, Layout("triton", variant="onnx-int8")).id == "onnx-int8"


def test_a_variant_that_the_server_does_not_read_is_refused(tiny: Path, tmp_path: Path) -> None:
    with Package.open(tiny) as opened:
        with pytest.raises(ExportError, match=r"ovms reads openvino, and onnx-fp32 is onnx"):
            choose(opened.manifest, Layout("ovms", variant="onnx-fp32"))
        with pytest.raises(VariantUnknown, match="has no variant 'onnx-fp64'"):
            choose(opened.manifest, Layout("triton", variant="onnx-fp64"))
    write_tiny(tmp_path / "onnx.skt", formats=("onnx",))
    with (
        Package.open(tmp_path / "onnx.skt") as opened,
        pytest.raises(ExportError, match=r"tiny has no variant for ovms, which reads openvino .it holds onnx-fp32"),
    ):
        choose(opened.manifest, Layout("ovms"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "torchserve"}, "unknown layout 'torchserve' .known: triton, ovms"),
        ({"kind": "triton", "name": "a/b"}, "name 'a/b' cannot name a model"),
        ({"kind": "triton", "max_batch": 65}, "max_batch is 65, expected 0 to 64"),
        ({"kind": "ovms", "max_batch": 2}, "max_batch is for triton, not for ovms"),
    ],
)
def test_a_layout_that_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Layout(**options)


def test_what_stands_there_is_replaced_only_by_force_and_only_if_it_is_ours(tiny: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    arguments = (tiny, "--layout", "ovms", "-o", models)
    assert run(*arguments).exit_code == 0

    again, forced = run(*arguments), run(*arguments, "--force")
    (models / "other").mkdir()
    other = run(*arguments, "--force")

    assert (again.exit_code, forced.exit_code, other.exit_code) == (6, 0, 6)
    assert "already exists (pass --force" in again.stderr
    assert "holds other, which is not of model tiny; it is not replaced" in other.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_a_file_or_a_missing_folder_in_the_way_is_refused(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ExportError, match="holds file, which is not of model tiny"):
        check_output(tmp_path / "file", "tiny", force=True)
    with Package.open(tiny) as opened, pytest.raises(ExportError, match=r"there is no folder .*/none .create it first"):
        write_layout(opened.manifest, opened.read_all(), Layout("triton"), tmp_path / "none" / "models")


def test_a_checkpoint_is_laid_out_too(student_checkpoint: Path, tmp_path: Path) -> None:
    words = ("--format", "onnx", "--layout", "triton", "--name", "crowd", "-o", tmp_path / "models")

    result = run(student_checkpoint, *words)

    assert result.exit_code == 0, result.stderr
    assert "comparing onnx-fp32 with torch" in result.stderr
    assert (tmp_path / "models" / "crowd" / "1" / "model.onnx").is_file()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--layout", "triton"), "--layout triton writes a folder, and none is named (name it with -o)"),
        (("--max-batch", "4"), "--max-batch is for --layout (add --layout triton or ovms)"),
        (("--layout", "ovms", "--max-batch", "4", "-o", "never"), "max_batch is for triton, not for ovms"),
    ],
)
def test_options_of_a_layout_that_make_no_sense_are_refused(tiny: Path, words: tuple[str, ...], told: str) -> None:
    result = run(tiny, *words)

    assert (result.exit_code, told in result.stderr) == (2, True)
