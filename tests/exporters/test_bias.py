"""Bias correction: what rounding shifts, the corrected biases take back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from exporters.bias import activation_codes, bias_shifts, rounded_weight, with_corrections, with_twins
from exporters.calibration import CalibrationTable
from exporters.quantize import Scheme, int8_model, with_added_biases
from tests.exporters.calibrated import drawn_shots

SHOTS = drawn_shots((30, 200))


def constant(model: onnx.ModelProto, name: str) -> np.ndarray:
    return next(numpy_helper.to_array(tensor) for tensor in model.graph.initializer if tensor.name == name)


def test_every_quantised_convolution_has_a_shift_for_each_channel(
    shipped_master: onnx.ModelProto, shipped_table: CalibrationTable
) -> None:
    shifts = bias_shifts(shipped_master, shipped_table, Scheme(), SHOTS, multiple=16)

    assert len(shifts) == 25
    assert len(shifts["head.1.conv.bias"]) == 64
    assert 0 < np.abs(shifts["head.1.conv.bias"]).max() < 1


def test_a_layer_whose_mean_was_shifted_is_shifted_back(
    shipped_master: onnx.ModelProto, shipped_table: CalibrationTable
) -> None:
    shifts = bias_shifts(shipped_master, shipped_table, Scheme(), SHOTS, multiple=16)
    first = {"frontend.conv1.conv.bias": shifts["frontend.conv1.conv.bias"]}
    twins, biases = with_twins(shipped_master, shipped_table, Scheme())
    moved = with_added_biases(twins, first)  # both the layer and its twin: their difference stays

    assert biases[0] == "frontend.conv1.conv.bias"
    np.testing.assert_allclose(
        constant(moved, biases[0]) - constant(twins, biases[0]), np.float32(first[biases[0]]), atol=1e-6
    )


def test_corrections_go_into_the_table_and_from_it_into_the_model(
    shipped_master: onnx.ModelProto, shipped_table: CalibrationTable
) -> None:
    table = with_corrections(shipped_master, shipped_table, SHOTS[:1], multiple=16)

    corrected, plain = (int8_model(shipped_master, each, "tensorrt") for each in (table, shipped_table))

    assert CalibrationTable.from_json_bytes(table.to_json_bytes()) == table
    assert set(table.corrections) == {"cpu", "tensorrt"}
    assert not np.array_equal(
        constant(corrected, "frontend.conv1.conv.bias"), constant(plain, "frontend.conv1.conv.bias")
    )


def test_a_scheme_can_leave_the_tables_corrections_out(
    shipped_master: onnx.ModelProto, shipped_table: CalibrationTable
) -> None:
    table = replace(shipped_table, corrections={"cpu": {"frontend.conv1.conv.bias": (1.0,) * 64}})

    plain = int8_model(shipped_master, table, "cpu", Scheme())

    assert plain.SerializeToString(deterministic=True) == int8_model(
        shipped_master, shipped_table, "cpu"
    ).SerializeToString(deterministic=True)


def test_codes_hold_zero_exactly_and_span_the_range() -> None:
    scale, zero = activation_codes((-1.0, 3.0), symmetric=False)

    assert (float(scale), int(zero)) == (pytest.approx(4 / 255), 64)
    assert activation_codes((-1.0, 3.0), symmetric=True) == (pytest.approx(3 / 127), 0)


def test_a_rounded_weight_is_near_and_has_255_values_at_most() -> None:
    weight = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)
    rounded = rounded_weight(weight, per_channel=True)

    assert np.abs(rounded - weight).max() <= np.abs(weight).max() / 127 / 2 + 1e-6
    assert len(np.unique(rounded_weight(weight, per_channel=False))) <= 255
