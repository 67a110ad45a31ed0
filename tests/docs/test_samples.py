"""The samples run as their first lines say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PHOTO = str(ROOT / "samples" / "photos" / "plaza.jpg")


def run(*words: str, cwd: Path) -> str:
    done = subprocess.run([sys.executable, *words], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_photo_is_counted_and_its_picture_written(tmp_path: Path) -> None:
    said = run(str(ROOT / "samples" / "count_photo.py"), PHOTO, "overlay.png", cwd=tmp_path)

    assert "people" in said
    assert (tmp_path / "overlay.png").stat().st_size > 10_000


def test_zones_add_up_to_the_whole(tmp_path: Path) -> None:
    lines = run(str(ROOT / "samples" / "count_zones.py"), PHOTO, cwd=tmp_path).splitlines()
    *zones, whole = [float(line.split()[-2]) for line in lines]

    assert sum(zones) == pytest.approx(whole, abs=0.2)


def test_zones_are_smoothed_and_raise_an_alarm(tmp_path: Path) -> None:
    samples = ROOT / "samples"

    said = run(str(samples / "zones.py"), str(samples / "plaza-zones.yaml"), *[PHOTO] * 4, cwd=tmp_path)

    assert said.count("front left") >= 4
    assert "/m2 on 83 m2, level " in said
    assert "in back: " in said
