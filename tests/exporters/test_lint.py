"""Lint: clean sources pass, and each thing that an engine would refuse is found, alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import TensorProto, helper, numpy_helper

from exporters.calibration import CalibrationTable
from exporters.commands import main
from exporters.lint import errors_of, lint_model
from exporters.lint_finding import Finding, Profile, lint_profiles
from exporters.lint_graph import type_name
from exporters.tensorrt import PRECISIONS, tensorrt_source
from sdk.errors import ConfigError

Break = Callable[[onnx.ModelProto], object]


@pytest.fixture(scope="module")
def int8(shipped_master: onnx.ModelProto, shipped_table: CalibrationTable) -> bytes:
    return tensorrt_source(shipped_master, "int8", shipped_table).SerializeToString()


def broken(source: bytes, change: Break) -> list[Finding]:
    model = onnx.load_model_from_string(source)
    change(model)
    return lint_model(model, "tensorrt")


def first(model: onnx.ModelProto, kind: str, at: int = 0) -> onnx.NodeProto:
    return [node for node in model.graph.node if node.op_type == kind][at]


def tensor(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def set_values(model: onnx.ModelProto, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    found = tensor(model, name)
    found.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(found)), name))


def set_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 21


def foreign_domain(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    first(model, "Relu").domain = "com.example"


def another_operator(model: onnx.ModelProto) -> None:
    first(model, "Relu").op_type = "Sigmoid"


def a_node_that_reads_nothing(model: onnx.ModelProto) -> None:
    first(model, "MaxPool").input[0] = "nowhere"


def another_name_of_an_output(model: onnx.ModelProto) -> None:
    model.graph.output.reverse()


def a_float_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT


def data_outside(model: onnx.ModelProto) -> None:
    found = tensor(model, "head.2.weight")
    found.data_location = TensorProto.EXTERNAL
    found.ClearField("raw_data")
    found.external_data.add(key="location", value="weights.bin")


def a_path_in_a_note(model: onnx.ModelProto) -> None:
    first(model, "Relu").doc_string = "File /home/somebody/model.py, line 7"


def bytes_turned_first(model: onnx.ModelProto) -> None:
    cast, transpose = (first(model, kind) for kind in ("Cast", "Transpose"))
    between, end = cast.output[0], transpose.output[0]
    transpose.input[0], transpose.output[0], cast.input[0], cast.output[0] = "image", between, between, end
    del model.graph.value_info[:]
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in model.graph.node]
    at, after = (next(i for i, node in enumerate(nodes) if node.op_type == kind) for kind in ("Cast", "Transpose"))
    nodes[at], nodes[after] = nodes[after], nodes[at]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def a_weight_in_double(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(2), "doubled"))


def a_bias_in_fp32(model: onnx.ModelProto) -> None:
    set_values(model, "frontend.conv2_reduce.conv.bias", lambda values: values.astype(np.float32))


def a_sum_in_fp16(model: onnx.ModelProto) -> None:
    node = first(model, "ReduceSum")
    at = list(model.graph.node).index(node)
    model.graph.node.insert(at, helper.make_node("Cast", ["density"], ["small"], to=TensorProto.FLOAT16))
    node.input[0], node.output[0] = "small", "summed"
    model.graph.node.append(helper.make_node("Cast", ["summed"], ["count"], to=TensorProto.FLOAT))


def a_zero_point(model: onnx.ModelProto) -> None:
    set_values(model, first(model, "QuantizeLinear").input[2], lambda values: values + np.int8(3))


def unsigned_bytes(model: onnx.ModelProto) -> None:
    set_values(model, first(model, "QuantizeLinear").input[2], lambda values: values.astype(np.uint8))


def an_integer_bias(model: onnx.ModelProto) -> None:
    name = "frontend.conv2_reduce.conv.bias"
    set_values(model, name, lambda values: values.astype(np.int32))
    scale = numpy_helper.from_array(np.ones((), np.float16), "bias_scale")
    model.graph.initializer.append(scale)
    model.graph.node.insert(0, helper.make_node("DequantizeLinear", [name, "bias_scale"], ["bias"]))
    for node in model.graph.node:
        if node.op_type == "Conv" and node.input[2] == name:
            node.input[2] = "bias"


def a_scale_of_nothing(model: onnx.ModelProto) -> None:
    set_values(model, first(model, "QuantizeLinear").input[1], np.zeros_like)


def a_scale_in_fp32(model: onnx.ModelProto) -> None:
    scale = first(model, "QuantizeLinear").input[1]
    model.graph.initializer.append(
        numpy_helper.from_array(numpy_helper.to_array(tensor(model, scale)).astype(np.float32), "wide")
    )
    first(model, "QuantizeLinear").input[1] = "wide"


def scales_of_an_activation(model: onnx.ModelProto) -> None:
    for node in (first(model, kind, -1) for kind in ("QuantizeLinear",)):
        values = np.full(64, 0.1, np.float16)
        model.graph.initializer.append(numpy_helper.from_array(values, "many"))
        model.graph.initializer.append(numpy_helper.from_array(np.zeros(64, np.int8), "zeros"))
        node.input[1], node.input[2] = "many", "zeros"


def scales_along_the_inputs(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        axis = next((item for item in node.attribute if item.name == "axis"), None)
        if (
            node.op_type == "DequantizeLinear"
            and node.input[0].startswith("frontend.conv2_reduce.")
            and axis is not None
        ):
            axis.i = 1  # its weight has as many inputs as outputs


def bytes_that_no_one_reads_as_numbers(model: onnx.ModelProto) -> None:
    node = first(model, "QuantizeLinear")
    model.graph.node.append(helper.make_node("Cast", [node.output[0]], ["unused"], to=TensorProto.FLOAT))


BROKEN: list[tuple[str, Break]] = [
    ("L101", set_opset),
    ("L102", foreign_domain),
    ("L103", another_operator),
    ("L104", a_node_that_reads_nothing),
    ("L105", another_name_of_an_output),
    ("L106", a_float_input),
    ("L107", data_outside),
    ("L108", a_path_in_a_note),
    ("L110", bytes_turned_first),
    ("L111", a_weight_in_double),
    ("L112", a_bias_in_fp32),
    ("L113", a_sum_in_fp16),
    ("L120", a_zero_point),
    ("L121", an_integer_bias),
    ("L122", unsigned_bytes),
    ("L123", a_scale_of_nothing),
    ("L124", a_scale_in_fp32),
    ("L125", scales_of_an_activation),
    ("L126", scales_along_the_inputs),
    ("L127", bytes_that_no_one_reads_as_numbers),
]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_source_is_clean(
    shipped_master: onnx.ModelProto, shipped_table: CalibrationTable, precision: str
) -> None:
    assert lint_model(tensorrt_source(shipped_master, precision, shipped_table), "tensorrt") == []


def test_a_master_is_clean_for_onnx_engines(shipped_master: onnx.ModelProto) -> None:
    assert lint_model(shipped_master, "onnx") == []


@pytest.mark.parametrize(("code", "change"), BROKEN, ids=[f"{code}-{change.__name__}" for code, change in BROKEN])
def test_what_is_wrong_is_found_with_its_code_and_a_fix(int8: bytes, code: str, change: Break) -> None:
    found = [finding for finding in broken(int8, change) if finding.code == code]

    assert found
    assert all(finding.what and finding.where and finding.fix for finding in found)


def test_every_code_has_a_model_that_breaks_its_rule_and_a_row_in_the_document() -> None:
    root = Path(__file__).parents[2]
    text = "".join(path.read_text("utf-8") for path in (root / "exporters").glob("lint_*.py"))
    rows = [line for line in (root / "docs" / "tensorrt.md").read_text("utf-8").splitlines() if line.startswith("| L1")]
    codes = {code for code, _ in BROKEN} | {"L130", "L131", "L132"}

    assert set(re.findall(r'"(L1\d\d)"', text)) == codes
    assert sorted(re.findall(r"L1\d\d", " ".join(rows))) == sorted(codes)


def test_metadata_may_name_urls_and_sides_but_no_path(int8: bytes) -> None:
    def note(text: str) -> Break:
        return lambda model: onnx.helper.set_model_props(model, {"note": text})

    assert broken(int8, note("h/stride, see https://example.org/a/b.html and variants/onnx-fp32/model.onnx")) == []
    for path in ("/data/shanghaitech/part_A", "C:\\\\Users\\\\somebody"):
        assert [finding.code for finding in broken(int8, note(f'"root": "{path}"'))] == ["L108"]


def test_only_errors_stop_an_export() -> None:
    findings = [Finding("L101", "what", "where", "fix", level) for level in ("error", "warning")]

    assert errors_of(findings) == findings[:1]
    assert str(findings[0]) == "L101 where: what"


def test_types_are_told_by_name() -> None:
    assert [type_name(10), type_name(999)] == ["FLOAT16", "type 999"]


def test_an_unknown_format_is_refused(shipped_master: onnx.ModelProto) -> None:
    with pytest.raises(ConfigError, match="no lint rules for format 'openvino'"):
        lint_model(shipped_master, "openvino")


@pytest.mark.parametrize(
    ("profiles", "codes"),
    [
        ([Profile((1, 576, 864, 3), (1, 576, 864, 3), (4, 576, 864, 3))], []),
        ([], ["L130"]),
        ([Profile((1, 576, 864, 3), (1, 64, 864, 3), (1, 576, 864, 3))], ["L131"]),
        ([Profile((0, 64, 64, 3), (1, 64, 64, 3), (1, 64, 64, 3))], ["L131"]),
        ([Profile((1, 64, 64, 3), (1, 64, 64, 3), (1, 1080, 64, 3))], ["L132"]),
        ([Profile((1, 64, 64, 4), (1, 64, 64, 4), (1, 64, 64, 4))], ["L132"] * 3),
    ],
)
def test_profiles_are_ordered_multiples(profiles: list[Profile], codes: list[str]) -> None:
    assert [finding.code for finding in lint_profiles(profiles, 16)] == codes


def skt_export(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_a_package_is_linted_variant_by_variant(package: Path) -> None:
    result = skt_export("lint", package)

    assert (result.exit_code, result.stdout) == (0, "onnx-fp32: clean\ntensorrt-fp32: clean\ntensorrt-fp16: clean\n")


def test_a_file_is_linted_for_tensorrt_and_an_error_exits_6(master: onnx.ModelProto, tmp_path: Path) -> None:
    path = tmp_path / "master.onnx"
    path.write_bytes(master.SerializeToString())

    result = skt_export("lint", path)

    assert result.exit_code == 6
    assert "error L110 Transpose transpose_0: takes the photo's bytes" in result.stdout
    assert "lint found 1 error(s), the first in master.onnx: L110" in result.stderr
    assert skt_export("lint", path, "--for", "onnx").exit_code == 0


def test_findings_are_json_where_json_was_asked_for(master: onnx.ModelProto, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(master.SerializeToString())

    rows = [json.loads(line) for line in skt_export("lint", tmp_path / "m.onnx", "--json").stdout.splitlines()]

    assert [finding["code"] for finding in rows[0]["m.onnx"]] == ["L110"]
    assert rows[1]["error"]["code"] == "SKT-E500"


@pytest.mark.parametrize(
    ("name", "exit_code", "told"),
    [("none.onnx", 6, "cannot read"), ("text.onnx", 6, "is not an ONNX model"), ("none.skt", 4, "cannot open")],
)
def test_what_cannot_be_linted_is_told(tmp_path: Path, name: str, exit_code: int, told: str) -> None:
    (tmp_path / "text.onnx").write_text("text", "utf-8")

    result = skt_export("lint", tmp_path / name)

    assert result.exit_code == exit_code
    assert told in result.stderr
