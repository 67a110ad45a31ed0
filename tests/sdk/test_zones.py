"""Files of zones: what is written is read again, and what is wrong is said in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sdk.errors import ConfigError
from sdk.ground import Ground
from sdk.zones import MOST_POINTS, Zone, Zones
from tests.sdk.polygons import FRAME, collection, feature, star

HALF = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]
PITCH = {"points": [[0.4, 0.5], [0.6, 0.5], [1, 1], [0, 1]], "metres": [[0, 10], [10, 10], [10, 0], [0, 0]]}


@pytest.mark.parametrize("name", ["zones.yaml", "zones.yml", "zones.json", "zones.geojson"])
def test_what_is_written_is_read_again(tmp_path: Path, name: str) -> None:
    ground = Ground(((0.2, 0.5), (0.8, 0.5), (1.0, 1.0), (0.0, 1.0)), ((0, 10), (10, 10), (10, 0), (0, 0)))
    low = ((0.1, 0.6), (0.9, 0.6), (0.5, 0.9))
    zones = Zones((Zone("Süd-Tor", low, ground=ground), Zone("sky", FRAME, "exclude")))

    zones.write(tmp_path / name)

    assert Zones.read(tmp_path / name) == zones


def test_a_ring_may_be_open_or_closed() -> None:
    open_ring, closed = collection(feature(points=HALF)), collection(feature(points=[*HALF, HALF[0]]))

    assert Zones.from_json(open_ring) == Zones.from_json(closed)


def changed(**properties: Any) -> dict[str, object]:
    return collection(feature(**properties))


def shaped(*points: tuple[float, float]) -> dict[str, object]:
    return collection(feature(points=points))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (changed(knid="count"), r"unknown setting features\[0\].properties.knid \(did you mean .*kind\?\)"),
        ({**changed(), "type": "Feature"}, "setting type is 'Feature', expected 'FeatureCollection'"),
        (collection({**feature(), "type": "Zone"}), r"features\[0\].type is 'Zone', expected 'Feature'"),
        (collection({**feature(), "geometry": {"type": "Point", "coordinates": []}}), "expected 'Polygon'"),
        (collection({**feature(), "geometry": {"type": "Polygon", "coordinates": []}}), "has 0 rings, expected one"),
        (collection(), "0 zones, expected 1 to 200"),
        (collection(feature("a"), feature("b"), feature("a")), "2 zones are called 'a'"),
        (changed(name=" "), "a zone's name is ' '"),
        (changed(name="a\nb"), "a zone's name is 'a"),
        (changed(name="x" * 65), "expected 1 to 64 characters"),
        (changed(kind="mask"), "zone 'gate' is of kind 'mask'.*known: count, exclude"),
        (changed(ground=3), "zone 'gate': ground is 3, expected a mapping"),
        (changed(ground={**PITCH, "meters": 1}), r"zone 'gate': unknown setting ground.meters \(did you mean"),
        (changed(ground=PITCH), "zone 'gate' reaches the horizon"),
        (shaped((0, 0), (1, 1)), "zone 'gate' has 2 points, expected 3"),
        (collection(feature(points=star(1, MOST_POINTS + 1))), "has 501 points"),
        (shaped((0, 0), (1.2, 0), (1, 1)), r"leaves the frame: point 2 at \(1.2, 0\)"),
        (shaped((0, 0), (float("nan"), 0), (1, 1)), r"leaves the frame: point 2 at \(nan, 0\)"),
        (shaped((0, 0), (1, 0), (1, 0), (1, 1)), "has point 2 twice in a row"),
        (shaped((0, 0), (0.5, 0.5), (1, 1)), "has no area: its points lie on one line"),
        (shaped((0, 0), (1, 0), (0.5, 1e-7)), "has no area to speak of"),
        (shaped((0, 0), (1, 1), (1, 0), (0, 1)), "crosses itself: sides 1-2 and 3-4 meet"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(data: dict[str, Any], said: str, tmp_path: Path) -> None:
    (tmp_path / "zones.json").write_text(json.dumps(data))

    with pytest.raises(ConfigError, match=said) as caught:
        Zones.read(tmp_path / "zones.json")

    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "zones.json"))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("z.json", "{", "z.json cannot be read as JSON"),
        ("z.json", "[]", "z.json holds list, expected an object"),
        ("z.json", '{"type": 1, "type": 2}', "key 'type' is given twice"),
        ("z.yaml", "- 1", "z.yaml holds a list"),
        ("z.toml", "", "ends with '.toml'.*choose .yaml"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(ConfigError, match=said):
        Zones.read(tmp_path / name)


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"cannot read none.json: No such file"):
        Zones.read("none.json")


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot write zones to .*No such file"):
        Zones((Zone("a", FRAME),)).write(tmp_path / "none" / "z.yaml")
