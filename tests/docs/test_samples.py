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
