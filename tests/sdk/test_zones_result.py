"""Zones on a counter's results, with a backend that needs no engine."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from runtimes import FakeBackend
from sdk import CountOptions, CountResult, CrowdCounter
from sdk.timing import Stopwatch
from sdk.zones import Zone, Zones
from sdk.zones_cells import Grid
from sdk.zones_count import count_zones
from sdk.zones_picture import draw_zones, printable
from tests.sdk.polygons import FRAME, star, zone
from tests.tolerances import ZONES_RELATIVE

LEFT = ((0.0, 0.0), (0.37, 0.0), (0.37, 1.0), (0.0, 1.0))
RIGHT = ((0.37, 0.0), (1.0, 0.0), (1.0, 1.0), (0.37, 1.0))
HALVES = Zones((Zone("left", LEFT), Zone("right", RIGHT)))


def one_a_cell(batch: np.ndarray) -> np.ndarray:
    n, height, width = batch.shape[:3]
    return np.ones((n, height // 8, width // 8), np.float32)


def counted(height: int, width: int, max_side: int | None = None) -> CountResult:
    with CrowdCounter(backend=FakeBackend(one_a_cell), options=CountOptions(max_side=max_side)) as counter:
        return counter.count(np.full((height, width, 3), 90, np.uint8))


@pytest.mark.parametrize("max_side", [None, 100, 333])
def test_zones_that_tile_the_photo_share_out_the_whole_count_at_any_scale(max_side: int | None) -> None:
    result = counted(301, 457, max_side).with_zones(HALVES)

    assert sum(zone.count for zone in result.zones) == pytest.approx(result.count, rel=ZONES_RELATIVE)
    assert result.to_json()["zones"].keys() == {"left", "right"}


def test_a_cell_on_a_border_is_shared_out_by_its_area() -> None:
    left, right = counted(64, 80).with_zones(HALVES).zones

    assert left.count == pytest.approx(0.37 * 80)
    assert right.count == pytest.approx(0.63 * 80)


def test_what_is_excluded_is_in_neither_the_total_nor_a_zone_nor_the_density() -> None:
    mask = Zone("tree", ((0.0, 0.0), (1.0, 0.0), (1.0, 0.55), (0.0, 0.55)), "exclude")

    result = counted(64, 80).with_zones(Zones((*HALVES.zones, mask)))

    assert result.count == pytest.approx(0.45 * 80)
    assert [zone.count for zone in result.zones] == pytest.approx([0.45 * 0.37 * 80, 0.45 * 0.63 * 80])
    assert result.density[:4].sum() == 0
    assert result.density.sum() == pytest.approx(result.count)


def test_zones_keep_up_with_full_hd_at_30_frames_a_second() -> None:
    grid = Grid(1920, 1080, 8)
    density = np.ones(grid.shape, np.float32)
    zones = Zones(tuple(zone(str(seed), star(seed, 20)) for seed in range(20)))
    count_zones(density, zones, grid)
    watch = Stopwatch()

    for _ in range(30):
        count_zones(density, zones, grid)

    assert watch.seconds() < 0.5  # of one second; measured well below a tenth of this


def test_a_result_without_zones_says_nothing_of_them() -> None:
    assert "zones" not in counted(64, 64).to_json()


def test_a_photo_of_one_pixel_has_zones_too() -> None:
    assert math.isclose(sum(zone.count for zone in counted(1, 1).with_zones(HALVES).zones), 1)


def test_zones_are_drawn_where_they_are() -> None:
    photo = np.full((200, 300, 3), 128, np.uint8)

    picture = draw_zones(photo, Zones((Zone("a", LEFT), Zone("b", ((0.6, 0.5), (1, 0.5), (1, 1)), "exclude"))))

    changed = np.abs(picture.astype(int) - photo).max(2)
    assert picture.shape == photo.shape
    assert (photo == 128).all()
    assert changed[:, :105].min() > 0  # tinted, label included
    assert changed[:90, 120:].max() == 0
    assert changed[110:140, 260:290].min() > 0


def test_a_picture_too_small_for_a_label_is_drawn_all_the_same() -> None:
    assert draw_zones(np.zeros((3, 2, 3), np.uint8), Zones((Zone("a long name", FRAME),))).shape == (3, 2, 3)


def test_names_lose_what_the_font_lacks() -> None:
    assert printable("Süd-Tor 門") == "Sud-Tor ?"
    assert cv2.getTextSize(printable("Süd"), cv2.FONT_HERSHEY_DUPLEX, 1, 1)[0][0] > 0
