"""How long to wait for a source, and which of its frames to take."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sdk.errors import ConfigError
from sdk.streams.stable import Stable

POLICIES = ("auto", "latest", "all")


@dataclass(frozen=True)
class StreamLimits:
    """How long a stream waits."""

    connect_seconds: float = 10.0  # for a camera to answer
    read_seconds: float = 10.0  # for a frame; then a result says `timeout`, and again after as long
    frozen_seconds: float | None = 30.0  # of the same picture until it counts as frozen; None: it may stand still
    longest_pause_seconds: float = 60.0  # between attempts to connect, which begin half a second apart
    wait: bool = False  # for a camera that is away at the start; else the first failure ends the stream
    size_seconds: float | None = 600.0  # between looks whether a camera sends another frame size; None: never

    def __post_init__(self) -> None:
        for name in ("connect_seconds", "read_seconds", "frozen_seconds", "size_seconds", "longest_pause_seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= 86_400:
                raise ConfigError(f"{name} is {value}, expected more than 0 seconds, at most a day")


@dataclass(frozen=True)
class Sampling:
    """Which frames are counted."""

    every: float | None = None  # seconds from one to the next; None: all that there is time for
    policy: str = "auto"  # latest: when the engine is late, the oldest go; all: the source waits; auto: by its kind
    stable: Stable | None = None  # when more frames may be left out; None: never

    def __post_init__(self) -> None:
        if self.every is not None and not (math.isfinite(self.every) and self.every > 0):
            raise ConfigError(f"every is {self.every}, expected more than 0 seconds", hint="None takes each frame")
        if self.policy not in POLICIES:
            raise ConfigError(f"policy is {self.policy!r}", hint=f"known: {', '.join(POLICIES)}")
