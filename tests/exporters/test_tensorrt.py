"""TensorRT sources: typed as they compute, the same each time, and counting like the master."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from exporters.calibration import CalibrationTable
from exporters.lint import lint_model
from exporters.parity import LIMITS, Case, scene_batches
from exporters.sessions import open_session
from exporters.tensorrt import PRECISIONS, cast_first, tensorrt_source
from sdk.errors import CalibrationError, ExportError
from tests.models import tiny_onnx
from tests.tolerances import EXACT, INT8_RELATIVE

BATCHES = scene_batches(16)


@pytest.fixture(scope="module")
def sources(shipped_master: onnx.ModelProto, shipped_table: CalibrationTable) -> dict[str, onnx.ModelProto]:
    return {precision: tensorrt_source(shipped_master, precision, shipped_table) for precision in PRECISIONS}


def answers(model: onnx.ModelProto) -> list[tuple[np.ndarray, np.ndarray]]:
    """Density and count of each batch, node by node as the file says."""
    session = open_session(model, optimise=False)
    return [tuple(session.run(["density", "count"], {"image": batch})) for batch in BATCHES]


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_source_counts_drawn_scenes_like_its_master(
    shipped_master: onnx.ModelProto, sources: dict[str, onnx.ModelProto], precision: str
) -> None:
    for (density, count), (whole, people) in zip(answers(sources[precision]), answers(shipped_master), strict=True):
        case = Case(density.shape, tuple(people), tuple(count), float(np.abs(density - whole).max()))
        assert case.within(LIMITS[precision])


def test_an_int8_source_counts_nearly_like_its_master(
    shipped_master: onnx.ModelProto, sources: dict[str, onnx.ModelProto]
) -> None:
    from tests.exporters.calibrated import drawn_shots

    photos = [shot.load()[None] for shot in drawn_shots((40, 120, 250), seed=90)]
    made, whole = (
        sum(float(open_session(model, optimise=False).run(["count"], {"image": photo})[0][0]) for photo in photos)
        for model in (sources["int8"], shipped_master)
    )

    assert made == pytest.approx(whole, rel=INT8_RELATIVE)


def test_outputs_are_fp32_and_count_is_their_sum(sources: dict[str, onnx.ModelProto]) -> None:
    for source in sources.values():
        for density, count in answers(source):
            assert (density.dtype, count.dtype) == (np.float32, np.float32)
            assert count == pytest.approx(density.sum(axis=(1, 2), dtype=np.float64), rel=EXACT)


def test_the_count_of_a_dense_crowd_is_not_rounded_to_what_fp16_holds(sources: dict[str, onnx.ModelProto]) -> None:
    session = open_session(sources["fp16"], optimise=False)
    noise = np.random.default_rng(0).integers(0, 256, (1, 544, 960, 3), np.uint8)
    density, count = session.run(["density", "count"], {"image": noise})

    assert count[0] == pytest.approx(float(density.sum(dtype=np.float64)), rel=EXACT)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_source_is_the_same_bytes_each_time(
    shipped_master: onnx.ModelProto, shipped_table: CalibrationTable, precision: str
) -> None:
    one, two = (tensorrt_source(shipped_master, precision, shipped_table) for _ in range(2))

    assert one.SerializeToString(deterministic=True) == two.SerializeToString(deterministic=True)


def test_weights_are_of_the_precision_all_but_the_heads(sources: dict[str, onnx.ModelProto]) -> None:
    def kinds(source: onnx.ModelProto) -> Counter[int]:
        return Counter(tensor.data_type for tensor in source.graph.initializer if len(tensor.dims) == 4)

    normalisation_and_head = {TensorProto.FLOAT: 3}
    assert kinds(sources["fp16"]) == {TensorProto.FLOAT16: 25, **normalisation_and_head}
    assert kinds(sources["int8"]) == {TensorProto.INT8: 25, **normalisation_and_head}


def test_the_master_is_left_as_it_was(shipped_master: onnx.ModelProto) -> None:
    before = shipped_master.SerializeToString(deterministic=True)
    tensorrt_source(shipped_master, "fp16")

    assert shipped_master.SerializeToString(deterministic=True) == before
    assert [finding.code for finding in lint_model(shipped_master, "tensorrt")] == ["L110"]


def test_a_model_that_casts_first_stays_as_it_is() -> None:
    model = onnx.load_model_from_string(tiny_onnx())

    assert cast_first(model) == model


def test_bytes_that_go_into_another_operator_are_told() -> None:
    model = onnx.load_model_from_string(tiny_onnx())
    model.graph.node[0].input[0] = "turned"
    model.graph.node.insert(0, helper.make_node("Transpose", ["image"], ["turned"], perm=[0, 1, 2, 3]))
    model.graph.node.insert(1, helper.make_node("Transpose", ["turned"], ["unused"], perm=[0, 1, 2, 3]))

    with pytest.raises(ExportError, match="L110 Transpose turned: takes the photo's bytes"):
        tensorrt_source(model, "fp32")


def test_int8_without_a_table_and_an_unknown_precision_are_refused(shipped_master: onnx.ModelProto) -> None:
    with pytest.raises(CalibrationError, match="needs a calibration table, and none is given"):
        tensorrt_source(shipped_master, "int8")
    with pytest.raises(ExportError, match="unknown precision 'fp8'"):
        tensorrt_source(shipped_master, "fp8")
