"""Readings to sinks, to the end."""

from __future__ import annotations

from collections.abc import Iterable

from sdk.sinks.base import Health, Sink, Tee
from sdk.sinks.reading import Reading


def publish(readings: Iterable[Reading], sinks: Iterable[Sink]) -> tuple[Health, ...]:
    """Send each reading to every sink and close the sinks at the end, however it comes; how each of them fared.

    A sink that fails stops neither the readings nor the others.
    """
    with Tee(sinks) as tee:
        for reading in readings:
            tee.send(reading)
    return tee.health()
