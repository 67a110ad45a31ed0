"""Intervals: they hold the true number as often as they say, and grow with the count."""

from __future__ import annotations

import numpy as np
import pytest

from sdk.errors import CalibrationError
from sdk.trust.interval import (
    FEWEST,
    IN_A_BIN,
    DensityBin,
    Intervals,
    coverage,
    fit_intervals,
    measured_coverage,
    quantile,
)


def counts(photos: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Of so many photos, people counted and true: a tenth too few, and off by half the root."""
    rng = np.random.default_rng(seed)
    true = np.round(np.exp(rng.uniform(0, 7, photos)))
    return np.maximum(0, 0.9 * true + 0.5 * np.sqrt(true) * rng.standard_normal(photos)), true


def test_nine_of_ten_new_photos_lie_in_their_interval() -> None:
    intervals = fit_intervals(*counts(400))

    assert coverage(intervals, *counts(4000, seed=1)) == pytest.approx(0.9, abs=0.03)


def test_every_density_is_covered_alike() -> None:
    intervals = fit_intervals(*counts(400))
    counted, true = counts(4000, seed=1)

    for low, high in ((0, 10), (10, 100), (100, 2000)):
        chosen = (counted >= low) & (counted < high)
        assert coverage(intervals, counted[chosen], true[chosen]) == pytest.approx(0.9, abs=0.06)


def test_the_coverage_that_is_measured_is_that_of_other_photos() -> None:
    measured = measured_coverage(*counts(160))

    assert measured.mean == pytest.approx(0.91, abs=0.02)
    assert measured.lowest < measured.mean < measured.highest


def test_the_quantile_is_the_one_for_so_few_scores() -> None:
    scores = np.arange(1.0, 31.0)

    assert quantile(scores, 0.9) == 28  # 31 * 0.9 = 27.9
    assert quantile(scores[:5], 0.9) == 5


def test_an_interval_goes_around_its_count_and_never_below_nobody() -> None:
    intervals = Intervals(0.9, (DensityBin(0, 40, 2.0), DensityBin(15, 40, 1.0)))

    assert intervals.around(0.0) == (0, 2)
    assert intervals.around(15.0) == (7, 23)


def test_bins_hold_enough_photos_and_the_first_begins_at_nobody() -> None:
    many = fit_intervals(*counts(170))
    few = fit_intervals(*counts(FEWEST))

    assert [one.photos >= IN_A_BIN for one in many.bins] == [True] * 4
    assert many.bins[0].fewest == 0
    assert len(few.bins) == 1


def test_photos_that_all_show_nobody_have_one_bin() -> None:
    assert fit_intervals([0.0] * 100, [0.0] * 100).around(0.0) == (0, 0)


def test_too_few_photos_are_refused() -> None:
    with pytest.raises(CalibrationError, match=f"29 labelled photos are too few for an interval, expected {FEWEST}"):
        fit_intervals(*counts(29))


@pytest.mark.parametrize(
    ("bins", "share", "said"),
    [
        ((DensityBin(3, 40, 1),), 0.9, r"begin at \[3\] people, expected 0 first"),
        ((), 0.9, "density bins begin at"),
        ((DensityBin(0, 40, 1),), 1.0, "share is 1.0, expected more than 0"),
        ((DensityBin(0, 40, float("inf")),), 0.9, "score from 0 people on is inf"),
    ],
)
def test_intervals_that_cannot_be_are_refused(bins: tuple[DensityBin, ...], share: float, said: str) -> None:
    with pytest.raises(CalibrationError, match=said):
        Intervals(share, bins)
