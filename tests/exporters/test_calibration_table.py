"""calibration/table.json: what is written is read back, and nothing else is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exporters.calibration_table import CalibrationTable
from sdk.errors import CalibrationError
from tests.exporters.calibrated import made_up_table


def changed(**changes: Any) -> bytes:
    """The made-up table's JSON with other values; None takes a key away."""
    plain = json.loads(made_up_table().to_json_bytes()) | changes
    return json.dumps({key: value for key, value in plain.items() if value is not None}).encode()


def test_a_table_survives_writing_and_reading() -> None:
    table = made_up_table()

    assert CalibrationTable.from_json_bytes(table.to_json_bytes()) == table
    assert CalibrationTable.from_json_bytes(table.to_json_bytes()).to_json_bytes() == table.to_json_bytes()


def test_coverage_counts_the_photos_of_each_density() -> None:
    assert [(part.fewest, part.photos) for part in made_up_table().coverage] == [
        (0, 1),
        (1, 0),
        (51, 0),
        (201, 0),
        (501, 1),
    ]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\xff", "is not JSON with unique keys"),
        (b'{"a": 1, "a": 2}', "a key is given twice among a, a"),
        (b"[]", "holds list, expected an object"),
        (b" " * (16 * 2**20 + 1), "the limit is 16777216"),
        (changed(colour="red"), "unknown setting colour"),
        (changed(sparse=None), "key sparse is missing"),
        (changed(schema="skt-calibration/2"), "schema is 'skt-calibration/2', expected 'skt-calibration/1'"),
        (changed(version=""), "version is '', expected some text"),
        (changed(master="c"), "master is 'c', expected 64 hexadecimal digits"),
        (changed(method="guess"), "method is 'guess', expected one of minmax"),
        (changed(ranges={}), "expected at least one tensor"),
        (changed(ranges={"a": [2.0, 1.0]}), "range of a is .* expected two finite numbers, the lower one first"),
        (changed(ranges={"a": [0.0]}), "range of a is .* expected two finite numbers"),
        (changed(corrections={"cpu": {"a": [float("nan")]}}), "correction of a for cpu is .* expected finite numbers"),
        (
            changed(scales={"cpu": 0.0}),
            "scale of the last convolution for cpu is '0.0', expected a finite number above 0",
        ),
        (
            changed(photos=[{"name": "", "sha256": "a" * 64, "people": 1.0}]),
            "name of a photo is '', expected some text",
        ),
        (changed(photos=[{"name": "a", "sha256": "a", "people": 1.0}]), "sha256 of a is 'a', expected 64"),
        (
            changed(photos=[{"name": "a", "sha256": "a" * 64, "people": -1.0}]),
            "people of a is '-1.0', expected a finite",
        ),
        (changed(photos=2 * [{"name": "a", "sha256": "a" * 64, "people": 1.0}]), "expected each photo once"),
        (changed(coverage=[]), "coverage is not that of its photos"),
    ],
)
def test_another_table_than_was_written_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(CalibrationError, match=told):
        CalibrationTable.from_json_bytes(data)


def test_a_refusal_ends_a_command_with_exit_code_7() -> None:
    assert CalibrationError.exit_code == 7
