"""Many photos at once: in order, a bounded number, equal to one by one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sdk import CountOptions, CrowdCounter
from sdk.errors import BackendError, ConfigError, InferenceError, InputError
from sdk.many import in_order
from tests.sdk.photo_files import encoded
from tests.tiny_package import ENGINES, noise_photo
from tests.tolerances import TILED_RELATIVE

SIZES = [(100, 140), (64, 64), (97, 33), (16, 200)] * 3


def same(item: int) -> int:
    return item


class Source:
    """Numbers, and how many of them were taken."""

    def __init__(self, count: int) -> None:
        self.count, self.taken = count, 0

    def __iter__(self) -> Iterator[int]:
        for item in range(self.count):
            self.taken += 1
            yield item


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("at_once", [1, 3])
def test_many_photos_count_as_one_by_one(tiny: Path, engine: str, at_once: int) -> None:
    photos = [encoded(noise_photo(*size, seed)) for seed, size in enumerate(SIZES)]
    options = CountOptions(max_in_flight=at_once)

    with CrowdCounter(tiny, backend=engine, threads=2, options=options) as counter:
        expected = [counter.count(photo).count for photo in photos]
        many = [result.count for result in counter.count_many(iter(photos)) if not isinstance(result, InputError)]
        batch = [result.count for result in counter.count_batch(photos)]

    assert many == pytest.approx(expected, rel=TILED_RELATIVE)
    assert batch == pytest.approx(expected, rel=TILED_RELATIVE)


def test_a_bad_photo_has_its_error_in_its_place_and_the_others_are_counted(tiny: Path) -> None:
    photos = [noise_photo(64, 64), b"no photo", noise_photo(64, 80)]

    with CrowdCounter(tiny) as counter:
        kinds = [type(result).__name__ for result in counter.count_many(photos)]
        with pytest.raises(InputError, match="the data is not a photo"):
            counter.count_batch(photos)

    assert kinds == ["CountResult", "InputError", "CountResult"]


def test_a_closed_counter_counts_no_photo_of_many(tiny: Path) -> None:
    counter = CrowdCounter(tiny)
    counter.close()

    with pytest.raises(InferenceError, match="backend is closed"):
        list(counter.count_many([noise_photo(64, 64)]))


def test_results_come_in_order_although_later_ones_are_ready_first() -> None:
    second_done = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert second_done.wait(20)
        elif item == 1:
            second_done.set()
        return item

    assert list(in_order(range(6), same, work, 2)) == list(range(6))


def test_no_more_than_twice_the_number_in_flight_is_taken_ahead() -> None:
    source = Source(100)
    results = in_order(source, same, same, 3)

    for at in range(5):
        assert next(results) == at
        assert source.taken <= at + 6
    results.close()
    assert source.taken <= 10


def test_an_error_is_raised_in_its_place_and_nothing_else_is_started() -> None:
    source = Source(100)

    def work(item: int) -> int:
        if item == 2:
            raise InferenceError("the engine failed")
        return item

    results = in_order(source, same, work, 2)

    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(InferenceError, match="the engine failed"):
        next(results)
    assert source.taken <= 6


def test_no_photos_give_no_results() -> None:
    assert list(in_order([], same, same, 4)) == []


def test_nothing_in_flight_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_in_flight is 0, expected 1 photo or more"):
        CountOptions(max_in_flight=0)


def test_an_engine_that_is_given_is_for_tensorrt(tiny: Path, tmp_path: Path) -> None:
    given = CountOptions(plan=tmp_path)

    with pytest.raises(ConfigError, match=r"plan is an engine of TensorRT, and backend openvino is asked for .ask for"):
        CrowdCounter(tiny, backend="openvino", options=given)
    with pytest.raises(BackendError, match=r"nothing here can run device auto, backend tensorrt, precision auto"):
        CrowdCounter(tiny, options=given)
