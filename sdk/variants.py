"""A package's variants as the planner wants them."""

from __future__ import annotations

import re

from runtimes import Variant
from sdk.manifest import Manifest, VariantEntry


def planned_variants(manifest: Manifest) -> list[Variant]:
    """Every variant of the package."""
    return [planned_variant(manifest, entry) for entry in manifest.variants]


def planned_variant(manifest: Manifest, entry: VariantEntry) -> Variant:
    """One variant: its format, precision, opset, gate, engine versions and size, and the model's grid."""
    return Variant(
        entry.id,
        entry.format,
        entry.precision,
        opset=entry.opset,
        gate_passed=gate_passed(entry),
        requires=tuple((engine, lowest(spec)) for engine, spec in sorted(entry.requires.items())),
        size=entry.size,
        stride=manifest.output.stride,
        multiple=manifest.input.multiple,
    )


def gate_passed(entry: VariantEntry) -> bool | None:
    """True where the accuracy gate passed; None where it never ran: a variant that failed it is never packaged."""
    passed = entry.gate is not None and entry.gate["status"] == "passed"
    return True if passed else None


def lowest(spec: str) -> str:
    """The version after >= in a specifier such as ">=1.17,<2"; "0" where there is none."""
    found = re.search(r">=\s*([0-9.]+)", spec)
    return found.group(1) if found else "0"
