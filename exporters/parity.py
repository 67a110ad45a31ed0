"""Every variant beside the model it was made from, on drawn scenes, through the engines that devices use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtimes import Backend, Candidate, LoadOptions, Output, Variant
from runtimes.load import load
from runtimes.plan import arithmetic
from runtimes.tables import READS
from sdk.errors import ExportError
from sdk.frame import pad_to_multiple
from sdk.scenes import draw_empty, draw_scene

Batch = NDArray[np.uint8]  # (n, h, w, 3) BGR
Reference = Callable[[Batch], Output]
ENGINES = {format_: engine for engine, format_ in reversed(READS.items())}  # format: the first engine that reads it


@dataclass(frozen=True)
class Limits:
    """How far a variant may be from its reference."""

    density: float  # people per cell, greatest difference
    relative: float  # of the reference's count ...
    absolute: float  # ... and people beside that, which is what counts in an empty scene


# Measured on a briefly trained 1/4-BL: fp32 stays within 1e-6 of torch; weights rounded to fp16 move a count by 3e-4 of
# it where there are 50 people or more, and by less than 0.01 person where there are few.
# INT8 is proven by the accuracy gate, on real photos; here only a model that went wrong altogether is caught.
LIMITS = {"fp32": Limits(1e-4, 1e-4, 1e-3), "fp16": Limits(1e-1, 2e-3, 0.05), "int8": Limits(2.0, 0.25, 5.0)}


@dataclass(frozen=True)
class Case:
    """One batch: how variant and reference counted it."""

    shape: tuple[int, ...]  # n, h, w, 3
    expected: tuple[float, ...]  # people per photo, by the reference
    counted: tuple[float, ...]  # people per photo, by the variant
    density: float  # greatest difference of a cell, people

    @property
    def relative(self) -> float:
        """The greatest difference of a count, as a part of the reference's count or of one person."""
        return max(abs(c - e) / max(1.0, e) for c, e in zip(self.counted, self.expected, strict=True))

    def within(self, limits: Limits) -> bool:
        """Whether all differences are; a difference that is not a number is not."""
        pairs = zip(self.counted, self.expected, strict=True)
        allowed = all(abs(c - e) <= limits.absolute + limits.relative * e for c, e in pairs)
        return allowed and self.density <= limits.density


@dataclass(frozen=True)
class Parity:
    """One variant beside its reference."""

    variant: str
    engine: str
    engine_version: str
    arithmetic: str  # what the engine computed in
    limits: Limits
    cases: tuple[Case, ...]
    int8: tuple[int, int] | None = None  # convolutions that run in 8 bits, and that are stored so, where that is known

    @property
    def passed(self) -> bool:
        """Whether every case is within the limits."""
        return all(case.within(self.limits) for case in self.cases)

    def summary(self) -> dict[str, Any]:
        """Its worst figures."""
        return {
            "engine": f"{self.engine} {self.engine_version}",
            "max_density_error": _rounded(max(case.density for case in self.cases)),
            "max_relative_count_error": _rounded(max(case.relative for case in self.cases)),
            "passed": self.passed,
        }

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        limits = {"density": self.limits.density, "relative": self.limits.relative, "absolute": self.limits.absolute}
        cases = [_case_json(case) for case in self.cases]
        return {**self.summary(), "arithmetic": self.arithmetic, "limits": limits, "cases": cases}


def compare(
    variant: Variant,
    files: Mapping[str, bytes],
    reference: Reference,
    batches: Sequence[Batch],
    exact: Backend | None = None,
) -> Parity:
    """Run a variant on this machine's CPU and put it beside the reference; raises ExportError where they disagree.

    exact: what answers in place of its engine, which then only tells which of its convolutions run in 8 bits.
    """
    with opened(variant, files, threads=1) as backend:
        answering = exact or backend
        cases = tuple(_case(reference(batch), answering.run(batch), batch) for batch in batches)
        info, int8 = answering.info(), backend.info().int8
    limits = LIMITS[variant.precision]
    parity = Parity(variant.id, info.engine, info.engine_version, info.precision, limits, cases, int8)
    if not parity.passed:
        raise _refusal(parity)
    return parity


def opened(variant: Variant, files: Mapping[str, bytes], threads: int | None = None) -> Backend:
    """A variant on this machine's CPU, in the engine that devices use; on all cores if threads is absent.

    TensorRT does not run on a CPU: its source runs there as it is written.
    """
    if variant.format == "tensorrt":
        from exporters.onnx import load_model
        from exporters.sessions import SourceBackend

        return SourceBackend(variant, load_model(files["model.onnx"], variant.id), threads)
    candidate = Candidate(variant, ENGINES[variant.format], "cpu", arithmetic(variant.precision, "cpu"))
    return load(candidate, files, LoadOptions(threads=threads))


def scene_batches(multiple: int) -> list[Batch]:
    """Drawn scenes: four sizes, one of them a batch of two, crowded and empty; sides are multiples of `multiple`."""
    crowds = ((1, 480, 320, 60), (2, 272, 400, 25), (3, 176, 112, 6))
    photos = [draw_scene(seed, width=w, height=h, people=people).photo for seed, w, h, people in crowds]
    two = [draw_scene(4, width=256, height=192, people=30).photo, draw_empty(5, width=256, height=192).photo]
    return [np.stack([pad_to_multiple(photo, multiple) for photo in batch]) for batch in (*([p] for p in photos), two)]


def _case(expected: Output, answer: Output, batch: Batch) -> Case:
    difference = np.abs(answer.density.astype(np.float64) - expected.density)
    return Case(batch.shape, _people(expected), _people(answer), float(difference.max()))


def _people(output: Output) -> tuple[float, ...]:
    return tuple(float(count) for count in output.count)


def _refusal(parity: Parity) -> ExportError:
    worst = max(parity.cases, key=lambda case: (not case.within(parity.limits), case.relative))
    n, h, w, _ = worst.shape
    counts = " and ".join(f"{c:.4f} for {e:.4f}" for c, e in zip(worst.counted, worst.expected, strict=True))
    message = (
        f"variant {parity.variant} does not answer like the model: on {n} photo(s) of {w} x {h} it counts {counts},"
        f" and a cell is off by {worst.density:.2g} people (limits: count {parity.limits.relative:g} of it"
        f" + {parity.limits.absolute:g}, cell {parity.limits.density:g})"
    )
    hint = "nothing was written; check that the network is trained and its counts are finite"
    return ExportError(message, hint=hint, variant=parity.variant, parity=parity.to_json())


def _case_json(case: Case) -> dict[str, Any]:
    return {
        "shape": list(case.shape),
        "expected": [_rounded(count, 6) for count in case.expected],
        "counted": [_rounded(count, 6) for count in case.counted],
        "max_density_error": _rounded(case.density),
        "max_relative_count_error": _rounded(case.relative),
    }


def _rounded(value: float, digits: int = 3) -> float:
    """Significant digits: more would differ from machine to machine."""
    return float(f"{value:.{digits}g}")
