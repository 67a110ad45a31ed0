"""Which variants to build engines of, and which of the engines to use: pure functions of manifest and measurement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from exporters.parity import Case, Limits
from runtimes.tensorrt_check import LIMITS
from sdk.errors import BackendError
from sdk.manifest import Manifest, VariantEntry
from sdk.variants import gate_passed

FORMAT = "tensorrt"
FAST = ("fp16", "int8")  # what is built where nothing is named

ENGINE_LIMITS = {precision: Limits(*limits) for precision, limits in LIMITS.items()}


@dataclass(frozen=True)
class Measured:
    """An engine on its device: milliseconds by size, and its answer beside its source's."""

    milliseconds: dict[str, float]  # by the name of a bucket, for one photo
    case: Case

    def to_json(self) -> dict[str, Any]:
        """As it stands in the plan's sidecar."""
        told = {
            "shape": list(self.case.shape),
            "expected": list(self.case.expected),
            "counted": list(self.case.counted),
        }
        return {"milliseconds": self.milliseconds, "beside_source": {**told, "max_density_error": self.case.density}}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Measured:
        """What `to_json` wrote."""
        told = plain["beside_source"]
        sides, expected, counted = (tuple(told[name]) for name in ("shape", "expected", "counted"))
        return cls(dict(plain["milliseconds"]), Case(sides, expected, counted, told["max_density_error"]))

    @property
    def total(self) -> float:
        """Milliseconds for one photo of each size."""
        return sum(self.milliseconds.values())


@dataclass(frozen=True)
class Contender:
    """A variant's engine when one is chosen."""

    variant: VariantEntry
    measured: Measured
    explicit: bool = False  # its precision was named, so that the user takes on a missing gate
    doubt: str = field(init=False)  # why it must not be used; empty where it may

    def __post_init__(self) -> None:
        object.__setattr__(self, "doubt", _doubt(self))


def variants_to_build(manifest: Manifest, precisions: Sequence[str] = ()) -> list[VariantEntry]:
    """The TensorRT variants of these precisions; of none named, fp16 and int8, or whatever there is."""
    there = {variant.precision: variant for variant in manifest.variants if variant.format == FORMAT}
    if not there:
        held = ", ".join(variant.id for variant in manifest.variants)
        hint = "make one with skt-export -m PACKAGE --format tensorrt"
        raise BackendError(f"package {manifest.name} has no TensorRT variant (it holds {held})", hint=hint)
    for precision in precisions:
        if precision not in there:
            message = f"package {manifest.name} has no TensorRT variant in {precision}"
            raise BackendError(message, hint=f"it has {', '.join(sorted(there))}")
    wanted = precisions or [precision for precision in FAST if precision in there] or list(there)
    return [there[precision] for precision in dict.fromkeys(wanted)]


def choose(contenders: Sequence[Contender]) -> Contender:
    """The fastest engine that may be used."""
    usable = [contender for contender in contenders if not contender.doubt]
    if not usable:
        told = "; ".join(f"{contender.variant.id}: {contender.doubt}" for contender in contenders)
        hint = "name a precision with --precision to take on what was not gated"
        raise BackendError(f"none of the engines may be used: {told}", hint=hint)
    return min(usable, key=lambda contender: contender.measured.total)


def _doubt(contender: Contender) -> str:
    variant, case = contender.variant, contender.measured.case
    if variant.precision == "int8" and not gate_passed(variant) and not contender.explicit:
        return "its accuracy gate was never passed"
    limits = ENGINE_LIMITS[variant.precision]
    if case.within(limits):
        return ""
    pairs = zip(case.counted, case.expected, strict=True)
    counts = " and ".join(f"{counted:.2f} for {expected:.2f}" for counted, expected in pairs)
    return f"on this device it counts {counts}, and a cell is off by {case.density:.2g} people"
