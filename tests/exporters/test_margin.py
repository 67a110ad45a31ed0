"""Room under the gate: a head scaled to fp32's counts, and the layer in float that INT8 is bad at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from exporters.bias import with_corrections
from exporters.calibration import CalibrationTable, calibrate
from exporters.calibration_photos import Shot
from exporters.counting import master_counter, variant_counter
from exporters.gate import Limits
from exporters.margin import SCALES, Margin, fitting_scale, miscount
from exporters.onnx import read_master
from exporters.quantize import TARGETS, int8_model
from exporters.source import Source
from exporters.tell import Tell
from runtimes import Output
from sdk.commands.common import Progress
from sdk.errors import CalibrationError
from tests.exporters.calibrated import drawn_shots, quiet_tell
from tests.models import tiny_onnx

CHANNELS = 8
LOUD = 1000.0  # how much more the first channel between the first two convolutions says than the others


def uneven_master() -> onnx.ModelProto:
    """A stem and three convolutions. Before the second, one channel drowns the others, and its weights are as small."""
    model = onnx.load_model_from_string(tiny_onnx())
    graph = model.graph
    before, after = list(graph.node)[:3], list(graph.node)[5:]
    del graph.node[:]
    graph.node.extend(before)
    random = np.random.default_rng(5)
    sides = {
        "stem": (CHANNELS, 3),
        "first": (CHANNELS, CHANNELS),
        "second": (CHANNELS, CHANNELS),
        "last": (1, CHANNELS),
    }
    taken = "cells"
    for name, shape in sides.items():
        weight = np.abs(random.normal(0, 0.1, (*shape, 3, 3))).astype(np.float32)
        if name == "stem":
            weight *= 0.02  # for fp16 to hold what follows
        if name == "first":
            weight[0] *= LOUD
        if name == "second":
            weight[:, 0] /= LOUD
        if name == "last":
            weight *= 1e-3
        bias = np.zeros(shape[0], np.float32)
        graph.initializer.extend(
            [numpy_helper.from_array(weight, f"{name}.weight"), numpy_helper.from_array(bias, f"{name}.bias")]
        )
        put = "positive" if name == "last" else f"{name}/relu"
        about = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
        graph.node.append(helper.make_node("Conv", [taken, f"{name}.weight", f"{name}.bias"], [name], name, **about))
        graph.node.append(helper.make_node("Relu", [name], [put], put))
        taken = put
    graph.node.extend(after)
    for unused in [tensor for tensor in graph.initializer if tensor.name in ("weight", "bias")]:
        graph.initializer.remove(unused)
    return read_master(model.SerializeToString(), "the uneven model")


@pytest.fixture(scope="module")
def source() -> Source:
    def no_reference(_: np.ndarray) -> Output:
        raise NotImplementedError

    return Source("uneven", "three", 16, 8, 1, 1, {}, uneven_master(), no_reference, "none")


@pytest.fixture(scope="module")
def photos(source: Source) -> tuple[Shot, ...]:
    with master_counter(source) as count:
        return tuple(replace(shot, people=count(shot), true=None) for shot in drawn_shots((0, 30, 90, 200)))


@pytest.fixture(scope="module")
def plain(source: Source, photos: tuple[Shot, ...]) -> CalibrationTable:
    table = calibrate(source.master, photos, multiple=16)
    return with_corrections(source.master, table, photos, multiple=16)


@pytest.fixture(scope="module")
def fitted(source: Source, photos: tuple[Shot, ...], plain: CalibrationTable) -> CalibrationTable:
    tight = Limits(mae=0.5, bias=0.2, bin=0.5, photo=0.5)
    return Margin(source, photos, tight, quiet_tell()).fitted(plain)


def off(source: Source, photos: tuple[Shot, ...], table: CalibrationTable, variant: str) -> float:
    """Greatest difference of a count, of fp32's."""
    with variant_counter(source, variant, table) as count:
        return max(abs(count(shot) / shot.counted - 1) for shot in photos)


def test_the_layer_that_int8_is_bad_at_stays_in_float(fitted: CalibrationTable) -> None:
    assert {target: names[0] for target, names in fitted.floats.items()} == dict.fromkeys(TARGETS, "second")


@pytest.mark.parametrize("variant", ["openvino-int8", "onnx-int8", "tensorrt-int8"])
def test_counts_come_nearer_to_fp32_in_every_engine(
    source: Source, photos: tuple[Shot, ...], plain: CalibrationTable, fitted: CalibrationTable, variant: str
) -> None:
    before, after = (off(source, photos, table, variant) for table in (plain, fitted))

    assert after < 0.02
    assert after < before


def test_the_fitted_table_is_read_back_as_it_was(fitted: CalibrationTable, plain: CalibrationTable) -> None:
    assert CalibrationTable.from_json_bytes(fitted.to_json_bytes()) == fitted
    assert b'"floats"' not in plain.to_json_bytes()


def test_a_model_within_its_limits_keeps_all_its_layers_in_int8(
    source: Source, photos: tuple[Shot, ...], plain: CalibrationTable
) -> None:
    loose = Limits(mae=100, bias=100, bin=100, photo=100)

    table = Margin(source, photos, loose, quiet_tell()).fitted(plain)

    assert table.floats == {}
    assert set(table.scales) == set(TARGETS)


def test_a_layer_in_float_has_no_quantised_weight_and_no_correction(
    source: Source, plain: CalibrationTable, fitted: CalibrationTable
) -> None:
    shifted = replace(fitted, corrections={**plain.corrections, "cpu": {"second.bias": (1.0,) * CHANNELS}})
    made = int8_model(source.master, shifted, "cpu")
    constants = {tensor.name: tensor for tensor in made.graph.initializer}

    assert constants["second.weight"].data_type == TensorProto.FLOAT
    assert not numpy_helper.to_array(constants["second.bias"]).any()


def test_the_scale_makes_the_sums_equal_and_stays_near_1(source: Source) -> None:
    fp32 = np.array([10.0, 90.0])

    assert fitting_scale(source.master, np.array([10.0, 88.0]), fp32) == pytest.approx(100 / 98, rel=1e-5)
    assert fitting_scale(source.master, fp32 / 10, fp32) == SCALES[1]
    assert fitting_scale(source.master, np.zeros(2), fp32) == 1


def test_a_head_that_is_not_homogeneous_is_not_scaled(source: Source) -> None:
    bent = onnx.ModelProto()
    bent.CopyFrom(source.master)
    next(node for node in bent.graph.node if node.name == "positive").op_type = "Softplus"

    assert fitting_scale(bent, np.array([1.0]), np.array([1.05])) == 1


def test_a_photo_of_few_people_weighs_as_one_of_a_crowd() -> None:
    assert miscount(np.array([6.0, 300.0]), np.array([1.0, 330.0])) == pytest.approx((5 / 50 + 30 / 330) / 2)


def test_a_target_that_cannot_take_the_model_stops_no_other(
    source: Source, photos: tuple[Shot, ...], plain: CalibrationTable
) -> None:
    told: list[str] = []
    wide = replace(plain, ranges={**plain.ranges, "first/relu": (0.0, 1e5)})

    table = Margin(source, photos, Limits(100, 100, 100, 100), Tell(told.append, Progress)).fitted(wide)

    assert set(table.scales) == {"cpu"}
    assert told[-1] == "no INT8 for tensorrt: first/relu reaches 100000, and fp16 ends at 65504"


def test_a_layer_that_the_model_lacks_is_refused(source: Source, plain: CalibrationTable) -> None:
    with pytest.raises(CalibrationError, match="the model has no convolution fourth to leave in float"):
        int8_model(source.master, replace(plain, floats={"cpu": ("fourth",)}), "cpu")
