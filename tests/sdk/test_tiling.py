"""Tiles that own each pixel once, and counts that do not depend on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtimes import FakeBackend
from sdk import CountOptions, CrowdCounter
from sdk.errors import ConfigError
from sdk.tiling import plan_tiles, spans, windows
from tests.models import tiny_density
from tests.tiny_package import ENGINES, noise_photo
from tests.tolerances import COUNT_RELATIVE, TILED_RELATIVE

multiples = st.sampled_from([8, 16, 32])


@pytest.fixture(scope="module", params=ENGINES)
def counter(request: pytest.FixtureRequest, tiny: Path) -> Iterator[CrowdCounter]:
    with CrowdCounter(tiny, backend=request.param, threads=1) as counter:
        yield counter


@pytest.fixture(scope="module", params=[48, 64, 100, 1000])
def tiled(request: pytest.FixtureRequest, tiny: Path) -> Iterator[CrowdCounter]:
    """48 is the smallest tile: a halo of 16 on both sides of 16; 100 and 1000 are no multiples of 16."""
    with CrowdCounter(tiny, backend="onnxruntime", threads=1, options=CountOptions(tile=request.param)) as counter:
        yield counter


@given(st.data(), multiples)
@settings(deadline=None)
def test_spans_own_each_pixel_once_and_stay_on_the_grid(data: st.DataObject, multiple: int) -> None:
    length = multiple * data.draw(st.integers(1, 400))
    halo = multiple * data.draw(st.integers(0, 20))
    side = data.draw(st.integers(2 * halo + multiple, 6000))

    found = spans(length, side=side, halo=halo, multiple=multiple)

    assert [span.start for span in found] == [0, *(span.stop for span in found[:-1])]
    assert found[-1].stop == length
    for span in found:
        assert not any(edge % multiple for edge in (span.start, span.stop, span.low, span.high))
        assert span.low == max(0, span.start - halo)
        assert span.high == min(length, span.stop + halo)
        assert span.high - span.low <= side


@given(st.integers(1, 40), st.integers(1, 40), st.integers(48, 400))
@settings(deadline=None, max_examples=25)
def test_tiles_own_each_pixel_of_a_frame_once(rows: int, columns: int, side: int) -> None:
    owners = np.zeros((rows * 16, columns * 16), int)

    for tile in plan_tiles(rows * 16, columns * 16, side=side, halo=16, multiple=16):
        owners[tile.rows.start : tile.rows.stop, tile.columns.start : tile.columns.stop] += 1

    assert (owners == 1).all()


@given(st.data(), multiples)
@settings(deadline=None)
def test_windows_own_each_pixel_once_and_never_leave_the_frame(data: st.DataObject, multiple: int) -> None:
    halo = multiple * data.draw(st.integers(0, 20))
    side = 2 * halo + multiple * data.draw(st.integers(1, 40))
    length = side + multiple * data.draw(st.integers(0, 300))

    found = windows(length, side=side, halo=halo)

    assert [window.start for window in found] == [0, *(window.stop for window in found[:-1])]
    assert found[-1].stop == length
    for window in found:
        assert (window.high - window.low, window.low % multiple) == (side, 0)
        assert 0 <= window.low <= window.start < window.stop <= window.high <= length
        assert window.low in (0, min(window.low, window.start - halo))
        assert window.high in (length, max(window.high, window.stop + halo))


def test_a_window_that_its_halos_fill_is_refused_for_a_larger_frame() -> None:
    assert len(windows(320, side=320, halo=160)) == 1
    with pytest.raises(ConfigError, match="tile side is 320 pixels, but this model needs at least 321"):
        windows(336, side=320, halo=160)


def test_a_tile_that_its_halos_fill_is_refused_with_the_least_that_works() -> None:
    with pytest.raises(ConfigError, match=r"tile side is 335 pixels, but this model needs at least 336 .*2048"):
        spans(2000, side=335, halo=160, multiple=16)

    assert len(spans(2000, side=336, halo=160, multiple=16)) == 125


@pytest.mark.parametrize("size", [(48, 64), (49, 65), (100, 333), (331, 97), (160, 16), (1, 300), (1040, 24)])
def test_a_count_in_tiles_is_the_count_of_the_whole_frame(
    tiled: CrowdCounter, tiny: Path, size: tuple[int, int]
) -> None:
    photo = noise_photo(*size)

    with CrowdCounter(tiny, backend="onnxruntime", threads=1) as whole:
        expected = whole.count(photo)
    result = tiled.count(photo)

    assert (expected.tiles, result.tiles > 1) == (1, max(size) > tiled.options.tile)
    assert result.count == pytest.approx(expected.count, rel=TILED_RELATIVE)
    np.testing.assert_allclose(result.density, expected.density, atol=TILED_RELATIVE)


@given(height=st.integers(1, 200), width=st.integers(1, 200), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=25)
def test_both_engines_count_any_frame_as_written_down(
    counter: CrowdCounter, height: int, width: int, seed: int
) -> None:
    photo = noise_photo(height, width, seed)
    padded = np.pad(photo, ((0, -height % 16), (0, -width % 16), (0, 0)), "reflect")

    result = counter.count(photo)

    assert result.density.shape == (-(-height // 8), -(-width // 8))
    expected = tiny_density(padded[None])[0, : -(-height // 8), : -(-width // 8)]
    assert result.count == pytest.approx(float(expected.sum()), rel=COUNT_RELATIVE, abs=COUNT_RELATIVE)


@given(height=st.integers(1, 300), width=st.integers(1, 300), tile=st.integers(48, 200))
@settings(deadline=None, max_examples=25)
def test_padding_never_counts(tiny: Path, height: int, width: int, tile: int) -> None:
    one_per_cell = FakeBackend(
        lambda batch: np.ones((len(batch), batch.shape[1] // 8, batch.shape[2] // 8), np.float32)
    )

    with CrowdCounter(tiny, backend=one_per_cell, options=CountOptions(tile=tile)) as counter:
        assert counter.count(noise_photo(height, width)).count == -(-height // 8) * -(-width // 8)


def test_without_its_halo_a_tile_would_count_differently(tiny: Path) -> None:
    photo = noise_photo(160, 160)

    with CrowdCounter(tiny, backend="onnxruntime", threads=1) as counter:
        whole = counter.count(photo).count
        halves = counter.count(photo[:80]).count + counter.count(photo[80:]).count

    assert abs(halves - whole) > whole * COUNT_RELATIVE
