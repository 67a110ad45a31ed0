"""What Home Assistant reads to show each camera as a device: a retained description of every sensor."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sdk.sinks.reading import Reading
from sdk.trust.state import STATES

EXPIRE_S = 300  # without a reading for so long, a sensor shows as unavailable


@dataclass(frozen=True)
class Place:
    """Where readings and descriptions are published."""

    topic: str  # of all readings
    prefix: str  # under which Home Assistant looks


def announcements(place: Place, reading: Reading) -> Iterator[tuple[str, dict[str, Any]]]:
    """Topic and description of every sensor that the reading's camera has."""
    device = identifier(f"{place.topic}/{reading.camera}")
    people = {"unit_of_measurement": "people", "state_class": "measurement", "suggested_display_precision": 0}
    sensors: dict[str, tuple[str, dict[str, Any]]] = {
        "count": ("Count", {**people, "icon": "mdi:account-group", "value_template": "{{ value_json.count }}"}),
        "state": (
            "State",
            {"value_template": "{{ value_json.state }}", "device_class": "enum", "options": list(STATES)},
        ),
        "reasons": ("Reasons", {"value_template": "{{ (value_json.reasons | join('; '))[:255] }}"}),
    }
    for end, name in enumerate(("low", "high") if reading.interval is not None else ()):
        template = f"{{{{ value_json.interval[{end}] }}}}"
        sensors[name] = (f"Count, {name}est", {**people, "value_template": template})
    for zone in reading.zones:
        template = f"{{{{ value_json.zones[{json.dumps(zone)}] }}}}"
        sensors[f"zone_{identifier(zone)}"] = (zone, {**people, "value_template": template})
    for key, (name, sensor) in sensors.items():
        yield (
            f"{place.prefix}/sensor/{device}/{key}/config",
            {
                "name": name,
                "unique_id": f"{device}_{key}",
                "state_topic": topic_of(place.topic, reading.camera),
                "availability_topic": f"{place.topic}/status",
                "expire_after": EXPIRE_S,
                "device": {"identifiers": [device], "name": reading.camera, "model": "SKT Edge crowd counter"},
                "origin": {"name": "skt-edge"},
                **sensor,
            },
        )


def topic_of(base: str, camera: str) -> str:
    """Where the readings of a camera are published."""
    return f"{base}/{quote(camera, safe='')}/reading"


def identifier(name: str) -> str:
    """Letters, digits and _ only, different for different names."""
    readable = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").lower()
    return f"{readable}_{hashlib.sha256(name.encode()).hexdigest()[:6]}"
