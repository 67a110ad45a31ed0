"""Compiled models that are kept: what is damaged is compiled again, and two processes do not disturb each other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from runtimes import BackendInfo, Candidate, LoadOptions, load
from runtimes.blobs import Blob, BlobDamaged, read_blob, write_blob
from tests.models import tiny_files, tiny_weights
from tests.runtimes.machines import OPENVINO

pytest.importorskip("openvino", reason="not run: openvino is not installed")

ON_OPENVINO = Candidate(OPENVINO, "openvino", "cpu", "fp32")
PHOTO = np.random.default_rng(1).integers(0, 256, (1, 64, 96, 3), np.uint8)
ROOT = Path(__file__).parents[2]
COUNTS = """
import sys
from pathlib import Path
from tests.runtimes.test_compiled_cache import counted
print(*[counted(Path(sys.argv[1]))[0] for _ in range(4)])
"""


def counted(folder: Path, files: dict[str, bytes] | None = None) -> tuple[float, BackendInfo]:
    """The count of the same photo, and what loaded."""
    with load(ON_OPENVINO, files or tiny_files()["openvino"], LoadOptions(threads=1, cache_dir=folder)) as backend:
        return float(backend.run(PHOTO).count[0]), backend.info()


def kept(folder: Path) -> Path:
    (path,) = folder.rglob("*.blob")
    return path


def test_the_second_start_takes_the_kept_model_and_counts_the_same(tmp_path: Path) -> None:
    first, second = counted(tmp_path / "cache"), counted(tmp_path / "cache")

    assert (first[1].cache_hit, second[1].cache_hit) == (False, True)
    assert first[0] == second[0]


def test_no_flipped_bit_is_ever_loaded(tmp_path: Path) -> None:
    write_blob(tmp_path / "a.blob", Blob(bytes(range(200)), 7))
    whole = (tmp_path / "a.blob").read_bytes()

    for at in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[at // 8] ^= 1 << at % 8
        (tmp_path / "a.blob").write_bytes(flipped)
        with pytest.raises(BlobDamaged, match="does not have the content that was written"):
            read_blob(tmp_path / "a.blob")


@pytest.mark.parametrize("place", [0.0, 0.01, 0.3, 0.6, 0.99])
def test_a_damaged_model_is_compiled_again_and_that_is_said_once(tmp_path: Path, place: float) -> None:
    expected, _ = counted(tmp_path)
    path = kept(tmp_path)
    damaged = bytearray(path.read_bytes())
    damaged[int(place * len(damaged))] ^= 4
    path.write_bytes(damaged)

    after = [counted(tmp_path) for _ in range(2)]

    assert [count for count, _ in after] == [expected, expected]
    assert [info.cache_hit for _, info in after] == [False, True]
    assert "the compiled openvino-fp32 in the cache does not have the content" in after[0][1].notes[0]
    assert after[1][1].notes == ()


@pytest.mark.parametrize("left", [0, 20, 100])
def test_a_model_cut_short_is_compiled_again(tmp_path: Path, left: int) -> None:
    counted(tmp_path)
    kept(tmp_path).write_bytes(kept(tmp_path).read_bytes()[:left])

    assert counted(tmp_path)[1].cache_hit is False


def test_what_stands_in_the_way_is_said(tmp_path: Path) -> None:
    counted(tmp_path)
    path = kept(tmp_path)
    path.unlink()
    path.mkdir()

    notes = counted(tmp_path)[1].notes

    assert "in the cache cannot be read: Is a directory; it is compiled again" in notes[0]
    assert notes[1].startswith("compiled models are not cached: ")


def test_a_whole_file_that_the_engine_does_not_take_is_compiled_again(tmp_path: Path) -> None:
    counted(tmp_path)
    write_blob(kept(tmp_path), Blob(b"of another engine"))

    assert [counted(tmp_path)[1].cache_hit for _ in range(2)] == [False, True]


def test_models_with_other_weights_do_not_share_a_cache(tmp_path: Path) -> None:
    files, (weight, _) = tiny_files()["openvino"], tiny_weights()
    counted(tmp_path)
    other = {**files, "model.bin": files["model.bin"].replace(weight.tobytes(), (weight / 2).tobytes())}

    assert other != files
    assert counted(tmp_path, other)[1].cache_hit is False


def test_a_cache_that_cannot_be_used_is_noted() -> None:
    _, info = counted(Path(__file__))

    assert info.cache_hit is None
    assert info.notes[-1].startswith("compiled models are not cached: ")


def test_two_processes_at_once_leave_one_whole_model(tmp_path: Path) -> None:
    command = [sys.executable, "-c", COUNTS, str(tmp_path)]
    running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    counts = [word for process in running for word in process.communicate(timeout=120)[0].split()]

    assert len(counts) == 8
    assert len(set(counts)) == 1
    assert read_blob(kept(tmp_path)) is not None
    assert sorted(path.suffix or path.name for path in tmp_path.iterdir()) == [".blob", "loads"]
