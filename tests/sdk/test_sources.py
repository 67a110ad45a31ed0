"""Which photos arguments stand for, and where their outputs go."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdk.errors import ConfigError, InputError
from sdk.sources import find_photos, places


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a few photos below it."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "cam10.jpg",
        "cam2.jpg",
        "notes.txt",
        "a/cam.JPG",
        "a/cam.png",
        "b/cam.jpg",
        "b/.hidden.jpg",
        ".x/y.jpg",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    return tmp_path


def paths(*arguments: str, leave_out: Path | None = None) -> list[str]:
    return [str(photo.path) for photo in find_photos(arguments, leave_out=leave_out)]


def test_a_folder_stands_for_all_its_photos_in_natural_order(here: Path) -> None:
    assert paths(".") == ["a/cam.JPG", "a/cam.png", "b/cam.jpg", "cam2.jpg", "cam10.jpg"]


def test_a_pattern_stands_for_what_it_matches(here: Path) -> None:
    assert paths("cam*.jpg") == ["cam2.jpg", "cam10.jpg"]
    assert paths("**/cam.*") == ["a/cam.JPG", "a/cam.png", "b/cam.jpg"]
    assert paths("[abe]*") == ["a/cam.JPG", "a/cam.png", "b/cam.jpg"]


def test_a_name_that_looks_like_a_pattern_is_a_name_where_it_exists(here: Path) -> None:
    (here / "cam[1].jpg").touch()

    assert paths("cam[1].jpg") == ["cam[1].jpg"]


def test_what_is_named_stays_in_the_list_even_when_it_is_missing(here: Path) -> None:
    assert paths("none.jpg", "notes.txt", "cam2.jpg") == ["none.jpg", "notes.txt", "cam2.jpg"]


def test_a_photo_that_is_named_twice_is_counted_once(here: Path) -> None:
    (here / "link").symlink_to(here / "a")

    assert paths("cam2.jpg", "./cam2.jpg", "a/../cam2.jpg", str(here / "cam2.jpg"), "cam2.jpg") == ["cam2.jpg"]
    assert paths("a", "link/cam.png") == ["a/cam.JPG", "a/cam.png"]


@pytest.mark.parametrize(
    ("argument", "kind", "message"),
    [
        ("", ConfigError, "the name of a photo is empty"),
        ("empty", InputError, r"folder empty holds no photos .*\.jpeg, \.jpg"),
        ("x*.jpg", InputError, r"pattern 'x\*\.jpg' matches no photo"),
    ],
)
def test_what_stands_for_nothing_is_refused(here: Path, argument: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        paths(argument)


def test_pictures_of_the_last_run_are_left_out(here: Path) -> None:
    assert paths(".", leave_out=Path("a")) == ["b/cam.jpg", "cam2.jpg", "cam10.jpg"]
    assert paths("**/*.jpg", leave_out=Path("b")) == ["cam2.jpg", "cam10.jpg"]
    assert paths("[ab]", leave_out=Path("a")) == ["b/cam.jpg"]
    assert paths("a", leave_out=Path("a")) == ["a/cam.JPG", "a/cam.png"]


def test_a_folder_that_may_not_be_looked_into_is_no_traceback(here: Path) -> None:
    assert paths("x" * 5000) == ["x" * 5000]


def placed(*names: str) -> list[str]:
    return [str(place) for place in places([Path("/photos", name) for name in names])]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["cam.jpg"], ["cam"]),
        (["a/cam.jpg", "b/cam.jpg"], ["a/cam", "b/cam"]),
        (["cam.jpg", "cam.png", "x.jpg"], ["cam.jpg", "cam.png", "x"]),
        (["cam.jpg", "cam.jpg.png"], ["cam", "cam.jpg.png"]),
        (["cam", "cam.jpg"], ["cam", "cam.jpg"]),
        ([], []),
    ],
)
def test_outputs_are_named_after_their_photos(names: Sequence[str], expected: Sequence[str]) -> None:
    assert placed(*names) == expected


@given(
    st.sets(st.text("ab./", min_size=1, max_size=8).map(lambda name: os.path.normpath(f"/photos/{name}x")), max_size=9)
)
def test_no_two_photos_share_a_place(names: set[str]) -> None:
    found = places([Path(name) for name in names])

    assert len(set(found)) == len(names)
    assert not any(place.is_absolute() or ".." in place.parts for place in found)


def test_outputs_never_leave_their_folder(here: Path) -> None:
    (here / "b" / "c").mkdir()
    (here / "b" / "c" / "d.jpg").touch()

    found = find_photos(["b/../cam2.jpg", str(here / "b/c/../c/d.jpg")])

    assert [str(photo.place) for photo in found] == ["cam2", "b/c/d"]


def test_a_hundred_thousand_photos_take_no_time() -> None:
    assert len(places([Path(f"/photos/{number}.jpg") for number in range(100_000)])) == 100_000
