"""Margin for the gate: what INT8 still miscounts on its own calibration photos, taken back before the gate sees others.

First the last convolution, which is in float, is scaled so that these photos together hold as many people as in fp32;
that costs no time. Where the gate's limits then do not hold on them, with half of the bias's and the densities' to
spare, convolutions stay in float one by one, those first that bring the counts nearest to fp32's. The gate's own
photos are never looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from exporters.calibration_choice import choose
from exporters.calibration_photos import Shot
from exporters.calibration_table import CalibrationTable
from exporters.counting import quick_format, variant_counter
from exporters.gate import CROWD, Gate, Limits, Verdict, judge, told_misses
from exporters.half import trunk
from exporters.quantize import TARGETS, default_scheme, excluded_convolutions
from exporters.tell import Tell
from sdk.errors import CalibrationError

if TYPE_CHECKING:
    import onnx

    from exporters.source import Source

SPARE = 0.5  # of the limits of bias and densities
TRIED_ON = 16  # photos over all densities, on which each layer is tried
MOST = 8  # layers to keep in float; a model that needs more is not for INT8
SCALES = (0.9, 1.1)  # of the last convolution; what it cannot take back within these is not a matter of scale
PASS_A_SCALE_ON = ("Relu", "Squeeze", "ReduceSum")  # operators whose answer grows as what they take does
DIGITS = 6  # significant, so that the table does not depend on the machine's last bits

Counts = NDArray[np.float64]  # (photos,) people


@dataclass(frozen=True)
class Margin:
    """What a table is fitted with."""

    source: Source
    photos: tuple[Shot, ...]  # that were calibrated on, with the master's counts
    limits: Limits  # of the gate to come
    tell: Tell

    def fitted(self, table: CalibrationTable) -> CalibrationTable:
        """The table with a scale of the last convolution and layers in float, for every target."""
        for target in TARGETS:
            try:
                table = self.fitted_for(target, table)
            except CalibrationError as error:  # noqa: PERF203 - told again, as an error, where the target is asked for
                self.tell.say(f"no INT8 for {target}: {error.message}")
        return table

    def fitted_for(self, target: str, table: CalibrationTable) -> CalibrationTable:
        """The same for one target."""
        self.tell.say(f"counting {len(self.photos)} calibration photos in INT8 for {target}")
        table, verdict = self._scaled(target, table)
        if verdict.passed:
            return table
        self.tell.say(f"no margin for {target} yet: {told_misses(verdict)}; looking for layers to keep in float")
        for name in self._by_worth(target, table)[:MOST]:
            table, verdict = self._scaled(target, with_float(table, target, name))
            self.tell.say(f"{name} in float, too: {told_misses(verdict) or 'enough'}")
            if verdict.passed:
                break
        return table

    def _scaled(self, target: str, table: CalibrationTable) -> tuple[CalibrationTable, Verdict]:
        """The table with the scale that fits it, and how it then stands on the calibration photos."""
        plain = replace(table, scales={**table.scales, target: 1.0})
        with self.tell.over(len(self.photos)) as advance:
            counted = self._counts(target, plain, self.photos, advance)
        scale = fitting_scale(self.source.master, counted, counts_of(self.photos))
        scaled = dict(zip((shot.sha256 for shot in self.photos), scale * counted, strict=True))
        verdict = judge(self._gate(), target, "", lambda shot: float(scaled[shot.sha256]))
        return replace(table, scales={**table.scales, target: scale}), verdict

    def _gate(self) -> Gate:
        spare = replace(self.limits, bias=SPARE * self.limits.bias, bin=SPARE * self.limits.bin)
        return Gate(spare, self.photos)

    def _by_worth(self, target: str, table: CalibrationTable) -> list[str]:
        """The convolutions in INT8, the one first that brings counts nearest to fp32's when it stays in float."""
        photos = tuple(choose(self.photos, TRIED_ON))
        names = quantised_convolutions(self.source.master, table, target)
        plain = replace(table, scales={**table.scales, target: 1.0})
        off = {}
        with self.tell.over(len(names) * len(photos)) as advance:
            for name in names:
                counted = self._counts(target, with_float(plain, target, name), photos, advance)
                scale = fitting_scale(self.source.master, counted, counts_of(photos))
                off[name] = miscount(scale * counted, counts_of(photos))
        return sorted(names, key=lambda name: off[name])

    def _counts(
        self, target: str, table: CalibrationTable, photos: Sequence[Shot], advance: Callable[[], None]
    ) -> Counts:
        counts = np.empty(len(photos))
        variant_id = "tensorrt-int8" if target == "tensorrt" else f"{quick_format()}-int8"
        with variant_counter(self.source, variant_id, table) as count:
            for at, shot in enumerate(photos):
                counts[at] = count(shot)
                advance()
        return counts


def counts_of(photos: Sequence[Shot]) -> Counts:
    """The master's."""
    return np.array([shot.counted for shot in photos], np.float64)


def miscount(int8: Counts, fp32: Counts) -> float:
    """Mean difference of a photo's count, of its people or of the fewest that make a crowd."""
    return float((np.abs(int8 - fp32) / np.maximum(fp32, CROWD)).mean())


def fitting_scale(master: onnx.ModelProto, int8: Counts, fp32: Counts) -> float:
    """What to multiply the last convolution by, so that all photos together hold fp32's people; 1 where that cannot."""
    _, last = trunk(master)
    if not all(node.op_type in PASS_A_SCALE_ON for node in master.graph.node[last + 1 :]) or int8.sum() <= 0:
        return 1.0
    return float(f"{np.clip(fp32.sum() / int8.sum(), *SCALES):.{DIGITS}g}")


def quantised_convolutions(master: onnx.ModelProto, table: CalibrationTable, target: str) -> list[str]:
    """By name, in the graph's order."""
    excluded = excluded_convolutions(master, default_scheme(table, target))
    return [node.name for node in master.graph.node if node.op_type == "Conv" and node.name not in excluded]


def with_float(table: CalibrationTable, target: str, name: str) -> CalibrationTable:
    """The table with one more convolution in float."""
    return replace(table, floats={**table.floats, target: (*table.floats.get(target, ()), name)})
