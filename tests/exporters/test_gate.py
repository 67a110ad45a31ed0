"""The accuracy gate: what passes, what fails, and which figure says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exporters.calibration_photos import Shot
from exporters.gate import Gate, Limits, Verdict, check_enough, judge, parse_limits, refusal
from sdk.errors import AccuracyGateError, ConfigError

PEOPLE = (0, 10, 40, 100, 180, 300, 480, 700, 1200)


def shots(*people: float, labelled: bool = True) -> tuple[Shot, ...]:
    """Photos that the master counts 5 people too few or too many, the empty one well; nothing loads them."""
    truths = [round(n) + (0 if n == 0 else 5 if at % 2 else -5) for at, n in enumerate(people)]
    return tuple(
        Shot(f"p{at}", f"{at:064}", lambda: None, float(n), true if labelled else None)  # type: ignore[arg-type,return-value]
        for at, (n, true) in enumerate(zip(people, truths, strict=True))
    )


def verdict(change: Callable[[float], float], photos: tuple[Shot, ...] = shots(*PEOPLE), **limits: float) -> Verdict:
    """What the gate says of a variant that counts `change` of the master's count."""
    return judge(Gate(Limits(**limits), photos), "onnx-int8", "engine", lambda shot: change(shot.counted))


def failed(found: Verdict) -> list[str]:
    return [check.name for check in found.checks if not check.passed]


def test_a_variant_that_counts_like_the_master_passes() -> None:
    found = verdict(lambda people: people)

    assert found.passed
    assert found.summary()["status"] == "passed"
    assert found.summary()["bias_percent"] == 0


def test_a_variant_that_undercounts_everywhere_fails_on_bias_and_density() -> None:
    found = verdict(lambda people: 0.96 * people)

    assert failed(found) == ["mae", "bias", "bin"]
    assert found.summary()["bias_percent"] == pytest.approx(-4, abs=0.01)


def test_the_bias_of_one_density_is_not_hidden_by_another() -> None:
    found = verdict(lambda people: people + (60 if people > 500 else -40 if people > 200 else 0), mae=1e6, photo=100)

    assert "bin" in failed(found)


def test_one_crowded_photo_that_moved_much_fails() -> None:
    found = verdict(lambda people: 88.0 if people == 100.0 else people, mae=1e6, bias=100, bin=100)

    assert failed(found) == ["photo"]
    assert found.worst == {"name": "p3", "people": 105.0, "difference": -12.0}


def test_half_a_person_in_photos_of_nearly_nobody_is_no_failure() -> None:
    found = verdict(lambda people: people + 0.4 if people <= 10 else people)

    assert found.passed


def test_two_people_in_every_empty_photo_are_a_failure() -> None:
    found = verdict(lambda people: people + 2 if people == 0 else people, mae=1e6, bias=100)

    assert failed(found) == ["bin"]
    assert found.bins[0].bias == 2
    assert found.bins[0].bias_percent is None


def test_a_smaller_error_than_the_masters_is_no_failure() -> None:
    photos = tuple(Shot(f"p{at}", f"{at:064}", lambda: None, 110.0, 100) for at in range(8))  # type: ignore[arg-type,return-value]

    assert "mae" not in failed(verdict(lambda _: 105.0, photos))


def test_without_labels_the_master_is_the_truth() -> None:
    found = verdict(lambda people: people * 1.02, shots(*PEOPLE, labelled=False))

    assert not found.labelled
    assert found.mae_fp32 == 0
    assert failed(found) == ["mae", "bias"]


def test_limits_are_read_from_a_word() -> None:
    assert parse_limits("") == Limits()
    assert parse_limits("mae=2, photo=30") == Limits(mae=2, photo=30)
    assert parse_limits("off") is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("speed=1", "gate 'speed=1' names no limit"),
        ("mae=much", "gate limit mae is 'much', expected a number of per cent"),
        ("mae=-1", "gate limit mae is -1.0, expected per cent, 0 or more"),
    ],
)
def test_words_that_are_no_limits_are_refused(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse_limits(text)


def test_a_gate_of_few_photos_is_refused() -> None:
    with pytest.raises(AccuracyGateError, match="the accuracy gate has 2 photos, expected 8 or more"):
        check_enough(shots(1, 2))


def test_the_refusal_names_each_limit_that_was_missed() -> None:
    error = refusal([verdict(lambda people: 0.8 * people)], b"{}")

    assert "onnx-int8: mae" in error.message
    assert "bin -20.00 % (limit 3), photo -20.57 % (limit 10)" in error.message
    assert error.exit_code == 7
