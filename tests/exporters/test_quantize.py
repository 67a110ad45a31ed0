"""INT8 models of the shipped student: near its fp32 counts, the same each time, and as each engine wants them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from exporters.calibration import CalibrationTable, calibrate, observed_tensors
from exporters.half import half_trunk
from exporters.quantize import TARGETS, Scheme, int8_model, with_added_biases
from exporters.sessions import open_session
from sdk.errors import CalibrationError, ExportError
from tests.exporters.calibrated import drawn_shots
from tests.models import tiny_onnx
from tests.tolerances import COUNT_RELATIVE, INT8_RELATIVE

SCENES = drawn_shots((40, 120, 250), seed=90)


def counts(model: onnx.ModelProto) -> np.ndarray:
    """People in each of the scenes, (3,)."""
    session = open_session(model, optimise=False)
    return np.array([session.run(["count"], {"image": shot.load()[None]})[0][0] for shot in SCENES])


def constant(model: onnx.ModelProto, name: str) -> np.ndarray:
    return next(numpy_helper.to_array(tensor) for tensor in model.graph.initializer if tensor.name == name)


@pytest.mark.parametrize("target", TARGETS)
def test_int8_counts_drawn_crowds_nearly_as_fp32_does(
    shipped_master: onnx.ModelProto, shipped_table: CalibrationTable, target: str
) -> None:
    made = int8_model(shipped_master, shipped_table, target)

    assert counts(made).sum() == pytest.approx(counts(shipped_master).sum(), rel=INT8_RELATIVE)


@pytest.mark.parametrize("target", TARGETS)
def test_the_same_table_gives_the_same_bytes(
    shipped_master: onnx.ModelProto, shipped_table: CalibrationTable, target: str
) -> None:
    first, second = (int8_model(shipped_master, shipped_table, target) for _ in range(2))

    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)


def test_for_a_cpu_all_but_the_head_takes_unsigned_bytes(
    shipped_master: onnx.ModelProto, shipped_table: CalibrationTable
) -> None:
    made = int8_model(shipped_master, shipped_table, "cpu")
    kinds = {constant(made, node.input[2]).dtype for node in made.graph.node if node.op_type == "QuantizeLinear"}

    assert kinds == {np.dtype(np.uint8)}
    assert float_convolutions(made) == ["conv_64"]


def test_for_tensorrt_no_bias_is_an_integer_and_every_zero_point_is_zero(
    shipped_master: onnx.ModelProto, shipped_table: CalibrationTable
) -> None:
    made = int8_model(shipped_master, shipped_table, "tensorrt")
    ends = [node for node in made.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]

    assert not any(constant(made, node.input[2]).any() for node in ends)
    assert {constant(made, node.input[1]).dtype for node in ends} == {np.dtype(np.float16)}
    assert TensorProto.INT32 not in {tensor.data_type for tensor in made.graph.initializer}
    assert float_convolutions(made) == ["conv_64"]


def test_a_weight_has_a_scale_for_each_channel_or_one(
    shipped_master: onnx.ModelProto, shipped_table: CalibrationTable
) -> None:
    many = int8_model(shipped_master, shipped_table, "cpu")
    one = int8_model(shipped_master, shipped_table, "cpu", Scheme(per_channel=False))

    assert constant(many, "head.1.conv.weight_scale").shape == (64,)
    assert constant(one, "head.1.conv.weight_scale").shape == ()


def test_the_first_layer_can_stay_in_float_and_the_last_need_not(
    shipped_master: onnx.ModelProto, shipped_table: CalibrationTable
) -> None:
    scheme = Scheme(first_in_float=True, last_in_float=False)

    assert float_convolutions(int8_model(shipped_master, shipped_table, "cpu", scheme)) == ["conv_4"]


def test_what_the_head_and_a_resize_after_a_relu_take_is_not_rounded(master: onnx.ModelProto) -> None:
    """In BL's network, whose resize takes a Relu's output."""
    table = calibrate(master, drawn_shots((30,)), multiple=16)
    *_, head = [node.name for node in master.graph.node if node.op_type == "Conv"]
    resize = next(node.name for node in master.graph.node if node.op_type == "Resize")

    kept, rounded = (int8_model(master, table, "cpu", Scheme(float_edges=edges)) for edges in (True, False))

    assert takes(kept, head) == takes(kept, resize) == "Relu"
    assert takes(rounded, head) == takes(rounded, resize) == "DequantizeLinear"


def takes(model: onnx.ModelProto, name: str) -> str:
    """The kind of node that makes the first input of the node of this name."""
    makers = {output: node.op_type for node in model.graph.node for output in node.output}
    return makers[next(node for node in model.graph.node if node.name == name).input[0]]


def float_convolutions(model: onnx.ModelProto) -> list[str]:
    """The convolutions whose weights are not dequantised from integers."""
    dequantised = {node.output[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    return [node.name for node in model.graph.node if node.op_type == "Conv" and node.input[1] not in dequantised]


def test_fp16_alone_hardly_changes_a_count(shipped_master: onnx.ModelProto) -> None:
    made = half_trunk(shipped_master)

    assert counts(made) == pytest.approx(counts(shipped_master), rel=5 * COUNT_RELATIVE)


def test_a_table_of_another_model_is_refused(shipped_master: onnx.ModelProto, shipped_table: CalibrationTable) -> None:
    with pytest.raises(CalibrationError, match="the calibration table is of model"):
        int8_model(shipped_master, replace(shipped_table, master="0" * 64), "cpu")


def test_a_table_without_a_tensor_is_refused(shipped_master: onnx.ModelProto, shipped_table: CalibrationTable) -> None:
    ranges = {name: ends for name, ends in shipped_table.ranges.items() if name != "relu_5"}

    with pytest.raises(CalibrationError, match="has no range of conv_4"):
        int8_model(shipped_master, replace(shipped_table, ranges=ranges), "cpu")


def test_what_fp16_cannot_hold_is_refused(shipped_master: onnx.ModelProto, shipped_table: CalibrationTable) -> None:
    wide = replace(shipped_table, ranges=shipped_table.ranges | {"relu_5": (0.0, 1e5)})

    with pytest.raises(CalibrationError, match="relu_5 reaches 100000, and fp16 ends at 65504"):
        int8_model(shipped_master, wide, "tensorrt")
    with pytest.raises(ExportError, match=r"frontend.conv2_reduce.conv.bias holds 1e\+06, and fp16 ends at 65504"):
        half_trunk(with_added_biases(shipped_master, {"frontend.conv2_reduce.conv.bias": (1e6,) * 64}))


def test_an_unknown_target_is_refused(shipped_master: onnx.ModelProto, shipped_table: CalibrationTable) -> None:
    with pytest.raises(ExportError, match="unknown INT8 target 'dsp'"):
        int8_model(shipped_master, shipped_table, "dsp")


def test_a_network_of_one_convolution_is_refused() -> None:
    tiny = onnx.load_model_from_string(tiny_onnx())

    with pytest.raises(ExportError, match=r"the model has 1 convolution\(s\), expected 2 or more"):
        half_trunk(tiny)


def test_a_scheme_that_quantises_nothing_is_refused(master: onnx.ModelProto) -> None:
    from exporters.quantize import excluded_convolutions

    copy = onnx.ModelProto()
    copy.CopyFrom(master)
    inner = [node for node in copy.graph.node if node.op_type == "Conv"][1:-1]
    for node in inner:
        copy.graph.node.remove(node)

    with pytest.raises(ExportError, match="the scheme leaves no convolution to quantise"):
        excluded_convolutions(copy, Scheme(first_in_float=True))


def test_a_correction_that_the_table_lacks_is_refused(
    shipped_master: onnx.ModelProto, shipped_table: CalibrationTable
) -> None:
    with pytest.raises(CalibrationError, match="the calibration table holds no bias correction for cpu"):
        int8_model(shipped_master, shipped_table, "cpu", Scheme(bias_correction=True))
    with pytest.raises(CalibrationError, match=r"the model has no bias head\.2\.bias of 2 channels to correct"):
        with_added_biases(shipped_master, {"head.2.bias": (1.0, 2.0)})


def test_every_tensor_that_a_scheme_can_quantise_is_observed(shipped_master: onnx.ModelProto) -> None:
    observed = observed_tensors(shipped_master)

    assert observed[:3] == ["mul_3", "relu_5", "maxpool_6"]
    assert {"maxpool_11", "concat_25", "relu_65"} <= set(observed)


def test_calibration_needs_photos_and_a_known_method(shipped_master: onnx.ModelProto) -> None:
    with pytest.raises(CalibrationError, match="there is no photo to calibrate on"):
        calibrate(shipped_master, [], multiple=16)
    with pytest.raises(CalibrationError, match="unknown calibration method 'guess'"):
        calibrate(shipped_master, drawn_shots((1,)), "guess", multiple=16)


def test_calibration_needs_a_convolution(shipped_master: onnx.ModelProto) -> None:
    copy = onnx.ModelProto()
    copy.CopyFrom(shipped_master)
    del copy.graph.node[:]

    with pytest.raises(CalibrationError, match="the model has no convolution to calibrate"):
        observed_tensors(copy)


@pytest.mark.parametrize("method", ["moving-minmax", "percentile-99.99", "percentile-99.999", "entropy"])
def test_other_methods_never_reach_beyond_minmax(
    shipped_master: onnx.ModelProto, shipped_table: CalibrationTable, method: str
) -> None:
    table = calibrate(shipped_master, drawn_shots(), method, multiple=16)

    assert list(table.ranges) == list(shipped_table.ranges)
    for name, (low, high) in table.ranges.items():
        least, greatest = shipped_table.ranges[name]
        assert low >= least - 1e-5
        assert high <= greatest * 1.0001 + 1e-5
