"""Which photos are calibrated on, and which are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from exporters.calibration_choice import (
    check_choice,
    check_disjoint,
    choose,
    count_shots,
    kept_for_gate,
    split,
    told_coverage,
)
from exporters.calibration_photos import Shot, shot_of_image
from exporters.calibration_sets import find_shots
from sdk.errors import CalibrationError, ConfigError, InputError
from sdk.frame import Image
from sdk.scenes import draw_scene


def shots(people: list[float]) -> list[Shot]:
    """Photos of one grey pixel each, counted already."""
    return [shot_of_image(f"p{at}", np.full((1, at + 1, 3), 9, np.uint8), people=n) for at, n in enumerate(people)]


CROWDS = shots([float(n) for n in (*range(80), *range(80, 600, 20), 2500)])


def write_photos(folder: Path, count: int) -> None:
    """Small drawn scenes as PNG."""
    folder.mkdir(exist_ok=True)
    for at in range(count):
        cv2.imwrite(str(folder / f"{at}.png"), draw_scene(at, width=128, height=96, people=3).photo)


def test_the_densest_and_the_emptiest_are_chosen_and_every_density_between() -> None:
    chosen = choose(CROWDS, 16)
    people = [shot.density for shot in chosen]

    assert len(chosen) == 16
    assert (people[0], people[-1]) == (0, 2500)
    assert {"0", "1", "2", "3"} <= {str((n > 0) + (n > 50) + (n > 200)) for n in people}


def test_few_photos_are_all_chosen() -> None:
    assert len(choose(CROWDS[:5], 16)) == 5


def test_a_labelled_photo_is_chosen_by_its_head_points() -> None:
    assert replace(CROWDS[3], true=70).density == 70


def test_the_gate_keeps_a_third_and_all_that_was_not_chosen() -> None:
    chosen, rest = split(CROWDS, 16)

    assert len(chosen) == 16
    assert len(chosen) + len(rest) == len(CROWDS)
    assert not any(kept_for_gate(shot) for shot in chosen)


def test_a_photo_stays_on_its_side_when_others_go() -> None:
    fewer, rest = split(CROWDS[::2], 1000)

    assert {shot.name for shot in rest} <= {shot.name for shot in split(CROWDS, 1000)[1]}
    assert {shot.name for shot in fewer} <= {shot.name for shot in split(CROWDS, 1000)[0]}


def test_too_few_photos_are_refused() -> None:
    with pytest.raises(CalibrationError, match="31 photos to calibrate on, expected 32 or more"):
        check_choice(CROWDS[-31:], allow_sparse=True)


@pytest.mark.parametrize(
    ("people", "told"),
    [
        (
            [0.2] * 40,
            "all calibration photos are empty: the densest of 40 shows 0 people; missing: photos of 51 to 200",
        ),
        ([50.0] * 40, "all calibration photos are sparse: the densest of 40 shows 50 people"),
    ],
)
def test_photos_without_crowds_are_refused_unless_that_is_allowed(people: list[float], told: str) -> None:
    with pytest.raises(CalibrationError, match=told):
        check_choice(shots(people), allow_sparse=False)

    assert check_choice(shots(people), allow_sparse=True)


def test_photos_with_crowds_are_not_marked_sparse() -> None:
    assert not check_choice(CROWDS, allow_sparse=True)


def test_a_gate_on_calibration_photos_is_refused_whatever_they_are_called() -> None:
    same = replace(CROWDS[4], name="a copy.jpg")

    with pytest.raises(CalibrationError, match=r"1 of 2 gate photos were calibrated on too, a copy.jpg for one"):
        check_disjoint([CROWDS[4].sha256], [CROWDS[5], same])


def test_a_photo_that_cannot_be_decoded_is_left_out_and_told() -> None:
    def damaged() -> Image:
        raise InputError("a.jpg is damaged")

    good, bad = replace(CROWDS[1], people=None), replace(CROWDS[2], people=None, load=damaged)
    counted, failures = count_shots([good, bad], lambda shot: float(shot.load().shape[1]))

    assert [shot.counted for shot in counted] == [2.0]
    assert failures[0].message == "a.jpg is damaged"


def test_coverage_is_told_in_words() -> None:
    assert (
        told_coverage([0.1, 3.0, 900.0])
        == "1 of 0, 1 of 1 to 50, 0 of 51 to 200, 0 of 201 to 500, 1 of over 500 people"
    )


def test_a_folder_gives_each_content_once_and_tells_what_cannot_be_read(tmp_path: Path) -> None:
    write_photos(tmp_path / "a", 4)
    (tmp_path / "a" / "copy.png").write_bytes((tmp_path / "a" / "1.png").read_bytes())
    (tmp_path / "a" / "gone.png").symlink_to(tmp_path / "nowhere.png")

    found, failures = find_shots([str(tmp_path / "a")])

    assert len(found) == 4
    assert found[0].load().shape == (96, 128, 3)
    assert len(failures) == 1


def test_a_labelled_set_brings_its_head_points(tmp_path: Path) -> None:
    write_photos(tmp_path, 2)
    (tmp_path / "my.csv").write_text("photo,x,y\n0.png,1,2\n0.png,5,6\n1.png,,\n", "utf-8")

    found, _ = find_shots([f"points:{tmp_path / 'my.csv'}", str(tmp_path)])

    assert [(shot.name, shot.true) for shot in found] == [("0.png", 2), ("1.png", 0)]


@pytest.mark.parametrize(
    ("word", "kind", "told"),
    [
        ("{tmp}/none", InputError, "is no folder of photos"),
        ("{tmp}", CalibrationError, "there is no photo to calibrate on in"),
        ("points:a:b:c:d", ConfigError, "'points:a:b:c:d' names no set"),
        ("recipe:bl-quarter:{tmp}:all", ConfigError, "names no photos"),
    ],
)
def test_words_that_name_no_photos_are_refused(tmp_path: Path, word: str, kind: type[Exception], told: str) -> None:
    with pytest.raises(kind, match=told):
        find_shots([word.format(tmp=tmp_path)])
