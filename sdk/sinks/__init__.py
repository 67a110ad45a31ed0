"""Where readings go: files, brokers, dashboards, web addresses.

from sdk.sinks import open_sinks, publish

publish(readings, [open_sinks(["counts.jsonl", "mqtt://broker.local/crowd"])])
"""

from sdk.sinks.base import Health, Sink, Tee
from sdk.sinks.errors import SinkError, SinkRefused, SinkRejected, SinkUnreachable
from sdk.sinks.publish import publish
from sdk.sinks.reading import Reading, reading_from_line, reading_of
from sdk.sinks.spec import open_sink, open_sinks

__all__ = [
    "Health",
    "Reading",
    "Sink",
    "SinkError",
    "SinkRefused",
    "SinkRejected",
    "SinkUnreachable",
    "Tee",
    "open_sink",
    "open_sinks",
    "publish",
    "reading_from_line",
    "reading_of",
]
