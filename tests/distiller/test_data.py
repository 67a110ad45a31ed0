"""Which photos are trained on, in which order, and what is refused."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from distiller.config import SetConfig, TrainConfig
from distiller.data import CropStream, PhotoCache, is_held_out, prefetch, read_photo, read_sets
from sdk.errors import ConfigError, InputError

Pixels = list[list[bytes]]


def pixels(batches: object) -> Pixels:
    return [[crop.image.tobytes() + crop.points.tobytes() for crop in batch] for batch in batches]


@pytest.mark.parametrize(
    ("name", "patterns", "held_out"),
    [
        ("IMG_3", ("IMG_3",), True),
        ("IMG_31", ("IMG_3",), False),
        ("IMG_3", ("IMG_31",), False),
        ("1-20170419-7", ("1-20170419*",), True),
        ("2-20170419-7", ("1-20170419*",), False),
        ("anything", ("*",), True),
        ("a.b", ("a?b",), False),
        ("IMG_3", (), False),
    ],
)
def test_a_photo_is_held_out_by_its_name_or_beginning(name: str, patterns: tuple[str, ...], held_out: bool) -> None:
    assert is_held_out(name, patterns) is held_out


def test_a_set_is_split_as_the_config_says(drawn_set: Path, tiny: TrainConfig) -> None:
    (crowd,) = read_sets(tiny, drawn_set)

    assert [sample.name for sample in crowd.training] == ["empty.jpg", "one.jpg", "two.jpg"]
    assert [sample.name for sample in crowd.validation] == ["held.jpg"]


def test_a_held_out_name_that_no_photo_has_is_refused(drawn_set: Path, tiny: TrainConfig) -> None:
    config = replace(tiny, sets={"crowd": SetConfig("points", "crowd", validation=("held",))})

    with pytest.raises(ConfigError, match=r"sets\.crowd\.validation names 'held', and no photo is called that"):
        read_sets(config, drawn_set)


def test_a_set_held_out_whole_is_refused(drawn_set: Path, tiny: TrainConfig) -> None:
    config = replace(tiny, sets={"crowd": SetConfig("points", "crowd", validation=("*",))})

    with pytest.raises(InputError, match="set crowd has no photo to train on: 4 read, 4 held out"):
        read_sets(config, drawn_set)


def test_the_order_in_which_sets_are_listed_changes_nothing(drawn_set: Path, tiny: TrainConfig) -> None:
    one, two = SetConfig("points", "crowd"), SetConfig("points", "crowd", weight=3, validation=("held.jpg",))
    configs = [replace(tiny, sets={"a": one, "b": two}), replace(tiny, sets={"b": two, "a": one})]
    first, second = (CropStream(read_sets(config, drawn_set), config) for config in configs)

    assert pixels([first.batch(3, 4)]) == pixels([second.batch(3, 4)])


@pytest.mark.parametrize("threads", [1, 3])
def test_batches_come_in_order_whatever_the_number_of_threads(drawn_set: Path, tiny: TrainConfig, threads: int) -> None:
    stream = CropStream(read_sets(tiny, drawn_set), tiny)
    expected = [stream.batch(step, tiny.batch) for step in range(2, 9)]

    assert pixels(prefetch(stream, range(2, 9), threads=threads)) == pixels(expected)


def test_an_error_while_loading_reaches_the_trainer_after_the_batches_before_it(
    tiny: TrainConfig, tmp_path: Path
) -> None:
    (tmp_path / "crowd").mkdir()
    (tmp_path / "crowd" / "points.csv").write_text("photo,x,y\nbroken.jpg,,\nheld.jpg,,\n")
    for name in ("broken.jpg", "held.jpg"):
        (tmp_path / "crowd" / name).write_bytes(b"no photo")
    config = replace(tiny, empty=0.0)
    stream = CropStream(read_sets(config, tmp_path), config)

    with pytest.raises(InputError, match=r"broken\.jpg"):
        next(prefetch(stream, range(4)))


def test_loader_threads_end_when_the_batches_are_given_up(drawn_set: Path, tiny: TrainConfig) -> None:
    stream = CropStream(read_sets(tiny, drawn_set), tiny)
    with closing(prefetch(stream, range(1000), threads=2)) as batches:
        next(batches)

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("crops")]


def test_the_cache_keeps_what_fits_and_reads_the_rest_again(drawn_set: Path) -> None:
    cache = PhotoCache(160 * 128 * 3)
    one, two = drawn_set / "crowd" / "one.jpg", drawn_set / "crowd" / "two.jpg"

    assert cache.read(one) is cache.read(one)
    assert cache.read(two) is not cache.read(two)
    assert np.array_equal(cache.read(two), read_photo(two))


def test_the_share_of_crops_without_people_is_as_set(drawn_set: Path, tiny: TrainConfig) -> None:
    config = replace(tiny, empty=0.5)
    sources = [crop.source for crop in CropStream(read_sets(config, drawn_set), config).batch(0, 200)]

    assert sources.count("a drawn pattern") == pytest.approx(100, abs=30)
    assert set(sources) == {"a drawn pattern", "crowd/one.jpg", "crowd/two.jpg", "crowd/empty.jpg"}


def test_crops_without_people_can_come_from_drawn_scenes(drawn_set: Path, tiny: TrainConfig) -> None:
    config = replace(tiny, empty=1.0, empty_scenes=1.0)
    (crop,) = CropStream(read_sets(config, drawn_set), config).batch(0, 1)

    assert crop.source.startswith("drawn scene ")
    assert (crop.image.shape, len(crop.points)) == ((64, 64, 3), 0)
    assert crop.image.std() > 0


def test_an_unreadable_photo_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.jpg"):
        read_photo(tmp_path / "gone.jpg")
