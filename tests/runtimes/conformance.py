"""What every engine must do: one list of cases, each a function of an opener for that engine.

An opener takes load options and gives a backend with the tiny model of `tests.models`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from runtimes.base import Backend, LoadOptions
from runtimes.errors import InferenceError, InputError
from tests.models import tiny_density
from tests.tolerances import DENSITY_ABSOLUTE, EXACT, INT8_CELL

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Opener:
    """Opens the tiny model on one engine."""

    open: Callable[..., Backend]  # load options, or nothing
    engine: str
    precision: str = "fp32"
    device: str = "cpu"

    @property
    def cell(self) -> float:
        """How far a cell may be from the model in fp32, people."""
        return {"fp32": DENSITY_ABSOLUTE, "int8": INT8_CELL}[self.precision]


def photos(n: int, height: int = 64, width: int = 96) -> np.ndarray:
    """(n, height, width, 3) uint8 noise, the same each time."""
    return np.random.default_rng(n).integers(0, 256, (n, height, width, 3), np.uint8)


def density_is_that_of_the_model(opener: Opener) -> None:
    with opener.open() as backend:
        output = backend.run(photos(2))

    assert output.density.shape == (2, 8, 12)
    np.testing.assert_allclose(output.density, tiny_density(photos(2)), atol=opener.cell, rtol=0)


def count_is_the_sum_of_the_density(opener: Opener) -> None:
    with opener.open() as backend:
        output = backend.run(photos(3))

    assert output.count == pytest.approx(output.density.sum(axis=(1, 2)), rel=EXACT)


def answers_are_float32_and_stay_as_they_are(opener: Opener) -> None:
    with opener.open() as backend:
        first = backend.run(photos(1))
        before = first.density.copy()
        backend.run(photos(1) // 2)

    assert (first.density.dtype, first.count.dtype) == (np.float32, np.float32)
    np.testing.assert_array_equal(first.density, before)


def a_batch_is_its_items(opener: Opener) -> None:
    with opener.open() as backend:
        together = backend.run(photos(3))
        alone = [backend.run(photo[None]) for photo in photos(3)]

    np.testing.assert_allclose(together.density, np.concatenate([one.density for one in alone]), rtol=EXACT, atol=EXACT)


def a_batch_of_none_gets_an_output_of_none(opener: Opener) -> None:
    with opener.open() as backend:
        output = backend.run(photos(0))

    assert (output.density.shape, output.count.shape) == ((0, 8, 12), (0,))


def photos_of_another_size_follow_each_other(opener: Opener) -> None:
    with opener.open() as backend:
        shapes = [backend.run(photos(1, *size)).density.shape[1:] for size in ((64, 96), (16, 16), (208, 32), (64, 96))]

    assert shapes == [(8, 12), (2, 2), (26, 4), (8, 12)]


def a_view_counts_like_its_copy(opener: Opener) -> None:
    view = photos(1, 64, 192)[:, :, ::2, ::-1]
    with opener.open() as backend:
        np.testing.assert_array_equal(backend.run(view).density, backend.run(view.copy()).density)


def a_float_photo_is_refused(opener: Opener) -> None:
    with (
        opener.open() as backend,
        pytest.raises(InputError, match=r"^a batch must be uint8 .* is float32 \(1, 64, 96, 3"),
    ):
        backend.run(photos(1).astype(np.float32))


def a_photo_without_its_batch_is_refused(opener: Opener) -> None:
    with opener.open() as backend, pytest.raises(InputError, match=r"this one is uint8 \(64, 96, 3\)"):
        backend.run(photos(1)[0])


def a_grey_photo_is_refused(opener: Opener) -> None:
    with opener.open() as backend, pytest.raises(InputError, match=r"this one is uint8 \(1, 64, 96, 1\)"):
        backend.run(photos(1)[..., :1])


def a_list_is_refused(opener: Opener) -> None:
    with opener.open() as backend, pytest.raises(InputError, match=r"this one is a list"):
        backend.run([1, 2])


def a_size_off_the_grid_is_refused(opener: Opener) -> None:
    with (
        opener.open() as backend,
        pytest.raises(InputError, match=r"multiples of 16 pixels; these are 7 high, 96 wide"),
    ):
        backend.run(photos(1, 7))


def a_photo_without_rows_is_refused(opener: Opener) -> None:
    with opener.open() as backend, pytest.raises(InputError, match=r"these are 0 high, 96 wide"):
        backend.run(photos(1, 0))


def it_still_counts_after_a_refusal(opener: Opener) -> None:
    with opener.open() as backend:
        with pytest.raises(InputError, match=r"multiples of 16"):
            backend.run(photos(1, 7))
        assert backend.run(photos(1)).count.shape == (1,)


def closing_twice_is_fine(opener: Opener) -> None:
    backend = opener.open()
    backend.close()
    backend.close()


def a_closed_backend_says_so(opener: Opener) -> None:
    with opener.open() as backend:
        pass

    with pytest.raises(InferenceError, match=rf"this {opener.engine} backend is closed .load the model again"):
        backend.run(photos(1))


def a_closed_backend_still_tells_what_it_was(opener: Opener) -> None:
    with opener.open() as backend:
        info = backend.info()

    assert backend.info() == info


def two_backends_live_side_by_side(opener: Opener) -> None:
    with opener.open() as one:
        with opener.open() as other:
            assert one.run(photos(1)).count == other.run(photos(1)).count
        assert one.run(photos(1)).count.shape == (1,)


def threads_that_share_a_backend_get_their_own_answers(opener: Opener) -> None:
    batches = [photos(n, 64, 16 * n) for n in (1, 2, 3, 4)] * 4
    with opener.open() as backend, ThreadPoolExecutor(4) as pool:
        outputs = list(pool.map(backend.run, batches))

    for batch, output in zip(batches, outputs, strict=True):
        np.testing.assert_allclose(output.density, tiny_density(batch), atol=opener.cell, rtol=0)


def info_tells_what_loaded(opener: Opener) -> None:
    with opener.open(LoadOptions(threads=1)) as backend:
        info = backend.info()

    threads = 1 if opener.device == "cpu" else None
    told = (info.engine, info.device, info.precision, info.threads)
    assert told == (opener.engine, opener.device, opener.precision, threads)
    assert info.int8 == ((1, 1) if opener.precision == "int8" else None)
    assert info.engine_version[0].isdigit()
    assert info.device_name


def info_repeats_what_happened_before(opener: Opener) -> None:
    with opener.open(LoadOptions(notes=("another engine failed",))) as backend:
        assert "another engine failed" in backend.info().notes


def a_size_that_comes_again_and_again_stays_right(opener: Opener) -> None:
    with opener.open() as backend:
        for at in range(6):
            batch = np.roll(photos(1), 8 * at, axis=2)
            np.testing.assert_allclose(backend.run(batch).density, tiny_density(batch), atol=opener.cell, rtol=0)


def a_cache_folder_that_cannot_be_made_is_no_failure(opener: Opener) -> None:
    with opener.open(LoadOptions(cache_dir=Path(__file__, "cache"))) as backend:
        assert backend.run(photos(1)).count.shape == (1,)
        assert not backend.info().cache_hit


CASES: tuple[Callable[[Opener], None], ...] = (
    density_is_that_of_the_model,
    count_is_the_sum_of_the_density,
    answers_are_float32_and_stay_as_they_are,
    a_batch_is_its_items,
    a_batch_of_none_gets_an_output_of_none,
    photos_of_another_size_follow_each_other,
    a_view_counts_like_its_copy,
    a_float_photo_is_refused,
    a_photo_without_its_batch_is_refused,
    a_grey_photo_is_refused,
    a_list_is_refused,
    a_size_off_the_grid_is_refused,
    a_photo_without_rows_is_refused,
    it_still_counts_after_a_refusal,
    closing_twice_is_fine,
    a_closed_backend_says_so,
    a_closed_backend_still_tells_what_it_was,
    two_backends_live_side_by_side,
    threads_that_share_a_backend_get_their_own_answers,
    info_tells_what_loaded,
    info_repeats_what_happened_before,
    a_size_that_comes_again_and_again_stays_right,
    a_cache_folder_that_cannot_be_made_is_no_failure,
)
