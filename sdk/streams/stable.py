"""Counting fewer frames while counts stay within a set error, told from the counts alone.

A gap is proven where, of the counts remembered, no two that lie up to that gap apart differ by more than the error. The
next frame is counted after the proven gap, after twice the last one at most, and never later than `longest_seconds`. A
count that differs from the one before by more than the error ends it: all is forgotten, and every frame is counted
again. Whether anything moves in the picture plays no part: a crowd that stands is counted and reported all the same.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from sdk.errors import ConfigError
from sdk.timing import Moment

REMEMBERED = 12  # counts


@dataclass(frozen=True)
class Stable:
    """When frames may be left out."""

    people: float = 0.0  # that counts may differ by and still be called stable ...
    percent: float = 0.0  # ... or so much of the count, whichever is more
    longest_seconds: float = 10.0  # from one counted frame to the next, however stable

    def __post_init__(self) -> None:
        if min(self.people, self.percent) < 0 or not self.people + self.percent > 0:
            message = f"stable.people is {self.people} and stable.percent {self.percent}, expected one of them above 0"
            raise ConfigError(message, hint="counts never repeat exactly; 2 people, or 5 percent, suit most cameras")
        if not 0 < self.longest_seconds <= 3600:
            message = f"stable.longest_seconds is {self.longest_seconds}, expected more than 0, at most an hour"
            raise ConfigError(message, hint="a change is found that much later at most")

    def allows(self, one: float, other: float) -> bool:
        """Whether two counts differ by no more than the error."""
        return abs(one - other) <= max(self.people, self.percent / 100 * max(one, other))


class Gaps:
    """How long until the next frame has to be counted."""

    def __init__(self, rules: Stable) -> None:
        self._rules = rules
        self._counts: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)  # seconds, people

    def after(self, moment: Moment, count: float) -> float:
        """Take a count; seconds from its frame on for which none has to be counted."""
        now, last = moment.monotonic, self._counts[-1] if self._counts else None
        if last is None or now <= last[0] or not self._rules.allows(count, last[1]):
            self._counts.clear()
            last = None
        self._counts.append((now, count))
        if last is None:
            return 0.0
        return min(self._proven(), 2 * (now - last[0]), self._rules.longest_seconds)

    def _proven(self) -> float:
        """The longest gap up to which all remembered counts agree."""
        pairs = sorted(
            (later[0] - sooner[0], self._rules.allows(sooner[1], later[1]))
            for at, later in enumerate(self._counts)
            for sooner in list(self._counts)[:at]
        )
        longest = 0.0
        for gap, agree in pairs:
            if not agree:
                break
            longest = gap
        return longest
