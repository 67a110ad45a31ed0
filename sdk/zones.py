"""Zones: named parts of a camera's picture, kept in a file, counted one by one.

A file is a GeoJSON-like FeatureCollection of Polygons, as YAML or JSON; coordinates are 0..1 of the upright photo's
width and height, so that they hold for every size of the same view. Reading is strict.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sdk.config import parse, read_yaml, to_plain
from sdk.errors import ConfigError
from sdk.ground import Ground, Points
from sdk.zones_polygon import Polygon, area, crossing, on_one_line, trapezoids

if TYPE_CHECKING:
    from typing_extensions import Self

KINDS = ("count", "exclude")
SUFFIXES = (".yaml", ".yml", ".json", ".geojson")
MOST_POINTS = 500  # of one polygon
MOST_ZONES = 200
LONGEST_NAME = 64  # characters
SMALLEST = 1e-6  # of the picture's area: 2 pixels of a full HD frame
WHOLE = (0.0, 0.0, 1.0, 1.0)  # left, top, right, lower


@dataclass(frozen=True)
class Zone:
    """A named polygon of the picture."""

    name: str
    points: Points  # corners x, y: 0..1 of the picture's width and height
    kind: str = "count"  # count: people in it are told; exclude: people in it are left out of everything
    ground: Ground | None = None  # for people per square metre

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.name.isprintable() or len(self.name) > LONGEST_NAME:
            raise ConfigError(
                f"a zone's name is {self.name[:80]!r}, expected 1 to {LONGEST_NAME} characters that can be printed"
            )
        if self.kind not in KINDS:
            raise self._refused(f"is of kind {self.kind!r}", f"known: {', '.join(KINDS)}")
        self._check_points()
        self._check_shape()
        if self.ground is not None:
            try:
                self.ground.to_metres(self.polygon)
            except ConfigError as error:
                raise self._refused(error.message, error.hint) from error

    @cached_property
    def polygon(self) -> Polygon:
        """(n, 2) float64 corners, 0..1."""
        return np.array(self.points, np.float64)

    @property
    def share(self) -> float:
        """Of the picture's area, 0..1."""
        return abs(float(area(self.polygon)))

    def _check_points(self) -> None:
        if not 3 <= len(self.points) <= MOST_POINTS:
            raise self._refused(f"has {_amount(self.points)}, expected 3 to {MOST_POINTS}", "draw its corners")
        for number, point in enumerate(self.points, 1):
            if len(point) != 2 or not all(math.isfinite(value) and 0 <= value <= 1 for value in point):
                place = f"point {number} at ({', '.join(f'{value:g}' for value in point)})"
                raise self._refused(f"leaves the frame: {place}", "x and y go from 0 to 1 of the width and height")
            if point == self.points[number % len(self.points)]:
                raise self._refused(f"has point {number} twice in a row", "leave one out")

    def _check_shape(self) -> None:
        polygon = self.polygon
        if on_one_line(polygon):
            raise self._refused("has no area: its points lie on one line", "move a corner")
        if sides := crossing(polygon):
            names = " and ".join(f"{side + 1}-{(side + 1) % len(polygon) + 1}" for side in sides)
            raise self._refused(f"crosses itself: sides {names} meet", "list its corners in the order around it")
        if self.share < SMALLEST:
            raise self._refused("has no area to speak of", f"a zone covers {SMALLEST:g} of the frame or more")

    def _refused(self, message: str, hint: str = "") -> ConfigError:
        return ConfigError(f"zone {self.name!r} {message}", hint=hint, zone=self.name)


@dataclass(frozen=True)
class Zones:
    """The zones of one camera."""

    zones: tuple[Zone, ...]  # those of kind count may overlap: each counts all the people in it

    def __post_init__(self) -> None:
        if not 1 <= len(self.zones) <= MOST_ZONES:
            raise ConfigError(f"{len(self.zones)} zones, expected 1 to {MOST_ZONES}", hint="draw one: skt-zones edit")
        names = Counter(zone.name for zone in self.zones)
        for name, times in names.items():
            if times > 1:
                message = f"{times} zones are called {name!r}"
                raise ConfigError(message, hint="give each its own name", zone=name)

    @property
    def counted(self) -> tuple[Zone, ...]:
        """Those whose people are told."""
        return tuple(zone for zone in self.zones if zone.kind == "count")

    @property
    def masks(self) -> tuple[Polygon, ...]:
        """The polygons whose people are left out."""
        return tuple(zone.polygon for zone in self.zones if zone.kind == "exclude")

    @cached_property
    def square_metres(self) -> Mapping[str, float]:
        """The ground of each zone that has ground points, without what is excluded."""
        masks = self.masks
        return {zone.name: _ground_area(zone, zone.ground, masks) for zone in self.counted if zone.ground is not None}

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """The zones in a file; ConfigError names what is wrong in it."""
        file = Path(path)
        data = read_json(file) if check_suffix(file) in SUFFIXES[2:] else read_yaml(file)
        with _said_of(f"{file}: "):
            return cls.from_json(data)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The zones of a FeatureCollection."""
        collection = parse(_Collection, data)
        _check_type(collection.type, "FeatureCollection", "type")
        return cls(tuple(_zone(feature, f"features[{i}]") for i, feature in enumerate(collection.features)))

    def to_json(self) -> dict[str, Any]:
        """A FeatureCollection of plain values."""
        return {"type": "FeatureCollection", "features": [_feature(zone) for zone in self.zones]}

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the file, whole or not at all; .json and .geojson are JSON, .yaml and .yml YAML."""
        from sdk.files import write_whole

        file = Path(path)
        text = _json_text(self) if check_suffix(file) in SUFFIXES[2:] else _yaml_text(self)
        try:
            write_whole(file, text.encode())
        except OSError as error:
            message = f"cannot write zones to {file}: {error.strerror}"
            raise ConfigError(message, hint="free space or name another file") from error


@dataclass(frozen=True)
class _Geometry:
    type: str
    coordinates: tuple[tuple[tuple[float, ...], ...], ...]  # rings of x, y; the first is the polygon


@dataclass(frozen=True)
class _Properties:
    name: str
    kind: str = "count"
    ground: Any = None


@dataclass(frozen=True)
class _Feature:
    type: str
    properties: _Properties
    geometry: _Geometry


@dataclass(frozen=True)
class _Collection:
    type: str
    features: tuple[_Feature, ...]


def _zone(feature: _Feature, where: str) -> Zone:
    _check_type(feature.type, "Feature", f"{where}.type")
    _check_type(feature.geometry.type, "Polygon", f"{where}.geometry.type")
    name, rings = feature.properties.name, feature.geometry.coordinates
    if len(rings) != 1:
        hint = "leave holes out with zones of kind exclude"
        raise ConfigError(f"zone {name!r} has {len(rings)} rings, expected one", hint=hint, zone=name)
    points = rings[0][:-1] if len(rings[0]) > 1 and rings[0][0] == rings[0][-1] else rings[0]
    with _said_of(f"zone {name!r}: ", zone=name):
        ground = _ground(feature.properties.ground)
    return Zone(name, points, feature.properties.kind, ground)


def _ground(data: Any) -> Ground | None:
    if data is None:
        return None
    if not isinstance(data, Mapping):
        raise ConfigError(f"ground is {data!r}, expected a mapping with points and metres")
    return parse(Ground, data, "ground.")


def _feature(zone: Zone) -> dict[str, Any]:
    properties: dict[str, Any] = {"name": zone.name, "kind": zone.kind}
    if zone.ground is not None:
        properties["ground"] = {key: value for key, value in to_plain(zone.ground).items() if value is not None}
    ring = [list(point) for point in (*zone.points, zone.points[0])]
    return {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [ring]}}


def _ground_area(zone: Zone, ground: Ground, masks: tuple[Polygon, ...]) -> float:
    """Square metres of the zone outside of all masks."""
    if not masks:
        return ground.area(zone.polygon[None])
    polygons = (zone.polygon, *masks)
    return ground.area(trapezoids(polygons, lambda inside: inside[0] and not any(inside[1:]), WHOLE))


def _json_text(zones: Zones) -> str:
    return json.dumps(zones.to_json(), indent=2, ensure_ascii=False) + "\n"


def _yaml_text(zones: Zones) -> str:
    import yaml

    return yaml.safe_dump(zones.to_json(), sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file's object; refuses a key given twice."""
    try:
        data = json.loads(path.read_text("utf-8"), object_pairs_hook=_each_key_once)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read as JSON: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path} holds {type(data).__name__}, expected an object")
    return data


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for key, times in Counter(key for key, _ in pairs).items():
        if times > 1:
            raise ValueError(f"key {key!r} is given twice")
    return dict(pairs)


def check_suffix(path: Path) -> str:
    """The end of a zones file's name, refused where it says nothing."""
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"zones file {path} ends with {path.suffix!r}", hint=f"choose {', '.join(SUFFIXES)}")
    return path.suffix.lower()


def _check_type(got: str, expected: str, where: str) -> None:
    if got != expected:
        raise ConfigError(f"setting {where} is {got!r}, expected {expected!r}")


@contextmanager
def _said_of(about: str, **details: str) -> Iterator[None]:
    """Put before an error's message what it is about."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(about + error.message, hint=error.hint, **{**details, **error.details}) from error


def _amount(points: tuple[Any, ...]) -> str:
    return f"{len(points)} point{'' if len(points) == 1 else 's'}"
