"""How long to wait before the next attempt."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Pauses:
    """Doubling from `first_s` to `most_s`, each shortened by chance to between half and all of it.

    Chance spreads a fleet's attempts, so that a receiver that comes back is not met by all at once.
    """

    first_s: float = 0.5
    most_s: float = 60.0

    def after(self, failures: int, asked_s: float = 0.0) -> float:
        """Seconds to wait after so many failures in a row (1 or more), never less than the receiver asked for."""
        full = min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 30))
        return max(full * random.uniform(0.5, 1.0), min(asked_s, 5 * self.most_s))  # noqa: S311 - no secret
