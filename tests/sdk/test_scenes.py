"""Drawn scenes: exact points, the same photo for the same seed, empty streets, refused requests."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from sdk.errors import ConfigError
from sdk.scenes import Scene, SceneStyle, draw_empty, draw_scene, save_scenes
from sdk.scenes.style import BACKGROUNDS, LIGHTS

SMALL = {"width": 256, "height": 192}


@pytest.fixture(scope="module")
def scene() -> Scene:
    return draw_scene(7, people=25, **SMALL)


def test_a_scene_is_a_photo_and_its_heads(scene: Scene) -> None:
    assert scene.photo.shape == (192, 256, 3)
    assert scene.photo.dtype == np.uint8
    assert scene.points.shape == (25, 2)
    assert scene.points.dtype == np.float32


def test_the_same_seed_gives_the_same_bytes(scene: Scene) -> None:
    again = draw_scene(7, people=25, **SMALL)

    assert again.photo.tobytes() == scene.photo.tobytes()
    assert again.points.tobytes() == scene.points.tobytes()


def test_another_seed_gives_another_scene(scene: Scene) -> None:
    other = draw_scene(8, people=25, **SMALL)

    assert not np.array_equal(other.photo, scene.photo)
    assert not np.array_equal(other.points, scene.points)


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("light", LIGHTS)
def test_every_background_and_light_places_everybody_in_the_photo(background: str, light: str) -> None:
    scene = draw_scene(1, people=12, style=SceneStyle(background=background, light=light), **SMALL)

    assert len(scene.points) == 12
    assert (scene.points >= 0).all()
    assert (scene.points < (256, 192)).all()
    assert 15 < scene.photo.mean() < 235
    assert scene.photo.std() > 10


@pytest.mark.parametrize("people", [0, 1, 700])
def test_exactly_the_number_asked_for_is_placed(people: int) -> None:
    assert draw_scene(2, people=people, **SMALL).points.shape == (people, 2)


@pytest.mark.parametrize("view", [20.0, 90.0])
@pytest.mark.parametrize(("tilt", "altitude"), [(0.0, 2.4), (0.0, 40.0), (60.0, 40.0), (60.0, 15.0)])
def test_the_most_unusual_cameras_see_everybody(tilt: float, altitude: float, view: float) -> None:
    style = SceneStyle(camera_height=(altitude, altitude), tilt=(tilt, tilt), view=(view, view))

    scene = draw_scene(3, people=10, width=96, height=96, style=style)

    assert ((scene.points >= 0) & (scene.points < 96)).all()
    assert len(scene.points) == 10


def test_nobody_stands_in_an_empty_scene(scene: Scene) -> None:
    empty = draw_empty(7, **SMALL)

    assert empty.points.shape == (0, 2)
    assert np.array_equal(empty.photo, draw_scene(7, people=0, **SMALL).photo)


def test_a_head_is_drawn_at_each_point(scene: Scene) -> None:
    change = np.abs(scene.photo.astype(int) - draw_empty(7, **SMALL).photo).sum(2)

    around = cv2.dilate(change.astype(np.float32), np.ones((3, 3)))
    x, y = scene.points.astype(int).T

    assert (around[y, x] > 25).all()
    assert np.median(change) < 25


def test_nearer_people_are_larger() -> None:
    style = SceneStyle(background="plaza", light="overcast", camera_height=(5, 5), tilt=(12, 12))
    heights = [
        _height_of_change(draw_scene(seed, people=1, style=style, **SMALL), draw_empty(seed, style=style, **SMALL))
        for seed in range(12)
    ]

    rows, tall = np.array(sorted(heights)).T

    assert np.corrcoef(rows, tall)[0, 1] > 0.8


def _height_of_change(scene: Scene, empty: Scene) -> tuple[float, float]:
    """The head's y, and how far below it the person's picture reaches along the column, pixels."""
    x, y = scene.points[0].astype(int)
    column = np.abs(scene.photo.astype(int) - empty.photo)[y:, max(x - 2, 0) : x + 3].sum(2).max(1) > 60
    return float(y), float(column.sum()) if y + column.sum() < 185 else float(192 - y)


def test_heads_do_not_cover_each_other() -> None:
    points = draw_scene(4, people=150, width=512, height=384).points

    apart = np.linalg.norm(points[:, None] - points[None], axis=-1)[~np.eye(150, dtype=bool)]

    assert apart.min() > 1.5


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"seed": -1}, "seed -1 is negative"),
        ({"seed": 0, "width": 50}, "width 50 is outside 96 to 4096"),
        ({"seed": 0, "height": 5000}, "height 5000 is outside 96 to 4096"),
        ({"seed": 0, "people": -2}, "people -2 is outside 0 to 5000"),
    ],
)
def test_a_request_that_cannot_be_drawn_is_refused(request_: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        draw_scene(request_.pop("seed"), **request_)


def test_an_unknown_background_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"unknown background 'beach'.*known: any, plaza, street, stop, park"):
        SceneStyle(background="beach")


@pytest.mark.parametrize("tilt", [(30.0, 20.0), (-1.0, 5.0), (10.0, 80.0)])
def test_a_range_out_of_its_limits_is_refused(tilt: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match=r"tilt .* is not a range .* within 0 to 60"):
        SceneStyle(tilt=tilt)


def test_a_camera_that_looks_down_on_one_spot_is_refused() -> None:
    style = SceneStyle(camera_height=(2.4, 2.4), tilt=(60.0, 60.0))

    with pytest.raises(
        ConfigError, match=r"2.4 m high and tilted 60 degrees sees heads only nearer than .*raise camera_height"
    ):
        draw_scene(0, style=style)


def test_saved_scenes_are_photos_and_one_table_of_points(tmp_path: Path, scene: Scene) -> None:
    save_scenes(tmp_path, [scene, draw_empty(7, **SMALL)], names=["full", "empty"])

    lines = (tmp_path / "points.csv").read_text("utf-8").splitlines()
    assert lines[0] == "photo,x,y"
    assert [line.split(",")[0] for line in lines[1:]] == ["full.jpg"] * 25 + ["empty.jpg"]
    assert lines[-1] == "empty.jpg,,"
    assert cv2.imread(str(tmp_path / "full.jpg")).shape == (192, 256, 3)


def test_scenes_need_as_many_names_as_there_are_scenes(tmp_path: Path, scene: Scene) -> None:
    with pytest.raises(ConfigError, match="1 names for 2 scenes"):
        save_scenes(tmp_path, [scene, scene], names=["one"])


def test_the_sample_photos_have_the_counts_and_points_that_stand_beside_them() -> None:
    photos = Path(__file__).parents[2] / "samples" / "photos"
    counts = json.loads((photos / "counts.json").read_text("utf-8"))
    rows = [line.split(",")[0] for line in (photos / "points.csv").read_text("utf-8").splitlines()[1:]]

    assert {name: rows.count(name) for name in counts} == counts
    assert all(cv2.imread(str(photos / name)).shape == (768, 1152, 3) for name in counts)
