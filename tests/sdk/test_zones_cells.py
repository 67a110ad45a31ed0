"""Shares of cells are exact: beside a slow way, and because the parts of a frame add up to it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sdk.errors import InputError
from sdk.zones import Zones
from sdk.zones_cells import Grid, shares, union, without
from sdk.zones_count import count_zones, masked
from sdk.zones_polygon import area, contains, crossing, trapezoids
from tests.sdk.polygons import Points, clipped_area, partitions, star, zone
from tests.tolerances import ZONES_RELATIVE

GRIDS = st.builds(Grid, st.integers(1, 300), st.integers(1, 300), st.sampled_from([1, 3, 4, 8, 16, 32]))
EXACT = 1e-9


def people(grid: Grid, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(grid.shape, np.float32)


@settings(deadline=None)
@given(partitions(), GRIDS)
def test_zones_that_tile_the_frame_add_up_to_the_whole(parts: list[Points], grid: Grid) -> None:
    zones = Zones(tuple(zone(str(i), part) for i, part in enumerate(parts)))
    assume(sum(one.share for one in zones.zones) > 1 - 1e-12)  # slivers were left out

    counts = count_zones(people(grid), zones, grid)

    assert sum(one.count for one in counts) == pytest.approx(people(grid).sum(dtype=float), rel=ZONES_RELATIVE)


@settings(deadline=None, max_examples=60)
@given(partitions(), GRIDS, st.integers(0, 99))
def test_they_do_so_around_masks_too(parts: list[Points], grid: Grid, seed: int) -> None:
    masks = [zone(f"mask {i}", star(seed + i, 7, (0.4 + 0.1 * i, 0.5)), "exclude") for i in range(2)]
    zones = Zones((*(zone(str(i), part) for i, part in enumerate(parts)), *masks))
    assume(sum(one.share for one in zones.counted) > 1 - 1e-12)

    counts = count_zones(people(grid), zones, grid)

    assert sum(one.count for one in counts) == pytest.approx(masked(people(grid), zones, grid).sum(), rel=1e-9)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(3, 25), st.builds(Grid, st.integers(1, 90), st.integers(1, 90), st.just(8)))
def test_the_fast_way_gives_what_the_slow_one_gives(seed: int, corners: int, grid: Grid) -> None:
    polygon = star(seed, corners)
    width, height = grid.cells

    fast = shares(polygon, grid)

    for (row, column), share in np.ndenumerate(fast):
        right, lower = min(column + 1, width), min(row + 1, height)
        slow = clipped_area(polygon * grid.cells, column, row, right, lower) / ((right - column) * (lower - row))
        assert share == pytest.approx(slow, abs=EXACT)


def test_a_share_is_what_many_points_in_the_cell_say() -> None:
    grid = Grid(40, 24, 8)
    polygon = star(3)
    x, y = np.meshgrid((np.arange(500) + 0.5) / 500, (np.arange(300) + 0.5) / 300)

    inside = contains(polygon, np.stack([x.ravel(), y.ravel()], 1)).reshape(300, 500)

    assert shares(polygon, grid) == pytest.approx(inside.reshape(3, 100, 5, 100).mean((1, 3)), abs=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_masks_that_overlap_each_other_and_a_zone_leave_what_many_points_say(seed: int) -> None:
    grid = Grid(40, 24, 8)
    shape, masks = star(seed), [star(seed + 50, 6, (0.4, 0.4)), star(seed + 90, 6, (0.6, 0.5))]
    x, y = np.meshgrid((np.arange(500) + 0.5) / 500, (np.arange(300) + 0.5) / 300)
    points = np.stack([x.ravel(), y.ravel()], 1)

    hidden = union([shares(mask, grid) for mask in masks], masks, grid)
    kept = without(shares(shape, grid), shape, hidden, masks, grid)

    inside = contains(shape, points) & ~contains(masks[0], points) & ~contains(masks[1], points)
    assert kept == pytest.approx(inside.reshape(3, 100, 5, 100).mean((1, 3)), abs=0.01)


def test_trapezoids_hold_the_whole_area_of_a_polygon() -> None:
    polygon = star(5)

    quads = trapezoids([polygon], all, (0.0, 0.0, 1.0, 1.0))

    assert np.abs(area(quads)).sum() == pytest.approx(abs(area(polygon)), rel=EXACT)


@settings(deadline=None)
@given(partitions(), st.lists(st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)), min_size=1))
def test_each_point_is_in_one_of_the_parts_that_tile_the_frame(parts: list[Points], places: list[Points]) -> None:
    assume(sum(zone("a", part).share for part in parts) > 1 - 1e-12)
    corners = [corner for part in parts for corner in part if max(corner) < 1]

    found = sum(contains(np.array(part), np.array([*places, *corners])).astype(int) for part in parts)

    assert found[: len(places)].tolist() == [1] * len(places)


@pytest.mark.parametrize(
    ("points", "sides"),
    [
        ([[0, 0], [1, 1], [1, 0], [0, 1]], (0, 2)),
        ([[0, 0], [1, 0], [1, 1], [0.5, 0], [0, 1]], (0, 2)),  # a corner on a side
        ([[0, 0], [1, 0], [0.5, 0], [0.5, 1]], (0, 1)),  # back along the side it came
        ([[0, 0], [1, 0], [1, 1], [0, 0], [0, 1]], (0, 2)),  # the same corner twice
    ],
)
def test_sides_that_meet_are_found(points: list[list[float]], sides: tuple[int, int]) -> None:
    assert crossing(np.array(points, float)) == sides


@pytest.mark.parametrize("seed", range(20))
def test_a_star_crosses_itself_nowhere(seed: int) -> None:
    assert crossing(star(seed, 30)) is None


def test_a_density_of_another_frame_is_refused() -> None:
    with pytest.raises(InputError, match=r"density has shape \(2, 2\); a frame of 80 x 40 pixels of stride 8 has"):
        Grid(80, 40, 8).check(np.zeros((2, 2), np.float32))
