"""Scores in words and numbers, for tables on a terminal and in reports."""

from __future__ import annotations

from sdk.evaluation import Evaluation
from sdk.metrics import BinScore, PhotoScore, Scores
from sdk.zones_score import ZoneScores

BIN_HEADER = ("people in the photo", "photos", "MAE", "bias")
ZONE_HEADER = ("zone", "people", "MAE", "bias")


def subtitle(evaluation: Evaluation) -> str:
    """How much was counted, and by what."""
    scores = evaluation.scores
    return f"{amount(scores.photos, 'photo')}, {scores.people:,} people. Ran on {evaluation.backend}."


def headline(scores: Scores) -> list[tuple[str, str, str]]:
    """Name, value and meaning of each score."""
    nae = "-" if scores.nae is None else f"{100 * scores.nae:.1f} %"
    left_out = f"; leaves out {amount(scores.nae_left_out, 'photo')} without people" if scores.nae_left_out else ""
    percent = "" if scores.bias_percent is None else f"{signed(scores.bias_percent)} % of all people; "
    game = enumerate(scores.game)
    return [
        ("MAE", f"{scores.mae:,.1f}", "mean absolute error, people a photo"),
        ("RMSE", f"{scores.rmse:,.1f}", "root of the mean squared error"),
        ("NAE", nae, f"mean error relative to the true count{left_out}"),
        ("bias", signed(scores.bias), f"{percent}above 0 counts too many"),
        *((f"GAME({n})", f"{error:,.1f}", f"error summed over {amount(4**n, 'part')} of a photo") for n, error in game),
    ]


def bin_rows(scores: Scores) -> list[tuple[str, ...]]:
    """The cells under BIN_HEADER, a row for each density that has photos."""
    return [
        (bin_name(part), f"{part.photos:,}", f"{part.mae:,.1f}", signed(part.bias))
        for part in scores.bins
        if part.mae is not None and part.bias is not None
    ]


def zone_rows(scores: ZoneScores) -> list[tuple[str, ...]]:
    """The cells under ZONE_HEADER, a row for each zone and one for all of them."""
    rows = [(zone.zone, f"{zone.people:,}", f"{zone.mae:,.1f}", signed(zone.bias)) for zone in scores.zones]
    return [*rows, ("all, errors summed", "", f"{scores.game:,.1f}", "")]


def bin_name(part: BinScore) -> str:
    """A density in words."""
    if part.most is None:
        return f"over {part.fewest - 1}"
    return "none" if part.most == 0 else f"{part.fewest} to {part.most}"


def notes(evaluation: Evaluation) -> list[str]:
    """What a reader must know beside the scores."""
    found = []
    if evaluation.left:
        found.append(f"stopped: {amount(evaluation.left, 'photo')} of the set not counted; no score includes them.")
    if evaluation.failed:
        found.append(f"{amount(len(evaluation.failed), 'photo')} could not be counted; no score includes them.")
    if evaluation.moved:
        found.append(
            f"{amount(evaluation.moved, 'point')} labelled outside the photo; counted as people at its border."
        )
    return found


def error_line(photo: PhotoScore) -> str:
    """One photo's count in words."""
    return f"{photo.true:,} people, counted {photo.counted:,.1f} ({signed(photo.error)})"


def signed(value: float) -> str:
    """A number with its sign and one decimal; never -0.0."""
    return f"{round(value, 1) + 0.0:+,.1f}"


def amount(number: int, unit: str) -> str:
    """A number of things."""
    return f"{number:,} {unit}{'' if number == 1 else 's'}"
