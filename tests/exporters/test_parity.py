"""Variants beside the model they were made from."""

from __future__ import annotations

import numpy as np
import pytest

from exporters.build import Built, parity_json
from exporters.parity import LIMITS, Case, compare, scene_batches
from exporters.source import torch_reference
from runtimes import Output
from sdk.errors import ExportError
from sdk.variants import planned_variant
from tests.students import student


def files_of(built: Built, variant: str) -> dict[str, bytes]:
    entry = built.manifest.variant(variant)
    return {file.basename: built.files[file.path] for file in entry.files}


def test_every_variant_of_the_student_answers_like_torch(built: Built) -> None:
    assert [(parity.variant, parity.passed) for parity in built.parities] == [
        ("onnx-fp32", True),
        ("openvino-fp32", True),
        ("openvino-fp16", True),
        ("tensorrt-fp32", True),
        ("tensorrt-fp16", True),
    ]


def test_several_sizes_and_a_batch_of_two_are_compared(built: Built) -> None:
    shapes = {case.shape for parity in built.parities for case in parity.cases}

    assert len({shape[1:3] for shape in shapes}) == 4
    assert {shape[0] for shape in shapes} == {1, 2}


def test_the_crowded_scenes_are_counted_at_all(built: Built) -> None:
    assert min(min(case.expected) for case in built.parities[0].cases) > 1


@pytest.mark.parametrize("multiple", [8, 16, 48])
def test_scenes_fit_the_models_multiple(multiple: int) -> None:
    sides = [side for batch in scene_batches(multiple) for side in batch.shape[1:3]]

    assert not any(side % multiple for side in sides)


@pytest.mark.parametrize("variant", ["onnx-fp32", "openvino-fp16"])
def test_a_model_that_answers_differently_is_refused_by_name_size_and_values(built: Built, variant: str) -> None:
    honest = torch_reference(student())
    batch = np.full((1, 32, 48, 3), 90, np.uint8)

    def doubled(batch: np.ndarray) -> Output:
        answer = honest(batch)
        return Output(2 * answer.density, 2 * answer.count)

    planned = planned_variant(built.manifest, built.manifest.variant(variant))
    with pytest.raises(
        ExportError, match=rf"variant {variant} does not answer like the model: on 1 .* 48 x 32 it counts"
    ):
        compare(planned, files_of(built, variant), doubled, [batch])


@pytest.mark.parametrize(
    ("precision", "counted", "density", "within"),
    [
        ("fp32", 100.0, 0.0, True),
        ("fp32", 100.02, 0.0, False),
        ("fp32", 100.0, 2e-4, False),
        ("fp16", 100.2, 1e-3, True),
        ("fp16", 100.3, 1e-3, False),
        ("fp16", float("nan"), 0.0, False),
        ("fp16", 100.0, float("nan"), False),
    ],
)
def test_limits_hold_for_counts_and_cells(precision: str, counted: float, density: float, within: bool) -> None:
    case = Case((1, 16, 16, 3), (100.0,), (counted,), density)

    assert case.within(LIMITS[precision]) == within


def test_an_empty_scene_may_be_off_by_a_part_of_a_person() -> None:
    assert Case((1, 16, 16, 3), (0.0,), (0.04,), 0.0).within(LIMITS["fp16"])
    assert not Case((1, 16, 16, 3), (0.0,), (0.06,), 0.0).within(LIMITS["fp16"])


def test_the_report_says_beside_what_and_how_far(built: Built) -> None:
    report = parity_json("torch", built.parities).decode()

    assert '"reference": "torch"' in report
    assert '"max_relative_count_error"' in report
