"""The archive's sample on two workers of Ray counts what the plain command counts, and goes on where it ended."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from tests.docs.test_samples import ROOT, run
from tests.tiny_package import noise_photo


def test_two_workers_count_what_the_plain_command_counts_and_go_on_after_a_kill(tiny: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="not run: Ray is not installed (pip install 'skt-edge[archive]')")
    from sdk.parts import Parts

    folder, counts = tmp_path / "photos", tmp_path / "counts"
    add_photos(folder, *range(11))
    (folder / "bad.jpg").write_bytes(b"no photo")
    words = [str(ROOT / "samples" / "archive_ray.py"), str(folder), str(counts), "--model", str(tiny), "--part", "4"]

    first = run(*words, "--workers", "2", cwd=tmp_path)
    lost, *kept = sorted(counts.iterdir())
    lost.unlink()  # what a kill would have left undone
    add_photos(folder, 11, 12)
    dates = [path.stat().st_mtime_ns for path in kept]
    second = run(*words, "--workers", "2", cwd=tmp_path)

    assert "12 photos to count, 0 counted before" in first
    assert "6 photos to count, 8 counted before" in second
    assert [path.stat().st_mtime_ns for path in kept] == dates
    rows = Parts(counts, model_of(counts)).table(["photo", "count"]).to_pylist()
    assert {row["photo"]: row["count"] for row in rows} == pytest.approx(plain_counts(folder, tiny), abs=1e-3)
    assert len(rows) == 14


def add_photos(folder: Path, *numbers: int) -> None:
    folder.mkdir(exist_ok=True)
    for number in numbers:
        cv2.imwrite(str(folder / f"{number}.png"), noise_photo(64, 96, number))


def model_of(counts: Path) -> str:
    import pyarrow.parquet as pq

    return str(pq.read_table(next(counts.iterdir()))["model"][0])


def plain_counts(folder: Path, package: Path) -> dict[str, float | None]:
    """What skt-count finds, by photo; None for one that it cannot read."""
    command = [sys.executable, "-m", "sdk.commands.count", str(folder), "-m", str(package), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return {record["photo"]: record.get("count") for record in map(json.loads, done.stdout.splitlines())}
