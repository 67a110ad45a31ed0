"""Sizes and limits of an engine."""

from __future__ import annotations

import pytest

from exporters.lint_finding import check_profiles
from runtimes.errors import ConfigError
from runtimes.tensorrt_options import (
    DEFAULT_BUCKETS,
    INPUT,
    LARGEST,
    OUTPUTS,
    Bucket,
    EngineOptions,
    Profile,
    choose_profile,
    default_options,
    parse_bucket,
    sizes_of,
)


def test_a_size_becomes_a_profile_of_that_size_and_of_batches_up_to_one() -> None:
    size = (1, 576, 864, 3)

    assert parse_bucket("576x864", 4).profile == Profile(size, size, (4, 576, 864, 3))


def test_a_range_is_tuned_for_its_greatest() -> None:
    bucket = parse_bucket("64x96:576x864")

    assert bucket.profile == Profile((1, 64, 96, 3), (1, 576, 864, 3), (1, 576, 864, 3))
    assert bucket.name == "64x96:576x864"


@pytest.mark.parametrize("multiple", [8, 16, 32, 48])
def test_the_default_engine_takes_every_size_up_to_a_tile(multiple: int) -> None:
    profiles = [bucket.profile for bucket in default_options(multiple).buckets]
    largest = LARGEST // multiple * multiple

    check_profiles(profiles, multiple)
    assert [bucket.name for bucket in DEFAULT_BUCKETS] == ["576x864", "768x1024", "1088x1920"]
    for height, width in ((multiple, multiple), (multiple, largest), (largest, largest)):
        assert choose_profile(profiles, height, width) == 3
    assert choose_profile(profiles, largest + multiple, multiple) is None


@pytest.mark.parametrize(
    ("size", "at"), [((576, 864), 0), ((768, 1024), 1), ((1088, 1920), 2), ((864, 576), 3), ((16, 16), 3)]
)
def test_a_photo_goes_to_the_profile_that_was_made_for_it(size: tuple[int, int], at: int) -> None:
    assert choose_profile([bucket.profile for bucket in default_options(16).buckets], *size) == at


def test_a_photo_that_no_profile_holds_goes_to_none() -> None:
    exact = Bucket((64, 96), (64, 96)).profile
    of_several_only = Profile((2, 64, 64, 3), (2, 64, 64, 3), (4, 64, 64, 3))

    assert choose_profile([exact], 64, 80) is None
    assert choose_profile([exact], 64, 112) is None
    assert choose_profile([of_several_only], 64, 64) is None
    assert choose_profile([], 64, 96) is None


def test_sizes_are_told_as_they_are_named() -> None:
    assert sizes_of([parse_bucket("64x96").profile, parse_bucket("64x64:128x96", 3).profile]) == "64x96, 64x64:128x96"


def test_the_names_of_input_and_outputs_are_the_masters() -> None:
    from exporters import onnx

    assert (INPUT, OUTPUTS) == (onnx.INPUT, onnx.OUTPUTS)


@pytest.mark.parametrize("text", ["", "576", "576x", "576x864x3", "1x1:2x2:3x3", "axb"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=f"size '{text}' is not the size of a photo.*write HEIGHTxWIDTH"):
        parse_bucket(text)


def test_sizes_that_the_model_cannot_take_are_refused() -> None:
    with pytest.raises(ConfigError, match="profile 0 is not for this model: 1 x 1080 x 1920 x 3, expected sides that"):
        check_profiles([parse_bucket("1080x1920").profile], 16)
    with pytest.raises(ConfigError, match="profiles is not for this model: there are none"):
        check_profiles([], 16)


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
