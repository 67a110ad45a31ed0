"""What one camera said at one moment: the record that every sink writes."""

from __future__ import annotations

import json
import math
import secrets
import time as clock
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sdk.errors import InputError
from sdk.trust.state import STATES

if TYPE_CHECKING:
    from sdk.result import CountResult

SCHEMA = "skt-reading/1"


def new_id() -> str:
    """32 hexadecimal digits that no other reading has; ids made later sort later, to the millisecond."""
    return f"{clock.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


@dataclass(frozen=True)
class Reading:
    """People before one camera at one moment."""

    camera: str  # its name, printable
    time: datetime  # wall time with its zone
    count: float  # people in the frame, never negative
    smoothed: float | None = None  # people, over time; None: not smoothed
    interval: tuple[float, float] | None = None  # people, lowest and highest; None: not calibrated
    state: str = "ok"  # ok, degraded or untrusted
    reasons: tuple[str, ...] = ()  # why the state is not ok, and what else to know
    zones: Mapping[str, float] = field(default_factory=dict)  # people by the zone's name
    backend: str = ""  # engine, device and precision
    latency_ms: float = 0.0  # from the frame to this reading
    drops: int = 0  # frames left out since the stream began
    id: str = field(default_factory=new_id)  # tells a double from a new reading
    result: CountResult | None = field(default=None, repr=False, compare=False)  # for picture sinks; never written

    def __post_init__(self) -> None:
        for kind, name in (("camera", self.camera), *(("zone", zone) for zone in self.zones)):
            if not name or not name.isprintable():
                raise InputError(f"name of {kind} {name!r} is empty or cannot be printed", hint="use plain text")
        if self.time.utcoffset() is None:
            raise InputError(f"time {self.time} has no zone", hint="use datetime.now(timezone.utc)")
        if self.state not in STATES:
            raise InputError(f"state {self.state!r} is unknown", hint=f"known: {', '.join(STATES)}")
        self._check_numbers()

    def _check_numbers(self) -> None:
        people = {"count": self.count, "smoothed": self.smoothed or 0.0, "latency_ms": self.latency_ms}
        people |= {f"zone {name}": count for name, count in self.zones.items()}
        people |= {"drops": self.drops}
        for name, value in people.items():
            if not math.isfinite(value) or value < 0:
                raise InputError(f"{name} is {value}, expected 0 or more")
        low, high = self.interval or (0.0, 0.0)
        if not 0 <= low <= high < math.inf:
            raise InputError(f"interval {self.interval} does not go from low to high, 0 or more")

    def without_pictures(self) -> Reading:
        """The same reading, as it may wait in memory."""
        return replace(self, result=None)

    def to_json(self) -> dict[str, Any]:
        """Everything but the pictures, as plain values."""
        return {
            "schema": SCHEMA,
            "id": self.id,
            "camera": self.camera,
            "time": self.time.isoformat(timespec="milliseconds"),
            "count": round(self.count, 3),
            "smoothed": None if self.smoothed is None else round(self.smoothed, 3),
            "interval": None if self.interval is None else [round(bound, 3) for bound in self.interval],
            "state": self.state,
            "reasons": list(self.reasons),
            "zones": {name: round(count, 3) for name, count in self.zones.items()},
            "backend": self.backend,
            "latency_ms": round(self.latency_ms, 2),
            "drops": self.drops,
        }

    def to_line(self) -> str:
        """The reading as JSON on one line, in ASCII."""
        return json.dumps(self.to_json(), separators=(",", ":"), allow_nan=False)


def reading_of(result: CountResult, camera: str, time: datetime, *, drops: int = 0) -> Reading:
    """The reading that one count gives; `reasons` are those of its state, then its warnings, and a correction.

    More is added with `dataclasses.replace`.
    """
    used = result.backend
    corrected = () if result.correction is None else (result.correction.in_words(),)
    return Reading(
        camera,
        time,
        result.count,
        interval=result.interval,
        state=result.state,
        reasons=(*result.reasons, *result.warnings, *corrected),
        zones={zone.name: zone.count for zone in result.zones},
        backend=f"{used.engine} {used.device} {used.precision}",
        latency_ms=result.timings.total_ms,
        drops=drops,
        result=result,
    )


def reading_from_line(line: str | bytes) -> Reading:
    """The reading that `Reading.to_line` wrote."""
    try:
        values = json.loads(line)
        _check_schema(values.pop("schema"))
        interval = values.pop("interval")
        return Reading(
            **{
                **values,
                "time": datetime.fromisoformat(values["time"]),
                "interval": None if interval is None else (interval[0], interval[1]),
                "reasons": tuple(values["reasons"]),
            }
        )
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        raise InputError(f"line is no reading of schema {SCHEMA}: {line[:60]!r}") from error


def _check_schema(schema: str) -> None:
    if schema != SCHEMA:
        raise InputError(f"reading is of schema {schema!r}, expected {SCHEMA}", hint="it is of another version")
