"""Labelled sets that are refused: one clear line that names the file and the value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sdk.datasets import read_dataset
from sdk.errors import InputError
from sdk.mat import read_mat
from tests.sdk import labels
from tests.sdk.labels import HEADS


def own(folder: Path, name: str, content: str) -> Path:
    """An own labelled file beside one photo, a.jpg."""
    labels.photo(folder / "a.jpg")
    return labels.text(folder / name, content)


def test_an_unknown_set_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown data set 'shanghai'.*known: beijing-brt.*ucf-qnrf"):
        read_dataset("shanghai", tmp_path)


@pytest.mark.parametrize("name", ["shanghaitech", "beijing-brt", "ucf-cc-50", "ucf-qnrf", "nwpu", "jhu-crowd++"])
def test_a_missing_folder_is_refused_by_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"no folder .*absent"):
        read_dataset(name, tmp_path / "absent", "A", "test")


def test_an_unknown_part_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no part 'C'.*--part A or --part B"):
        read_dataset("shanghaitech", tmp_path, "C")


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no photo in .*expected files that end with \.bmp, \.jpeg"):
        read_dataset("ucf-cc-50", tmp_path)


def test_a_photo_without_its_label_is_refused(tmp_path: Path) -> None:
    labels.photo(tmp_path / "1.jpg")

    with pytest.raises(InputError, match=r"photo .*1\.jpg has no label .*1_ann\.mat"):
        read_dataset("ucf-cc-50", tmp_path)


def test_a_label_without_its_photo_is_refused(tmp_path: Path) -> None:
    labels.shanghaitech(tmp_path, name="IMG_1")
    labels.shanghaitech(tmp_path, name="IMG_2")
    (tmp_path / "part_A" / "test_data" / "images" / "IMG_2.jpg").unlink()

    with pytest.raises(InputError, match=r"label .*GT_IMG_2\.mat has no photo"):
        read_dataset("shanghaitech", tmp_path, "A")


def test_two_photos_of_one_name_are_refused(tmp_path: Path) -> None:
    labels.photo(tmp_path / "1.jpg")
    labels.photo(tmp_path / "1.png")

    with pytest.raises(InputError, match="two photos are named '1'"):
        read_dataset("ucf-cc-50", tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a mat file" * 20, b"MATLAB 5.0 MAT-file" + bytes(109)])
def test_an_empty_or_damaged_mat_is_refused(tmp_path: Path, content: bytes) -> None:
    labels.shanghaitech(tmp_path).write_bytes(content)

    with pytest.raises(InputError, match=r"cannot read label .*GT_IMG_1\.mat|has no 'image_info'"):
        read_dataset("shanghaitech", tmp_path, "A")


def test_a_truncated_mat_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    label = labels.shanghaitech(tmp_path)
    content = label.read_bytes()
    for length in range(0, len(content) - 8, 40):
        label.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"GT_IMG_1\.mat"):
            read_dataset("shanghaitech", tmp_path, "A")


def test_a_mat_with_another_key_is_refused_with_the_keys_it_has(tmp_path: Path) -> None:
    labels.photo(tmp_path / "1.jpg")
    labels.mat(tmp_path / "1_ann.mat", loc=HEADS)

    with pytest.raises(InputError, match=r"1_ann\.mat has no 'annPoints' \(it holds loc\)"):
        read_dataset("ucf-cc-50", tmp_path)


def test_an_image_info_of_another_kind_is_refused(tmp_path: Path) -> None:
    labels.mat(labels.shanghaitech(tmp_path), image_info=np.eye(2))

    with pytest.raises(InputError, match=r"GT_IMG_1\.mat holds no image_info\{1\}"):
        read_dataset("shanghaitech", tmp_path, "A")


def test_a_label_that_states_another_number_than_it_holds_is_refused(tmp_path: Path) -> None:
    labels.shanghaitech(tmp_path, number=7)

    with pytest.raises(InputError, match=r"GT_IMG_1\.mat states 7 people and holds 3 points"):
        read_dataset("shanghaitech", tmp_path, "A")


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([[1, 2], [float("nan"), 4]], r"point 2 is \(nan, 4\), expected finite"),
        ([[float("inf"), 4]], r"point 1 is \(inf, 4\), expected finite"),
        ([[1, 2, 3]], r"shape \(1, 3\), expected \(people, 2\)"),
    ],
)
def test_points_that_are_not_pairs_of_finite_numbers_are_refused(tmp_path: Path, points: object, message: str) -> None:
    labels.photo(tmp_path / "1.jpg")
    labels.mat(tmp_path / "1_ann.mat", annPoints=points)

    with pytest.raises(InputError, match=r"1_ann\.mat.*" + message):
        read_dataset("ucf-cc-50", tmp_path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1 2 3 4 5", r"line 2 holds 5 values, expected x y w h occlusion blur"),
        ("a 2 3 4 5 6", r"does not hold x and y of each head as numbers"),
    ],
)
def test_a_broken_jhu_row_is_refused(tmp_path: Path, row: str, message: str) -> None:
    labels.photo(tmp_path / "val" / "images" / "1.jpg")
    labels.text(tmp_path / "val" / "gt" / "1.txt", f"10 20 5 6 1 0\n{row}\n")

    with pytest.raises(InputError, match=r"1\.txt.*" + message):
        read_dataset("jhu-crowd++", tmp_path, split="val")


def test_an_empty_jhu_label_of_a_photo_with_people_is_refused(tmp_path: Path) -> None:
    labels.photo(tmp_path / "val" / "images" / "0001.jpg")
    labels.text(tmp_path / "val" / "gt" / "0001.txt", "")
    labels.text(tmp_path / "val" / "image_labels.txt", "0001,25,street,0,0\n")

    with pytest.raises(InputError, match=r"0001\.txt states 25 people and holds 0 points"):
        read_dataset("jhu-crowd++", tmp_path, split="val")


@pytest.mark.parametrize(
    ("listing", "message"),
    [
        (None, r"no list of photos .*val\.txt"),
        ("\n", r"list of photos .*val\.txt is empty"),
        ("0001\n0001\n", r"two photos are named '0001' in .*val\.txt"),
        ("0002\n", r"no photo .*0002\.jpg"),
        ("0001\n", r"photo 0001 has no label .*0001\.json \(test labels are not published"),
    ],
)
def test_an_nwpu_list_that_does_not_fit_is_refused(tmp_path: Path, listing: str | None, message: str) -> None:
    labels.photo(tmp_path / "images" / "0001.jpg")
    if listing is not None:
        labels.text(tmp_path / "val.txt", listing)

    with pytest.raises(InputError, match=message):
        read_dataset("nwpu", tmp_path, split="val")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"begins with '' \(expected the header photo,x,y"),
        ("photo;x;y\n", r"begins with 'photo;x;y' \(expected the header photo,x,y"),
        ("photo,x,y\n", r"names no photo"),
        ("photo,x,y\na.jpg,1\n", r"line 2 is 'a\.jpg,1', expected photo,x,y"),
        ("photo,x,y\n,1,2\n", r"line 2 is ',1,2', expected photo,x,y"),
        ("photo,x,y\na.jpg,1,two\n", r"line 2: \(1, two\) is not a point"),
        ("photo,x,y\na.jpg,1,\n", r"line 2: \(1, \) is not a point"),
        ("photo,x,y\na.jpg,nan,2\n", r"point 1 is \(nan, 2\), expected finite"),
        ("photo,x,y\na.jpg,1,2\na.jpg,,\n", r"line 3: a\.jpg has a row without a point and another row"),
        ("photo,x,y\na.jpg,,\na.jpg,,\n", r"line 3: a\.jpg has a row without a point and another row"),
        ("photo,x,y\nb.jpg,1,2\n", r"no photo .*b\.jpg .*names are relative"),
        ("photo,x,y\na.jpg,65,2\n", r"point \(65, 2\) of a\.jpg lies outside its 64 x 48 pixels"),
        ("photo,x,y\na.jpg,1,2\n./a.jpg,1,2\n", r"two photos are named '.*a\.jpg'"),
    ],
)
def test_a_csv_that_does_not_fit_is_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_dataset("points", own(tmp_path, "points.csv", content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"points\.json is empty"),
        ("{", r"points\.json is not JSON: line 1"),
        ("[]", r"points\.json holds a JSON list"),
        ("{}", r"names no photo"),
        ('{"a.jpg": [], "a.jpg": []}', r"has 'a\.jpg' twice"),
        ('{"a.jpg": [[1, 2], [3]]}', r"does not hold x and y of each head as numbers"),
        ('{"a.jpg": {"x": 1}}', r"does not hold x and y of each head as numbers"),
        ('{"a.jpg": null}', r"shape \(\), expected \(people, 2\)"),
        ('{"a.jpg": [[1, null]]}', r"point 1 is \(1, nan\), expected finite"),
    ],
)
def test_a_json_that_does_not_fit_is_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_dataset("points", own(tmp_path, "points.json", content))


def test_a_folder_in_the_place_of_a_label_is_refused(tmp_path: Path) -> None:
    labels.photo(tmp_path / "val" / "images" / "1.jpg")
    (tmp_path / "val" / "gt" / "1.txt").mkdir(parents=True)

    with pytest.raises(InputError, match=r"cannot read label .*1\.txt: Is a directory"):
        read_dataset("jhu-crowd++", tmp_path, split="val")
    with pytest.raises(InputError, match=r"no label file .*gt \(is the set unpacked whole"):
        read_mat(tmp_path / "val" / "gt")


def test_a_label_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no label file .*test\.csv or test\.json or points\.csv"):
        read_dataset("points", tmp_path)
    (tmp_path / "points.csv").write_bytes(b"photo,x,y\n\xff\xfe")
    with pytest.raises(InputError, match=r"points\.csv is not UTF-8 text: byte 10"):
        read_dataset("points", tmp_path)
