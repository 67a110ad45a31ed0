"""The results as words: cells of a table, and sentences."""

from __future__ import annotations

from collections.abc import Sequence

from sdk.bench.figures import Ratio, Row
from sdk.bench.machine import CLEAN
from sdk.bench.run import Bench

HEADER = (
    "contender",
    "engine",
    "precision",
    "median ms",
    "p95",
    "p99",
    "CPU ms",
    "photos/s",
    "first s",
    "peak MB",
    "file MB",
    "vs fp32",
    "MAE",
    "of peak",
    "machine",
)
NONE = "-"


def cells(row: Row) -> tuple[str, ...]:
    """One row of the table."""
    return (
        row.name,
        row.engine,
        _precision(row),
        _number(row.median_ms, 1),
        _number(row.p95_ms, 1),
        _number(row.p99_ms, 1),
        _number(row.processor_ms, 1),
        _number(row.a_second, 1),
        _number(row.first_s, 2),
        _number(row.peak_mb, 0),
        _number(row.size_mb, 1),
        _number(row.difference_percent, 2, " %"),
        _number(row.mae, 1),
        _of_peak(row),
        row.load.state,
    )


def heading(bench: Bench) -> str:
    """What was measured, on what."""
    machine, first = bench.machine, bench.rows[0]
    cost = ""
    if first.parameters is not None and first.macs is not None:
        cost = f" {first.parameters / 1e6:.2f} M parameters, {first.macs / 1e9:.1f} GMAC a photo."
    threads = f"{first.threads} thread" + "s" * (first.threads > 1)
    settings = bench.settings
    return (
        f"{bench.package}: {bench.photo}.{cost}\n{machine.cpu}, {machine.cores} cores, {machine.os} {machine.arch}; "
        f"{threads}, {settings.rounds} rounds in turns of {settings.seconds:g} s, each contender in its own process"
    )


def peaks(bench: Bench) -> list[str]:
    """The engines' own convolutions."""
    return [f"{name}: {rate:,.0f} GOP/s" for name, rate in bench.peaks.items()]


def ratios(bench: Bench) -> list[str]:
    """A sentence for each ratio, those that are withheld included."""
    return [ratio_words(one) for one in bench.ratios]


def ratio_words(one: Ratio) -> str:
    """One ratio."""
    if one.times is None:
        return f"{one.faster} beside {one.slower}: {one.note or 'not measured'}"
    doubt = "" if one.clean else ", machine busy: not clean"
    processor = "" if one.times_processor is None else f", {one.times_processor:.2f}x by processor time"
    return f"{one.faster} is {one.times:.2f}x as fast as {one.slower}{processor} ({one.what}{doubt})"


def overheads(bench: Bench) -> list[str]:
    """What counting adds to the bare engine call."""
    told = [(row, row.overhead, row.overhead_processor) for row in bench.rows]
    return [
        f"{row.name}: CrowdCounter.count takes {over:.1%} more than the bare engine call"
        f" ({processor:.1%} by processor time)"
        for row, over, processor in told
        if over is not None and processor is not None
    ]


def warnings(bench: Bench) -> list[str]:
    """What is not to be trusted, and who did not run."""
    failed = [f"{row.name} did not run: {row.failed}" for row in bench.rows if row.failed]
    busy = [f"{row.name}: {row.load.words}" for row in bench.rows if not row.failed and row.load.state != CLEAN]
    if busy:
        busy.insert(0, "the machine was busy, so these times are not clean; stop what else runs and measure again")
    return [*failed, *busy]


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns in line, the first to the left."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) if at < 3 else cell.rjust(width) for at, (cell, width) in _columns(row, widths))
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def _columns(row: Sequence[str], widths: Sequence[int]) -> list[tuple[int, tuple[str, int]]]:
    return list(enumerate(zip(row, widths, strict=True)))


def _precision(row: Row) -> str:
    """With the convolutions that really run in 8 bits."""
    int8 = row.loaded.get("int8")
    return row.precision if int8 is None else f"{row.precision} {int8[0]}/{int8[1]}"


def _number(value: float | None, digits: int, unit: str = "") -> str:
    return NONE if value is None else f"{value:.{digits}f}{unit}"


def _of_peak(row: Row) -> str:
    """By the clock; on a busy machine by processor time, and marked so."""
    value, mark = (row.of_peak, "") if row.clean else (row.of_peak_processor, "~")
    return NONE if value is None else f"{mark}{100 * value:.0f} %"
