"""From what a user writes to a sink."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import Any

from sdk.errors import ConfigError
from sdk.sinks.base import Sink, Tee
from sdk.sinks.target import Target, nearest, read_target

Spec = str | Mapping[str, Any]

# Scheme of a URI or suffix of a file -> who opens it; imported when chosen.
KINDS = {
    ".avi": "sdk.sinks.video:open_video",
    ".csv": "sdk.sinks.csv_files:open_csv",
    ".jsonl": "sdk.sinks.json_lines:open_json_lines",
    ".mkv": "sdk.sinks.video:open_video",
    "http": "sdk.sinks.webhook:open_webhook",
    "https": "sdk.sinks.webhook:open_webhook",
    "mjpeg": "sdk.sinks.mjpeg:open_mjpeg",
    "mqtt": "sdk.sinks.mqtt:open_mqtt",
    "mqtts": "sdk.sinks.mqtt:open_mqtt",
    "prometheus": "sdk.sinks.prometheus:open_prometheus",
    "sqlite": "sdk.sinks.sqlite_file:open_sqlite",
}


def open_sink(spec: Spec) -> Sink:
    """The sink that a URI, a path or a mapping names; raises ConfigError or SinkError before the first reading.

    FILE.jsonl, FILE.csv, FILE.mkv, sqlite:///FILE, mqtt://HOST/TOPIC, mqtts://, prometheus://:PORT, https://HOST/PATH,
    mjpeg://:PORT; settings as in ?key=value (after # for https), or as further keys of a mapping with `to`.
    """
    target = read_target(spec)
    if target.kind not in KINDS:
        kind = f"{target.kind}://" if target.host or "://" in target.name else target.kind or "no suffix"
        raise ConfigError(f"sink {target.name} has {kind}, which is no kind of sink", hint=nearest(target.kind, KINDS))
    return _open(target)


def open_sinks(specs: Iterable[Spec]) -> Tee:
    """All of them as one sink, or none: what was opened before one is refused is closed again."""
    with ExitStack() as stack:
        sinks = [stack.enter_context(open_sink(spec)) for spec in specs]
        stack.pop_all()
        return Tee(sinks)


def _open(target: Target) -> Sink:
    module, name = KINDS[target.kind].split(":")
    sink: Sink = getattr(importlib.import_module(module), name)(target)
    return sink
