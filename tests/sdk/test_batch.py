"""Batches of paths become columns of counts, and parts of Parquet that hold each photo once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from runtimes import FakeBackend
from sdk import CrowdCounter
from sdk.batch import NUMBERS, TEXTS, BatchCounter
from sdk.errors import ConfigError, InferenceError, InputError
from sdk.sources import find_photos, walk_photos
from tests.tiny_package import noise_photo


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    """Three photos, the middle one no photo."""
    names = [str(tmp_path / name) for name in ("a.png", "b.jpg", "c.png")]
    for seed in (0, 2):
        cv2.imwrite(names[seed], noise_photo(64, 96 + 16 * seed, seed))
    Path(names[1]).write_bytes(b"no photo")
    return names


def test_a_batch_is_counted_like_its_photos_one_by_one(tiny: Path, photos: list[str]) -> None:
    with BatchCounter(tiny) as batch, CrowdCounter(tiny, threads=1) as counter:
        found = batch({"photo": np.array(photos)})
        plain = [counter.count(photos[0]).count, counter.count(photos[2]).count]

    assert list(found["count"][[0, 2]]) == plain
    assert list(found["width"]) == [96, 0, 128]
    assert all(len(found[name]) == 3 for name in (*NUMBERS, *TEXTS))


def test_a_photo_that_cannot_be_read_keeps_its_row_and_says_why(tiny: Path, photos: list[str]) -> None:
    with BatchCounter(tiny) as batch:
        found = batch({"photo": np.array(photos)})

    assert np.isnan(found["count"][1])
    assert photos[1] in found["error"][1]
    assert found["error"][0] == ""


def test_a_count_comes_with_its_interval_and_state(photos: list[str]) -> None:
    with BatchCounter() as batch, CrowdCounter(threads=1) as counter:
        found, plain = batch({"photo": np.array(photos[:2])}), counter.count(photos[0])

    assert plain.interval is not None
    assert (found["low"][0], found["high"][0]) == plain.interval
    assert (found["state"][0], found["reasons"][0]) == (plain.state, "; ".join(plain.reasons))
    assert np.isnan(found["low"][1])
    assert found["state"][1] == ""


def test_the_model_is_named_by_what_it_holds(tiny: Path) -> None:
    with BatchCounter(tiny) as batch, BatchCounter() as default:
        assert batch.model.startswith("tiny 1.0 ")
        assert batch.model != default.model


def test_a_batch_without_photos_is_refused(tiny: Path) -> None:
    with BatchCounter(tiny) as batch, pytest.raises(InputError, match="a batch has path, expected a column photo"):
        batch({"path": np.array(["a.png"])})


def test_an_engine_that_fails_is_no_matter_of_a_photo(photos: list[str]) -> None:
    def fail(batch: np.ndarray) -> np.ndarray:
        raise InferenceError("out of memory")

    with BatchCounter(backend=FakeBackend(fail)) as batch, pytest.raises(InferenceError, match="out of memory"):
        batch({"photo": np.array(photos)})


def test_photos_are_walked_as_they_are_found(tmp_path: Path) -> None:
    for name in ("b/2.jpg", "b/.hidden.jpg", "a/1.PNG", ".c/3.jpg", "a/notes.txt", "0.jpeg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    walked = list(walk_photos(tmp_path))

    assert walked == [str(tmp_path / name) for name in ("0.jpeg", "a/1.PNG", "b/2.jpg")]
    assert sorted(walked) == sorted(str(photo.path) for photo in find_photos([str(tmp_path)]))


def test_what_a_part_holds_is_not_left(tiny: Path, photos: list[str], tmp_path: Path) -> None:
    parts = open_parts(tmp_path / "counts", "tiny")
    with BatchCounter(tiny) as batch:
        parts.write({**batch({"photo": np.array(photos[:2])}), "model": np.array(["tiny"] * 2, object)})

    assert parts.left(photos)["photo"].to_pylist() == [photos[2]]
    assert parts.table()["count"].null_count == 1
    assert set(parts.table().column_names) == {*NUMBERS, *TEXTS}


def test_a_batch_that_is_counted_again_replaces_its_part(tiny: Path, photos: list[str], tmp_path: Path) -> None:
    with BatchCounter(tiny) as batch:
        parts = open_parts(tmp_path / "counts", batch.model)
        written = {parts.write(batch({"photo": np.array(photos)})) for _ in range(2)}

    assert len(written) == 1
    assert len(parts.table()) == 3
    assert set(parts.folder.iterdir()) == written


def test_counts_of_two_models_are_not_mixed(tiny: Path, photos: list[str], tmp_path: Path) -> None:
    with BatchCounter(tiny) as batch:
        open_parts(tmp_path / "counts", batch.model).write(batch({"photo": np.array(photos)}))

    with pytest.raises(ConfigError, match=r"holds counts of model tiny 1.0 .*, and these would be of other 2.0"):
        open_parts(tmp_path / "counts", "other 2.0")


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    parts = open_parts(tmp_path, "tiny")
    (tmp_path / "part-0.parquet").write_bytes(b"PAR1 and no more")

    with pytest.raises(InputError, match=r"holds a part that cannot be read: .*part-0\.parquet"):
        parts.left(["a.png"])


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match=r"cannot make folder .*: Not a directory"):
        open_parts(tmp_path / "file" / "counts", "tiny")


def test_without_pyarrow_the_extra_is_named() -> None:
    from tests.test_clean_imports import loaded_by

    code = "sys.modules['pyarrow'] = None\nfrom pathlib import Path\nfrom sdk.parts import Parts\nfrom sdk.errors import ConfigError\n"
    said = loaded_by(f"{code}try: Parts(Path('counts'), 'tiny')\nexcept ConfigError as error: print(error)")

    assert any("Parquet needs the package pyarrow" in line and "skt-edge[archive]" in line for line in said)


def open_parts(folder: Path, model: str) -> Any:
    pytest.importorskip("pyarrow", reason="not run: pyarrow is not installed (pip install 'skt-edge[archive]')")
    from sdk.parts import Parts

    return Parts(folder, model)
