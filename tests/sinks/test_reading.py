"""The record that every sink writes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from sdk.errors import InputError
from sdk.sinks import Reading, reading_from_line, reading_of
from sdk.trust.interval import DensityBin, Intervals
from sdk.zones import Zone, Zones
from tests.sinks.records import NOON, full_reading, reading, result


def test_a_reading_survives_its_line() -> None:
    first = full_reading()

    assert reading_from_line(first.to_line()) == first
    assert first.to_line().isascii()


def test_a_count_becomes_a_reading() -> None:
    made = reading_of(result(), "gate", NOON)

    assert (made.count, made.backend, made.latency_ms, made.reasons) == (1.0, "red cpu fp32", 5, ("a warning",))


def test_a_count_that_is_not_to_be_trusted_says_so_in_its_reading() -> None:
    intervals = Intervals(0.9, (DensityBin(0, 40, 1.0),))
    dark = replace(result(), state="untrusted", reasons=("too dark: 9",), intervals=intervals)

    made = reading_of(dark, "gate", NOON)

    assert (made.state, made.reasons) == ("untrusted", ("too dark: 9", "a warning"))
    assert made.interval == pytest.approx((0, 1 + 2**0.75))


def test_the_zones_of_a_count_are_those_of_its_reading() -> None:
    left = Zone("left", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))
    right = Zone("right", ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)))

    made = reading_of(result().with_zones(Zones((left, right))), "gate", NOON)

    assert made.zones == {"left": 0.0, "right": 1.0}


def test_no_pixel_is_ever_in_its_json() -> None:
    made = reading_of(result(), "gate", NOON)

    assert set(made.to_json()) == set(reading().to_json())
    assert len(made.to_line()) < 500
    assert "result" not in repr(made)


def test_ids_differ_and_sort_by_time() -> None:
    ids = [reading().id for _ in range(100)]

    assert len(set(ids)) == 100
    assert ids[0][:12] <= ids[-1][:12]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"camera": ""}, "name of camera '' is empty"),
        ({"camera": "a\nb"}, r"name of camera 'a\\nb' is empty or cannot be printed"),
        ({"zones": {"\x07": 1.0}}, "name of zone"),
        ({"time": NOON.replace(tzinfo=None)}, "time 2026-03-01 12:00:00 has no zone"),
        ({"state": "fine"}, "state 'fine' is unknown .*ok, degraded, untrusted"),
        ({"count": float("nan")}, "count is nan, expected 0 or more"),
        ({"count": -1.0}, "count is -1.0, expected 0 or more"),
        ({"zones": {"door": float("inf")}}, "zone door is inf"),
        ({"drops": -1}, "drops is -1"),
        ({"interval": (3.0, 2.0)}, r"interval \(3.0, 2.0\) does not go from low to high"),
    ],
)
def test_what_is_no_reading_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Reading(**{"camera": "gate", "time": NOON, "count": 1.0, **values})


@pytest.mark.parametrize("line", ["", "[]", "{}", '{"schema":"skt-reading/1"}', "\x00"])
def test_a_line_that_is_no_reading_is_refused(line: str) -> None:
    with pytest.raises(InputError, match="line is no reading of schema skt-reading/1"):
        reading_from_line(line)


def test_a_reading_of_another_schema_is_refused() -> None:
    line = json.dumps({**reading().to_json(), "schema": "skt-reading/9"})

    with pytest.raises(InputError, match="schema 'skt-reading/9', expected skt-reading/1"):
        reading_from_line(line)
