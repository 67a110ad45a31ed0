"""Square metres and levels of service, beside a camera whose geometry is known."""

from __future__ import annotations

import numpy as np
import pytest

from sdk.errors import ConfigError
from sdk.ground import Ground, fruin_level, homography
from sdk.scenes.camera import Camera
from sdk.zones import Zone, Zones
from sdk.zones_cells import Grid
from sdk.zones_count import count_zones
from tests.sdk.polygons import star
from tests.tolerances import EXACT

CAMERA = Camera(width=1000, height=1000, altitude=5.0, tilt=0.2, focal=1200.0)


def seen(metres: np.ndarray) -> np.ndarray:
    """Where the camera sees places (n, 2) on the ground, x sideways and y ahead of it in metres: 0..1 of its picture."""
    return CAMERA.project(np.insert(metres, 1, 0.0, axis=1))[:, :2] / (CAMERA.width, CAMERA.height)


PITCH = np.array([[-3.0, 12.0], [3.0, 12.0], [3.0, 9.0], [-3.0, 9.0]])


def ground(**options: object) -> Ground:
    return Ground(pairs(seen(PITCH)), pairs(PITCH), **options)  # type: ignore[arg-type]


def pairs(points: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(point) for point in points.tolist())


def test_places_far_from_the_four_points_are_found_on_the_ground() -> None:
    places = np.array([[0.0, 30.0], [-4.0, 20.0], [2.5, 8.6]])

    assert ground().to_metres(seen(places)) == pytest.approx(places, rel=EXACT)


def test_the_area_of_a_polygon_is_that_of_its_corners_on_the_ground() -> None:
    corners = np.array([[-2.0, 25.0], [3.0, 18.0], [2.0, 9.0], [0.0, 14.0], [-3.0, 10.0]])
    x, y = corners.T
    true = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2

    assert ground().area(seen(corners)[None]) == pytest.approx(true, rel=EXACT)


def test_points_in_pixels_are_those_of_a_picture_of_that_size() -> None:
    in_pixels = Ground(pairs(seen(PITCH) * (1920, 1080)), pairs(PITCH), (1920, 1080))

    assert in_pixels.matrix / in_pixels.matrix[2, 2] == pytest.approx(ground().matrix / ground().matrix[2, 2])


def test_the_homography_maps_the_four_points_onto_the_others() -> None:
    source, target = star(1, 4), 100 + 30 * star(2, 4)

    mapped = np.c_[source, np.ones(4)] @ homography(source, target).T

    assert mapped[:, :2] / mapped[:, 2:] == pytest.approx(target, rel=EXACT)


def test_a_zone_tells_people_per_square_metre_of_what_is_not_excluded() -> None:
    rectangle = ((0.3, 0.75), (0.7, 0.75), (0.7, 0.95), (0.3, 0.95))
    left = ((0.0, 0.75), (0.5, 0.75), (0.5, 0.95), (0.0, 0.95))
    grid = Grid(80, 80, 8)
    density = np.ones(grid.shape, np.float32)

    (whole,) = count_zones(density, Zones((Zone("a", rectangle, ground=ground()),)), grid)
    masked = Zones((Zone("a", rectangle, ground=ground()), Zone("m", left, "exclude")))
    (half,) = count_zones(density, masked, grid)

    assert half.square_metres == pytest.approx(whole.square_metres / 2)  # type: ignore[operator]
    assert half.per_square_metre == pytest.approx(whole.per_square_metre)
    assert whole.per_square_metre == pytest.approx(whole.count / whole.square_metres)  # type: ignore[operator]
    assert whole.level in "ABCDEF"


def test_a_zone_that_is_wholly_excluded_has_no_density() -> None:
    low = ((0.3, 0.75), (0.7, 0.75), (0.7, 0.95), (0.3, 0.95))
    zones = Zones((Zone("a", low, ground=ground()), Zone("m", low, "exclude")))

    (count,) = count_zones(np.ones((10, 10), np.float32), zones, Grid(80, 80, 8))

    assert (count.count, count.per_square_metre, count.to_json()) == (0, None, {"count": 0})


def test_cells_above_the_horizon_have_no_density_and_the_others_the_people_of_their_area() -> None:
    grid = Grid(80, 80, 8)

    per_metre = ground().per_square_metre(np.ones(grid.shape, np.float32), grid)

    assert (per_metre[:3] == 0).all()
    corners = np.array([[0.5, 0.8], [0.6, 0.8], [0.6, 0.9], [0.5, 0.9]])
    assert per_metre[8, 5] == pytest.approx(1 / ground().area(corners[None]))


@pytest.mark.parametrize(
    ("square_feet", "walking", "standing"),
    [(40, "A", "A"), (30, "B", "A"), (20, "C", "A"), (12, "D", "B"), (8, "E", "C"), (4, "F", "D"), (2.5, "F", "E"),
     (1.9, "F", "F")],
)  # fmt: skip
def test_levels_are_those_of_fruins_tables(square_feet: float, walking: str, standing: str) -> None:
    per_metre = 1 / (square_feet * 0.09290304)

    assert fruin_level(per_metre, "walking") == ground(motion="walking").level(per_metre) == walking
    assert fruin_level(per_metre, "standing") == ground().level(per_metre) == standing


def test_nobody_is_level_a() -> None:
    assert fruin_level(0.0, "standing") == "A"


SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


@pytest.mark.parametrize(
    ("points", "metres", "options", "said"),
    [
        (((0, 0), (0.5, 0.5), (1, 1), (0.2, 0.2)), SQUARE, {}, r"ground points 1, 2, 3 lie on one line: \(0, 0\)"),
        (SQUARE, ((0, 0), (5, 0), (10, 0), (0, 5)), {}, "ground metres 1, 2, 3 lie on one line"),
        (SQUARE[:3], SQUARE, {}, "ground points are .*, expected four points x, y"),
        (SQUARE, (*SQUARE[:3], (1.0,)), {}, "ground metres are .*, expected four points x, y"),
        (SQUARE, (*SQUARE[:3], (1.0, float("inf"))), {}, "expected finite numbers"),
        (SQUARE, (SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3]), {}, "go round in another order"),
        (((0, 0), (640, 0), (640, 480), (0, 480)), SQUARE, {}, r"are not 0..1 of the picture \(for pixels, add size"),
        (SQUARE, SQUARE, {"size": (0, 1)}, r"ground size is \[0, 1\]"),
        (SQUARE, SQUARE, {"motion": "sitting"}, "ground motion is 'sitting'.*walking, standing"),
    ],
)
def test_ground_points_that_cannot_be_used_are_refused(points: tuple, metres: tuple, options: dict, said: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ConfigError, match=said):
        Ground(points, metres, **options)


def test_another_motion_is_refused() -> None:
    with pytest.raises(ConfigError, match="motion is 'running'"):
        fruin_level(1.0, "running")


def test_the_sky_has_no_place_on_the_ground() -> None:
    with pytest.raises(ConfigError, match="reaches the horizon"):
        ground().to_metres(np.array([[0.5, 0.1]]))
