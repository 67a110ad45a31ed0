"""Labelled sets in each published layout, and one's own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from sdk.datasets import READERS, read_dataset
from sdk.datasets.size import stored_size
from tests.sdk import labels
from tests.sdk.labels import HEADS


def test_shanghaitech_is_read_from_its_published_layout(tmp_path: Path) -> None:
    labels.shanghaitech(tmp_path)

    (sample,) = read_dataset("shanghaitech", tmp_path, "A", "test")

    assert (sample.name, sample.moved, sample.points.dtype) == ("IMG_1", 0, np.float32)
    assert sample.points.tolist() == HEADS


@pytest.mark.parametrize("part", ["part_A", "part_A_final"])
@pytest.mark.parametrize("truth", ["ground-truth", "ground_truth"])
def test_shanghaitech_is_read_under_every_name_its_folders_go_by(tmp_path: Path, part: str, truth: str) -> None:
    labels.shanghaitech(tmp_path)
    (tmp_path / "part_A" / "test_data" / "ground-truth").rename(tmp_path / "part_A" / "test_data" / truth)
    (tmp_path / "part_A").rename(tmp_path / part)

    assert len(read_dataset("shanghaitech", tmp_path, "a", "test")) == 1


@pytest.mark.parametrize("folder", ["", "train"])
def test_beijing_brt_is_read_with_and_without_a_folder_of_its_split(tmp_path: Path, folder: str) -> None:
    labels.photo(tmp_path / folder / "frame" / "1-2016.jpg")
    labels.mat(tmp_path / folder / "ground_truth" / "1-2016.mat", loc=HEADS)

    (sample,) = read_dataset("beijing-brt", tmp_path, split="train")

    assert sample.points.tolist() == HEADS


def test_ucf_cc_50_keeps_photos_and_labels_in_one_folder(tmp_path: Path) -> None:
    for number in (10, 2):
        labels.photo(tmp_path / f"{number}.jpg")
        labels.mat(tmp_path / f"{number}_ann.mat", annPoints=HEADS)

    assert [sample.name for sample in read_dataset("ucf-cc-50", tmp_path)] == ["2", "10"]


def test_ucf_qnrf_capitalises_its_splits(tmp_path: Path) -> None:
    labels.photo(tmp_path / "Test" / "img_0001.jpg")
    labels.mat(tmp_path / "Test" / "img_0001_ann.mat", annPoints=HEADS)

    (sample,) = read_dataset("ucf-qnrf", tmp_path, split="test")

    assert sample.points.tolist() == HEADS


def test_nwpu_reads_the_photos_that_a_split_lists_from_json_or_mat(tmp_path: Path) -> None:
    labels.text(tmp_path / "val.txt", "3102 1 0\n3101 2 3\n")
    for name in ("0001", "3101", "3102"):
        labels.photo(tmp_path / "images" / f"{name}.jpg")
    labels.text(tmp_path / "jsons" / "3101.json", json.dumps({"human_num": 3, "points": HEADS}))
    labels.mat(tmp_path / "mats" / "3102.mat", annPoints=np.zeros((0, 0)))

    samples = read_dataset("nwpu", tmp_path, split="val")

    assert [(sample.name, sample.points.tolist()) for sample in samples] == [("3101", HEADS), ("3102", [])]


def test_jhu_crowd_reads_the_first_two_columns_and_takes_an_empty_file_for_nobody(tmp_path: Path) -> None:
    labels.photo(tmp_path / "val" / "images" / "0001.jpg")
    labels.text(tmp_path / "val" / "gt" / "0001.txt", "10 20 5 6 1 0 \n30 40 5 6 2 1 \n")
    labels.photo(tmp_path / "val" / "images" / "0002.jpg")
    labels.text(tmp_path / "val" / "gt" / "0002.txt", "")

    samples = read_dataset("jhu-crowd++", tmp_path, split="val")

    assert [sample.points.tolist() for sample in samples] == [[[10, 20], [30, 40]], []]


def test_own_points_are_read_from_csv_with_a_row_for_a_photo_without_people(tmp_path: Path) -> None:
    for name in ("a.jpg", "cam 2/b.png"):
        labels.photo(tmp_path / name)
    labels.text(tmp_path / "points.csv", "photo,x,y\ncam 2/b.png,,\na.jpg,10,20\na.jpg,30.5,40.25\n\na.jpg,63,47\n")

    samples = read_dataset("points", tmp_path / "points.csv")

    assert [(sample.name, sample.points.tolist()) for sample in samples] == [("a.jpg", HEADS), ("cam 2/b.png", [])]


@pytest.mark.parametrize("name", ["train.json", "points.json"])
def test_own_points_are_read_from_json_in_a_folder(tmp_path: Path, name: str) -> None:
    labels.photo(tmp_path / "a.jpg")
    labels.text(tmp_path / name, json.dumps({"a.jpg": HEADS}))

    (sample,) = read_dataset("points", tmp_path, split="train")

    assert sample.points.tolist() == HEADS


def test_a_published_point_off_its_photo_is_kept_and_moved_to_the_border(tmp_path: Path) -> None:
    labels.shanghaitech(tmp_path, [[-3, 20], [70, 60], [64, 48], [5, 5]])

    (sample,) = read_dataset("shanghaitech", tmp_path, "A")

    assert sample.moved == 2  # the far corner (64, 48) is still on the photo, but no pixel's
    assert sample.points.round(3).tolist() == [[0, 20], [64, 48], [64, 48], [5, 5]]
    assert (sample.points < [64, 48]).all()


def test_a_photo_that_cannot_be_read_is_left_for_the_count_to_report(tmp_path: Path) -> None:
    labels.shanghaitech(tmp_path)
    labels.text(tmp_path / "part_A" / "test_data" / "images" / "IMG_1.jpg", "not a photo")

    (sample,) = read_dataset("shanghaitech", tmp_path, "A")

    assert sample.points.tolist() == HEADS


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp"])
def test_a_photo_size_is_read_from_its_file(tmp_path: Path, suffix: str) -> None:
    assert stored_size(labels.photo(tmp_path / f"a.{suffix}", height=21, width=35)) == (21, 35)


def test_a_photo_size_is_the_stored_one_whatever_exif_says(tmp_path: Path) -> None:
    content = labels.photo(tmp_path / "a.jpg", height=21, width=35).read_bytes()
    (tmp_path / "b.jpg").write_bytes(labels.turned(content))

    assert cv2.imread(str(tmp_path / "b.jpg")).shape[:2] == (35, 21)
    assert stored_size(tmp_path / "b.jpg") == (21, 35)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xc0\0\x11\x08", b"\x89PNG\r\n\x1a\n", b"text"]
)
def test_a_file_that_is_no_photo_has_no_size(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)

    assert stored_size(tmp_path / "a.jpg") is None


def test_reading_labels_needs_scipy_for_matlab_files_only(tmp_path: Path) -> None:
    labels.shanghaitech(tmp_path)
    code = (
        "import sys; sys.modules['scipy.io'] = None\n"
        "from pathlib import Path; from sdk.datasets import read_dataset; from sdk.errors import ConfigError\n"
        f"try: read_dataset('shanghaitech', Path({str(tmp_path)!r}), 'A')\n"
        "except ConfigError as error: print(error)"
    )

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert "needs SciPy" in answer
    assert "pip install 'skt-edge[train]'" in answer


def test_the_published_training_parts_hold_what_their_authors_state(shared_data: Path) -> None:
    root = shared_data / "shanghaitech"
    a, b = (read_dataset("shanghaitech", root, part, "train") for part in "AB")

    assert (len(a), sum(len(sample.points) for sample in a)) == (300, 162_413)
    assert (len(b), sum(len(sample.points) for sample in b)) == (400, 49_151)
    assert [sample.name for sample in a[:3]] == ["IMG_1", "IMG_2", "IMG_3"]


def test_every_reader_is_known_by_its_name() -> None:
    assert sorted(READERS) == [
        "beijing-brt",
        "jhu-crowd++",
        "nwpu",
        "points",
        "shanghaitech",
        "ucf-cc-50",
        "ucf-qnrf",
    ]
