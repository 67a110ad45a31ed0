"""Prometheus: the last reading of each camera, to be scraped over HTTP."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sdk.errors import ConfigError
from sdk.sinks.base import Health, Sink
from sdk.sinks.errors import SinkError
from sdk.sinks.reading import Reading
from sdk.sinks.target import Target, settings
from sdk.timing import Stopwatch
from sdk.trust.state import REASONS, STATES

if TYPE_CHECKING:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

PORT = 9108


@dataclass(frozen=True)
class PrometheusSettings:
    """How long a reading counts as the present."""

    stale_s: float = 60.0  # after so long without a reading a camera's gauges are gone, rather than frozen


class Gauges:
    """The last reading of each camera, as a prometheus_client collector; zone "" is the whole frame."""

    def __init__(self, stale_s: float) -> None:
        self._stale_s = stale_s
        self._last: dict[str, tuple[Reading, Stopwatch]] = {}
        self._taken: Counter[str] = Counter()
        self._latency_s: dict[str, float] = {}  # sums
        self._lock = threading.Lock()

    def update(self, reading: Reading) -> None:
        """Show this reading from now on."""
        with self._lock:
            self._last[reading.camera] = (reading.without_pictures(), Stopwatch())
            self._taken[reading.camera] += 1
            before = self._latency_s.get(reading.camera, 0.0)
            self._latency_s[reading.camera] = before + reading.latency_ms / 1000

    def taken(self) -> int:
        """Readings so far."""
        with self._lock:
            return sum(self._taken.values())

    def collect(self) -> Iterator[Metric]:
        """Everything, as prometheus_client wants it."""
        with self._lock:
            last = [(reading, watch.seconds()) for reading, watch in self._last.values()]
            taken, latency = dict(self._taken), dict(self._latency_s)
        fresh = [reading for reading, age in last if age <= self._stale_s]
        yield from _people(fresh)
        yield _states(fresh)
        yield _reasons(fresh)
        yield _time(reading for reading, _ in last)
        yield from _totals([reading for reading, _ in last], taken, latency)


class PrometheusSink(Sink):
    """Serves /metrics until it is closed."""

    def __init__(self, name: str, host: str, port: int, stale_s: float) -> None:
        from prometheus_client import CollectorRegistry, start_http_server

        self._name = name
        self._gauges = Gauges(stale_s)
        registry = CollectorRegistry()
        registry.register(self._gauges)  # it has the one method that is used
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            message = f"sink {name} cannot listen on {host}:{port}: {reason}"
            raise SinkError(message, hint="name another port, as in prometheus://:9109") from error
        self.port = self._server.server_port

    def send(self, reading: Reading) -> None:
        self._gauges.update(reading)

    def health(self) -> tuple[Health, ...]:
        return (Health(self._name, self._gauges.taken()),)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def open_prometheus(target: Target) -> Sink:
    """prometheus://HOST:PORT; without HOST on every address of this machine."""
    try:
        import prometheus_client  # noqa: F401
    except ImportError as error:
        message = "Prometheus needs the package prometheus_client"
        raise ConfigError(message, hint="pip install 'skt-edge[sinks]'") from error
    chosen = settings(PrometheusSettings, target)
    port = PORT if target.port is None else target.port
    return PrometheusSink(target.name, target.host or "0.0.0.0", port, chosen.stale_s)  # noqa: S104 - to be scraped


def _people(readings: Iterable[Reading]) -> Iterator[GaugeMetricFamily]:
    zones = ("camera", "zone")
    count = _gauge("crowd_count", "People in the zone; zone '' is the whole frame.", zones)
    smoothed = _gauge("crowd_count_smoothed", "People in the frame, smoothed over time.", zones)
    low = _gauge("crowd_count_low", "Lower end of the calibrated interval.", zones)
    high = _gauge("crowd_count_high", "Upper end of the calibrated interval.", zones)
    for reading in readings:
        frame = (reading.camera, "")
        count.add_metric(frame, reading.count)
        for zone, people in reading.zones.items():
            count.add_metric((reading.camera, zone), people)
        if reading.smoothed is not None:
            smoothed.add_metric(frame, reading.smoothed)
        if reading.interval is not None:
            low.add_metric(frame, reading.interval[0])
            high.add_metric(frame, reading.interval[1])
    yield from (count, smoothed, low, high)


def _states(readings: Iterable[Reading]) -> GaugeMetricFamily:
    state = _gauge("crowd_state", "1 for the state that the count is in, 0 for the others.", ("camera", "state"))
    for reading in readings:
        for name in STATES:
            state.add_metric((reading.camera, name), float(reading.state == name))
    return state


def _reasons(readings: Iterable[Reading]) -> GaugeMetricFamily:
    reason = _gauge("crowd_state_reason", "1 for each reason why the state is not ok.", ("camera", "reason"))
    for reading in readings:
        for name in dict.fromkeys(text.partition(":")[0] for text in reading.reasons):
            if name in REASONS:
                reason.add_metric((reading.camera, name), 1.0)
    return reason


def _time(readings: Iterable[Reading]) -> GaugeMetricFamily:
    time = _gauge("crowd_reading_timestamp_seconds", "When the last reading was taken, Unix time.", ("camera",))
    for reading in readings:
        time.add_metric((reading.camera,), reading.time.timestamp())
    return time


def _totals(
    readings: Iterable[Reading], taken: dict[str, int], latency_s: dict[str, float]
) -> Iterator[CounterMetricFamily | Metric]:
    from prometheus_client.core import CounterMetricFamily, SummaryMetricFamily

    drops = CounterMetricFamily("crowd_drops", "Frames left out since the stream began.", labels=("camera",))
    latency = SummaryMetricFamily("crowd_latency_seconds", "From a frame to its reading.", labels=("camera",))
    for reading in readings:
        drops.add_metric((reading.camera,), reading.drops)
        latency.add_metric((reading.camera,), taken[reading.camera], latency_s[reading.camera])
    yield from (drops, latency)


def _gauge(name: str, text: str, labels: tuple[str, ...]) -> GaugeMetricFamily:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(name, text, labels=labels)
