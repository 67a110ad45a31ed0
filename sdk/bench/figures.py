"""From what was seen to figures: a row a contender, and ratios between those that may be compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from sdk.bench.contenders import Contender
from sdk.bench.machine import CLEAN, Load
from sdk.bench.rounds import Seen
from sdk.config import to_plain

ALIKE = {"fp32": 1e-3, "fp16": 5e-3, "int8": 0.25}  # greatest difference of a photo's count from fp32, as a part of it
FEWEST = 10.0  # people; a photo of fewer is judged as one of so many


@dataclass(frozen=True)
class Row:
    """The figures of one contender."""

    name: str
    variant: str
    network: str
    engine: str
    precision: str
    threads: int
    failed: str  # why there are no figures
    runs: int
    median_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    processor_ms: float | None  # of all threads, a run; the median
    a_second: float | None  # photos, counted many at once
    first_s: float | None  # from the start of a process to its first count
    first_uncached_s: float | None  # the same with no compiled model kept
    peak_mb: float | None  # of memory, the whole process
    size_mb: float | None  # of the variant's files
    people: float | None  # counted in the photo
    difference_percent: float | None  # of counts from the network's fp32, in the photo and the labelled set
    mae: float | None  # on the labelled set
    parameters: int | None
    macs: int | None  # for the photo
    of_peak: float | None  # of what the engine's own convolutions reach, by the clock
    of_peak_processor: float | None  # the same by processor time, which others on the machine disturb less
    overhead: float | None  # of `CrowdCounter.count` over the bare engine call, as a part of the latter
    overhead_processor: float | None
    loaded: dict[str, Any]  # what the engine says that it is
    load: Load

    @property
    def clean(self) -> bool:
        """Whether its times were measured while nothing else ran."""
        return not self.failed and self.load.state == CLEAN


@dataclass(frozen=True)
class Ratio:
    """How many times faster one contender is than another."""

    faster: str
    slower: str
    what: str  # the same work, or which kind of other
    times: float | None  # by the clock, the median over rounds; None: they should count alike, and do not
    times_processor: float | None
    clean: bool
    note: str = ""


def rows(seen: Sequence[Seen]) -> list[Row]:
    """A row for each that takes part, but the convolutions."""
    peaks = {one.contender.speed: one for one in seen if not one.contender.network and one.rounds}
    return [_row(one, _reference(one, seen), peaks.get(one.contender.speed)) for one in seen if one.contender.network]


def ratio(fast: Seen, slow: Seen) -> Ratio:
    """Of two contenders; of those that compute the same only where they answered alike."""
    same = fast.contender.network == slow.contender.network
    what = "the same network" if same else "another network: time only"
    note = _unlike(fast, slow) if same else ""
    clean = all(Load.over(one.watched).state == CLEAN for one in (fast, slow))
    names = (fast.contender.name, slow.contender.name, what)
    if note:
        return Ratio(*names, None, None, clean, note)
    return Ratio(*names, _times(fast, slow, "ms"), _times(fast, slow, "ms_cpu"), clean)


def milliseconds(one: Seen, name: str = "ms") -> list[float]:
    """All runs of all rounds."""
    return list(chain.from_iterable(found.get(name, ()) for found in one.rounds))


def peak_gops(one: Seen, name: str = "ms") -> float:
    """Billions of operations a second in the fastest run of an engine's convolutions; a multiply-add is two."""
    return 2 * 1000 / min(milliseconds(one, name))


def _row(one: Seen, reference: Seen | None, peak: Seen | None) -> Row:
    about, times, cpu = one.contender, milliseconds(one), milliseconds(one, "ms_cpu")
    failed = bool(one.failed)
    return Row(
        **_of(about),
        failed=one.failed,
        runs=len(times),
        median_ms=_percentile(times, 50),
        p95_ms=_percentile(times, 95),
        p99_ms=_percentile(times, 99),
        processor_ms=_percentile(cpu, 50),
        a_second=_a_second(one),
        first_s=None if failed else one.first_s,
        first_uncached_s=one.first_uncached_s,
        peak_mb=one.peak_mb,
        people=one.people,
        difference_percent=_difference(one, reference),
        mae=None if one.score is None else one.score["mae"],
        of_peak=_of_peak(one, peak, "ms"),
        of_peak_processor=_of_peak(one, peak, "ms_cpu"),
        overhead=_over(times, milliseconds(one, "bare_ms")),
        overhead_processor=_over(cpu, milliseconds(one, "bare_ms_cpu")),
        loaded=one.facts.get("loaded", {}),
        load=Load.over(one.watched),
    )


def _of(about: Contender) -> dict[str, Any]:
    plain = to_plain(about)
    same = ("name", "variant", "network", "engine", "precision", "threads", "parameters", "macs")
    size = None if about.bytes is None else about.bytes / 1e6
    return {**{name: plain[name] for name in same}, "size_mb": size}


def _reference(one: Seen, seen: Iterable[Seen]) -> Seen | None:
    """The network's fp32 that a contender is held beside."""
    found = (other for other in seen if other.contender.reference and other.contender.network == one.contender.network)
    return next((other for other in found if not other.failed), None)


def _percentile(values: Sequence[float], percent: float) -> float | None:
    return float(np.percentile(values, percent)) if values else None


def _a_second(one: Seen) -> float | None:
    """Photos a second; of what counts one at a time only, from its latency."""
    counted = [(found["photos"], found["photos_s"]) for found in one.rounds if "photos" in found]
    if counted:
        photos, seconds = (sum(part) for part in zip(*counted, strict=True))
        return float(photos / seconds)
    return None


def _difference(one: Seen, reference: Seen | None) -> float | None:
    """Per cent of the people that fp32 counts, photo by photo and without signs."""
    if reference is None or one.people is None or reference.people is None:
        return None
    pairs = [(one.people, reference.people)]
    if one.score is not None and reference.score is not None:
        plain = reference.score["counts"]
        pairs += [(count, plain[name]) for name, count in one.score["counts"].items() if name in plain]
    total = sum(plain for _, plain in pairs)
    return 100 * sum(abs(count - plain) for count, plain in pairs) / total if total else None


def _of_peak(one: Seen, peak: Seen | None, name: str) -> float | None:
    """The network's own operations a second beside the convolutions'; of processor time as if on one thread."""
    times = milliseconds(one, name)
    if peak is None or not times or not one.contender.macs or one.facts.get("tiles", 1) != 1:
        return None
    reached = 2 * one.contender.macs / 1e9 / (float(np.median(times)) / 1000)
    return reached / peak_gops(peak, name)


def _over(times: Sequence[float], bare: Sequence[float]) -> float | None:
    """The pairs' median difference as a part of the bare call's median."""
    if not bare:
        return None
    return float(np.median(np.subtract(times, bare)) / np.median(bare))


def _unlike(one: Seen, other: Seen) -> str:
    """How two that compute the same differ by more than their precision allows; empty where they do not."""
    if one.people is None or other.people is None:
        return ""
    allowed = max(ALIKE.get(seen.contender.precision, 0.0) for seen in (one, other))
    if abs(one.people - other.people) <= allowed * max(other.people, FEWEST):
        return ""
    return f"no ratio: they count {one.people:.2f} and {other.people:.2f} people in the same photo"


def _times(fast: Seen, slow: Seen, name: str) -> float | None:
    pairs = zip(fast.rounds, slow.rounds, strict=False)
    found = [np.median(b[name]) / np.median(a[name]) for a, b in pairs if a.get(name) and b.get(name)]
    return float(np.median(found)) if found else None
