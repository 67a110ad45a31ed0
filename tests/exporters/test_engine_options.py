"""Sizes and limits of an engine."""

from __future__ import annotations

import pytest

from exporters.engine_options import DEFAULT_BUCKETS, INPUT, OUTPUTS, Bucket, EngineOptions, parse_bucket
from exporters.lint_finding import Profile
from sdk.errors import ConfigError


def test_a_size_becomes_a_profile_of_that_size_and_of_batches_up_to_one() -> None:
    size = (1, 576, 864, 3)

    assert parse_bucket("576x864", 4).profile == Profile(size, size, (4, 576, 864, 3))


def test_a_range_is_tuned_for_its_greatest() -> None:
    bucket = parse_bucket("64x96:576x864")

    assert bucket.profile == Profile((1, 64, 96, 3), (1, 576, 864, 3), (1, 576, 864, 3))
    assert bucket.name == "64x96:576x864"
    assert [bucket.holds(shape) for shape in ((1, 64, 96, 3), (1, 560, 800, 3), (2, 64, 96, 3), (1, 64, 80, 3))] == [
        True,
        True,
        False,
        False,
    ]


def test_the_default_sizes_fit_the_shipped_model() -> None:
    EngineOptions().check(16)
    assert [bucket.name for bucket in DEFAULT_BUCKETS] == ["576x864", "768x1024", "1088x1920"]


def test_the_names_of_input_and_outputs_are_the_masters() -> None:
    from exporters import onnx

    assert (INPUT, OUTPUTS) == (onnx.INPUT, onnx.OUTPUTS)


@pytest.mark.parametrize("text", ["", "576", "576x", "576x864x3", "1x1:2x2:3x3", "axb"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=f"size '{text}' is not the size of a photo.*write HEIGHTxWIDTH"):
        parse_bucket(text)


def test_sizes_that_the_model_cannot_take_are_refused() -> None:
    with pytest.raises(ConfigError, match="profile 0 is not for this model: 1 x 1080 x 1920 x 3, expected sides that"):
        EngineOptions((parse_bucket("1080x1920"),)).check(16)
    with pytest.raises(ConfigError, match="profiles is not for this model: there are none"):
        EngineOptions(()).check(16)


def test_limits_below_one_are_refused() -> None:
    with pytest.raises(ConfigError, match="batch 0 of an engine is less than 1 photo"):
        Bucket((64, 64), (64, 64), 0)
    with pytest.raises(ConfigError, match="workspace 0 MiB is less than 1"):
        EngineOptions(workspace_mib=0)


def test_a_dla_core_takes_one_photo_of_one_size() -> None:
    assert EngineOptions((parse_bucket("576x864"),), dla_core=0).dla_core == 0
    with pytest.raises(ConfigError, match="a DLA core runs one photo of one size, and 3 sizes"):
        EngineOptions(dla_core=0)
    with pytest.raises(ConfigError, match="a DLA core runs one photo of one size"):
        EngineOptions((parse_bucket("576x864", 2),), dla_core=0)
    with pytest.raises(ConfigError, match="a DLA core runs one size only, and a range of sizes is asked for"):
        EngineOptions((parse_bucket("64x64:576x864"),), dla_core=0)
