"""A package with a calibration of its counts: intervals and a likeness, fitted on labelled photos."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from exporters.calibration_photos import Shot
from exporters.card import model_card
from sdk.counter import CrowdCounter
from sdk.errors import CalibrationError
from sdk.evaluation import describe
from sdk.manifest import FileEntry, Manifest
from sdk.trust.calibration import TRUST_NAME, Measured, TrustCalibration
from sdk.trust.interval import SPLITS, fit_intervals, measured_coverage
from sdk.trust.likeness import features_of, fit_likeness, measured_false_alarms
from sdk.trust.picture import look_at


@dataclass(frozen=True)
class CountedPhoto:
    """A labelled photo, as a model counted it."""

    name: str
    true: int  # head points
    counted: float  # people
    features: tuple[float, ...]  # of `sdk.trust.likeness`


def count_labelled(counter: CrowdCounter, shots: Sequence[Shot], advance: Callable[[], None]) -> list[CountedPhoto]:
    """Count labelled photos; raises CalibrationError for one without head points."""
    counted = []
    for shot in shots:
        if shot.true is None:
            hint = "name a labelled set, such as points:my.csv"
            raise CalibrationError(f"photo {shot.name} has no head points, which an interval needs", hint=hint)
        image = shot.load()
        counted.append(CountedPhoto(shot.name, shot.true, counter.count(image).count, features_of(look_at(image))))
        advance()
    return counted


def fit_trust(photos: Sequence[CountedPhoto], version: str, sets: Sequence[str], backend: str) -> TrustCalibration:
    """The calibration by counted photos, and what splitting them many times says of it."""
    counted, true = [photo.counted for photo in photos], [float(photo.true) for photo in photos]
    rows = [photo.features for photo in photos]
    intervals, likeness = fit_intervals(counted, true), fit_likeness(rows)
    fares = (measured_coverage(counted, true), measured_false_alarms(rows))
    return TrustCalibration(version, intervals, likeness, Measured(len(photos), tuple(sets), backend, SPLITS, *fares))


def counter_words(counter: CrowdCounter) -> str:
    """What counted, in words."""
    return describe(counter.info())


def with_trust(
    manifest: Manifest, files: Mapping[str, bytes], trust: TrustCalibration
) -> tuple[Manifest, dict[str, bytes]]:
    """A package's content with the calibration in it, in place of one that it may hold, and in its model card."""
    data = trust.to_json_bytes()
    others = tuple(entry for entry in manifest.reports if entry.path != TRUST_NAME)
    whole = replace(manifest, reports=(*others, FileEntry.of(TRUST_NAME, data)))
    card = model_card(whole, trust).encode()
    whole = replace(whole, model_card=FileEntry.of(whole.model_card.path, card))
    return whole, {**files, TRUST_NAME: data, whole.model_card.path: card}
