"""The state of a count, told from one frame."""

from __future__ import annotations

import numpy as np
import pytest

from sdk.errors import CalibrationError
from sdk.frame import Image
from sdk.trust.likeness import (
    FEATURES,
    SHIFT,
    Likeness,
    distances,
    features_of,
    fit_likeness,
    measured_false_alarms,
)
from sdk.trust.picture import FAR, block_detail, look_at
from sdk.trust.state import REASONS, Finding, State, state_of
from tests.tiny_package import noise_photo
from tests.trust.looks import dim, hidden, noisy, page, soft, view


@pytest.fixture(scope="module")
def rows() -> list[tuple[float, ...]]:
    """Of 40 views like those that the tests look at: three drawn ones, cut out and lit differently."""
    return [features_of(look_at(noisy(cut_out(seed), seed))) for seed in range(40)]


def cut_out(seed: int) -> Image:
    right, down = (seed * 7) % 64, (seed * 5) % 36
    part = view(people=20, seed=5 + seed % 3)[down : down + 144, right : right + 256]
    return np.clip(part * (0.8 + seed % 5 / 10), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def streets(rows: list[tuple[float, ...]]) -> Likeness:
    return fit_likeness(rows)


def told(photo: Image, likeness: Likeness | None = None) -> tuple[str, list[str]]:
    state = state_of(look_at(photo), likeness)
    assert all(reason.partition(":")[0] in REASONS for reason in state.reasons)
    return state.name, [reason.partition(":")[0] for reason in state.reasons]


def test_a_good_picture_of_a_known_scene_is_ok(streets: Likeness) -> None:
    assert told(noisy(view(), 99), streets) == ("ok", [])


@pytest.mark.parametrize(
    ("photo", "state", "reason"),
    [
        (noisy(dim(view(), 0.1), 1), "untrusted", "too dark"),
        (noisy(dim(view(), 0.22), 1), "degraded", "too dark"),
        (soft(view(), 5), "untrusted", "blurred"),
        (hidden(view(), 1.0), "untrusted", "covered"),
        (np.full((180, 320, 3), 255, np.uint8), "untrusted", "covered"),
        (noisy(np.full((180, 320, 3), 15, np.uint8), 3, sigma=6), "untrusted", "too dark"),
    ],
    ids=["night", "dusk", "out of focus", "a hand", "white", "a cap"],
)
def test_a_bad_picture_says_what_is_wrong_with_it(photo: Image, state: str, reason: str) -> None:
    assert told(photo) == (state, [reason])


def test_a_page_and_noise_are_unlike_streets(streets: Likeness) -> None:
    assert told(page(), streets) == ("untrusted", ["unlike the training data"])
    assert told(noise_photo(180, 320), streets)[1] == ["unlike the training data"]


def test_few_of_the_photos_themselves_raise_a_false_alarm(rows: list[tuple[float, ...]]) -> None:
    assert measured_false_alarms(rows) <= 0.08


def test_without_a_calibration_no_scene_is_unlike_another() -> None:
    assert told(page()) == ("ok", [])


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (5, 7), (3000, 20)])
def test_a_frame_of_any_size_can_be_looked_at(size: tuple[int, int], streets: Likeness) -> None:
    look = look_at(noise_photo(*size))

    assert np.isfinite(features_of(look)).all()
    assert state_of(look, streets).name in ("ok", "degraded", "untrusted")


@pytest.mark.parametrize("size", [(54, 96), (96, 31), (8, 8), (5, 40), (1, 1)])
def test_the_detail_of_blocks_is_their_standard_deviation(size: tuple[int, int]) -> None:
    tiny = noise_photo(*size)[..., 0]
    high, wide = min(8, size[0]), min(8, size[1])
    plain = [
        [tiny[y : y + high, x : x + wide].std() for x in range(0, size[1] - wide + 1, wide)]
        for y in range(0, size[0] - high + 1, high)
    ]

    assert block_detail(tiny) == pytest.approx(np.array(plain), abs=1e-4)


def test_a_picture_is_like_itself_as_its_correlation_with_itself_shifted_says() -> None:
    look = look_at(noisy(view(), 4))
    down, across = features_of(look)[-2:]

    assert down == pytest.approx(np.corrcoef(look.tiny[:-SHIFT].ravel(), look.tiny[SHIFT:].ravel())[0, 1], abs=1e-5)
    right, left = look.tiny[:, SHIFT:], look.tiny[:, :-SHIFT]
    assert across == pytest.approx(np.corrcoef(left.ravel(), right.ravel())[0, 1], abs=1e-5)


def test_one_frame_is_as_far_from_the_photos_as_a_table_of_frames(streets: Likeness) -> None:
    looks = [look_at(noisy(view(seed=seed), seed)) for seed in (5, 8)]
    table = np.array([features_of(look) for look in looks])

    together = distances(np.array(streets.photos), table, np.array(streets.spread))

    assert [streets.distance(look) for look in looks] == pytest.approx(together.tolist(), rel=1e-9)


def test_the_width_of_edges_grows_with_blur_and_not_with_noise() -> None:
    sharp, blurred = view(), soft(view(), 3)

    assert look_at(sharp).edge < 3 < look_at(blurred).edge <= FAR
    assert look_at(noisy(blurred, 1)).edge > 4


def test_a_worse_finding_makes_the_state_worse_and_a_better_one_does_not() -> None:
    dark = State().with_findings([Finding("untrusted", "too dark: 9")])

    both = dark.with_findings([Finding("degraded", "blurred: 6"), Finding("degraded", "too dark: 11")])

    assert both == State("untrusted", ("too dark: 9", "blurred: 6"))


def test_too_few_photos_are_no_likeness() -> None:
    with pytest.raises(CalibrationError, match="2 photos are too few to know a scene by, expected 30 or more"):
        fit_likeness([(0.0,) * len(FEATURES)] * 2)


def test_a_likeness_that_cannot_be_is_refused(streets: Likeness) -> None:
    names = tuple(FEATURES)

    with pytest.raises(CalibrationError, match="features are warmth; this release tells brightness"):
        Likeness(("warmth",), (1.0,), ((0.0,),) * 3, 1.0)
    with pytest.raises(CalibrationError, match="2 photos do not all have 18 numbers"):
        Likeness(names, streets.spread, streets.photos[:2], 1.0)
    with pytest.raises(CalibrationError, match="spread and limit are not all finite"):
        Likeness(names, streets.spread, streets.photos, 0.0)
