"""The weights under benchmarks/checkpoints can be started from, and count."""

from __future__ import annotations

from pathlib import Path

import pytest

from distiller.checkpoint import load, network_of
from distiller.data import read_photo
from distiller.networks import count_parameters
from distiller.validation import count_photo

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "parameters"), [("googlenet-tiny", 0.35e6), ("googlenet-a", 1.35e6), ("googlenet-b", 1.35e6)]
)
def test_kept_students_count_a_crowd_with_no_more_parameters(name: str, parameters: float) -> None:
    student = network_of(load(ROOT / "benchmarks" / "checkpoints" / name)).eval()
    people = (ROOT / "samples" / "photos" / "points.csv").read_text().count("plaza.jpg")

    assert count_parameters(student) <= parameters
    assert count_photo(student, read_photo(ROOT / "samples" / "photos" / "plaza.jpg")) == pytest.approx(
        people, rel=0.25
    )
