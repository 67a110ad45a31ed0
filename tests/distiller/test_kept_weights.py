"""The weights under benchmarks/checkpoints can be started from, and count."""

from __future__ import annotations

from pathlib import Path

import pytest

from distiller.checkpoint import load, network_of
from distiller.data import read_photo
from distiller.networks import count_parameters
from distiller.validation import count_photo

ROOT = Path(__file__).parents[2]


def test_the_tiny_student_counts_a_dense_crowd_with_a_third_of_a_million_parameters() -> None:
    tiny = network_of(load(ROOT / "benchmarks" / "checkpoints" / "googlenet-tiny")).eval()
    people = (ROOT / "samples" / "photos" / "points.csv").read_text().count("plaza.jpg")

    assert count_parameters(tiny) <= 0.35e6
    assert count_photo(tiny, read_photo(ROOT / "samples" / "photos" / "plaza.jpg")) == pytest.approx(people, rel=0.25)
