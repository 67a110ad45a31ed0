"""The conversion report: one row a variant, as a table and as reports/conversion.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sdk.manifest import VariantEntry

CONVERSION = "reports/conversion.json"
COLUMNS = ("variant", "size", "count off by", "cell off by", "INT8 layers", "gate", "MAE", "bias", "status", "engine")


@dataclass(frozen=True)
class Row:
    """One variant."""

    variant: str
    bytes: int
    parity: dict[str, Any]
    gate: dict[str, Any] | None
    int8: tuple[int, int] | None = None  # convolutions that its engine computes in 8 bits, and that are stored so

    @classmethod
    def of(cls, entry: VariantEntry, int8: tuple[int, int] | None = None) -> Row:
        """From a manifest's entry."""
        size = sum(file.size for file in entry.files)
        return cls(entry.id, size, entry.parity or {}, entry.gate, int8)

    @property
    def status(self) -> str:
        """ready, or ungated where nothing vouches for an INT8 variant's counts."""
        return "ungated" if self.gate is not None and self.gate.get("status") != "passed" else "ready"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        kernels = None if self.int8 is None else dict(zip(("running", "stored"), self.int8, strict=True))
        about = {
            "variant": self.variant,
            "bytes": self.bytes,
            "engine": self.parity.get("engine"),
            "status": self.status,
        }
        return {**about, "parity": self.parity, "gate": self.gate, "int8_convolutions": kernels}


def conversion_json(rows: Sequence[Row]) -> bytes:
    """reports/conversion.json."""
    return (json.dumps([row.to_json() for row in rows], indent=2, sort_keys=True) + "\n").encode()


def conversion_table(rows: Sequence[Row]) -> str:
    """For a terminal: columns as wide as what stands in them."""
    cells = [list(COLUMNS), *(_cells(row) for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(COLUMNS))]
    aligned = [
        "  ".join(text.ljust(width) if at in (0, len(COLUMNS) - 1) else text.rjust(width)
                  for at, (text, width) in enumerate(zip(line, widths, strict=True)))
        for line in cells
    ]  # fmt: skip
    return "\n".join(line.rstrip() for line in aligned)


def _cells(row: Row) -> list[str]:
    gate = row.gate or {}
    kernels = "-" if row.int8 is None else "{} of {}".format(*row.int8)
    figures = [_percent(gate.get(key)) for key in ("mae_percent", "bias_percent")]
    parity = [_small(row.parity.get(key)) for key in ("max_relative_count_error", "max_density_error")]
    size = f"{row.bytes / 2**20:.1f} MiB"
    engine = str(row.parity.get("engine", "-"))
    return [row.variant, size, *parity, kernels, str(gate.get("status", "-")), *figures, row.status, engine]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f} %"


def _small(value: float | None) -> str:
    return "-" if value is None else f"{value:.1e}"
