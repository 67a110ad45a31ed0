"""What a count is: the number, where the people are, and how it came about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from runtimes import BackendInfo
    from sdk.trust.correction import Correction
    from sdk.trust.interval import Intervals
    from sdk.trust.picture import Look
    from sdk.zones import Zones
    from sdk.zones_count import ZoneCount


@dataclass(frozen=True)
class Timings:
    """Milliseconds that a count took."""

    decode_ms: float  # from the file or bytes to pixels; 0 for an array
    engine_ms: float  # padding, tiles and the engine
    total_ms: float


@dataclass(frozen=True, eq=False)
class CountResult:
    """People in one photo."""

    count: float  # the sum of `density`; a photo of n people should give about n
    density: NDArray[
        np.float32
    ]  # (ceil(h/stride), ceil(w/stride)), people per cell of the counted frame, never negative
    stride: int  # pixels of the counted frame that a cell covers, each way
    scale: float  # counted frame beside the photo: 1.0 unless `max_side` shrank it or a correction scaled it
    tiles: int  # in how many pieces the engine saw it
    backend: BackendInfo  # what really ran
    timings: Timings
    warnings: tuple[str, ...]  # reasons to trust this count less
    photo: NDArray[np.uint8] = field(repr=False)  # (h, w, 3) BGR, upright; where an array was counted, that array
    zones: tuple[ZoneCount, ...] = ()  # people in each zone, see `with_zones`
    state: str = "ok"  # ok, degraded or untrusted
    reasons: tuple[str, ...] = ()  # why the state is not ok, each a few words and after a colon the figures
    intervals: Intervals | None = field(default=None, repr=False)  # of the package; None: it is not calibrated
    look: Look | None = field(default=None, repr=False)  # what the state was told from
    correction: Correction | None = None  # of the camera, which count, density and zones hold already

    @property
    def raw_count(self) -> float:
        """People as the model counted them, before the factor of a correction."""
        return self.count if self.correction is None else self.count / self.correction.factor

    @property
    def interval(self) -> tuple[float, float] | None:
        """People, lowest and highest, between which the true number lies in 9 of 10 photos like those calibrated on.

        None where the package has no calibration. Of the whole frame, without what zones of kind `exclude` cover.
        A correction scales it as it does the count; how often it then holds was not measured.
        """
        if self.intervals is None:
            return None
        factor = 1.0 if self.correction is None else self.correction.factor
        low, high = self.intervals.around(self.raw_count)
        return factor * low, factor * high

    @property
    def note(self) -> str:
        """A state that is not ok and its reasons, in a line; empty where it is ok."""
        return "" if self.state == "ok" else f"{self.state}: {'; '.join(self.reasons)}"

    def with_zones(self, zones: Zones) -> CountResult:
        """The result with the people of each zone, and without those in zones of kind `exclude`; once a result."""
        from sdk.zones_count import with_zones

        return with_zones(self, zones)

    def overlay(self) -> NDArray[np.uint8]:
        """The photo with a heat map of the people, the count and a state that is not ok: (h, w, 3) uint8 BGR."""
        from sdk.overlay import draw_overlay

        return draw_overlay(self.photo, self.density, self.count, self.stride / self.scale, self.note)

    def to_json(self) -> dict[str, Any]:
        """Everything but the arrays, as plain values."""
        height, width = self.photo.shape[:2]
        corrected = {}
        if self.correction is not None:
            corrected = {"raw_count": round(self.raw_count, 3), "correction": self.correction.to_json()}
        zones = {"zones": {zone.name: zone.to_json() for zone in self.zones}} if self.zones else {}
        return {
            "count": round(self.count, 3),
            "interval": None if self.interval is None else [round(bound, 3) for bound in self.interval],
            "state": self.state,
            "reasons": list(self.reasons),
            "width": width,
            "height": height,
            "scale": self.scale,
            "tiles": self.tiles,
            "engine": self.backend.engine,
            "device": self.backend.device,
            "precision": self.backend.precision,
            "variant": self.backend.variant,
            "int8_convolutions": None if self.backend.int8 is None else list(self.backend.int8),
            "ms": round(self.timings.total_ms, 2),
            "warnings": list(self.warnings),
            **corrected,
            **zones,
        }
