"""SKT Edge: count the people in photos of crowds, on edge devices.

from sdk import CrowdCounter

with CrowdCounter() as counter:
    print(counter.count("plaza.jpg").count)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sdk.alarms import Alarm, AlarmEvent, AlarmRules
    from sdk.counter import CountOptions, CrowdCounter
    from sdk.errors import SktError
    from sdk.ground import Ground
    from sdk.occupancy import Occupancy, OccupancyLog
    from sdk.result import CountResult, Timings
    from sdk.smoothing import ExponentialSmoother, MedianSmoother, RateOfChange, Smoothed
    from sdk.streams import Stable, StreamLimits, StreamResult
    from sdk.timing import Moment
    from sdk.trust.correction import Correction
    from sdk.zones import Zone, Zones
    from sdk.zones_count import ZoneCount
    from sdk.zones_picture import draw_zones

__version__ = "0.1.0"

# Where each name lives; imported when first used, so that `import sdk` loads neither OpenCV nor an engine.
_HOMES = {
    "Alarm": "sdk.alarms",
    "AlarmEvent": "sdk.alarms",
    "AlarmRules": "sdk.alarms",
    "Correction": "sdk.trust.correction",
    "CountOptions": "sdk.counter",
    "CountResult": "sdk.result",
    "CrowdCounter": "sdk.counter",
    "ExponentialSmoother": "sdk.smoothing",
    "Ground": "sdk.ground",
    "MedianSmoother": "sdk.smoothing",
    "Moment": "sdk.timing",
    "Occupancy": "sdk.occupancy",
    "OccupancyLog": "sdk.occupancy",
    "RateOfChange": "sdk.smoothing",
    "SktError": "sdk.errors",
    "Smoothed": "sdk.smoothing",
    "Stable": "sdk.streams",
    "StreamLimits": "sdk.streams",
    "StreamResult": "sdk.streams",
    "Timings": "sdk.result",
    "Zone": "sdk.zones",
    "ZoneCount": "sdk.zones_count",
    "Zones": "sdk.zones",
    "draw_zones": "sdk.zones_picture",
}

__all__ = [
    "Alarm",
    "AlarmEvent",
    "AlarmRules",
    "Correction",
    "CountOptions",
    "CountResult",
    "CrowdCounter",
    "ExponentialSmoother",
    "Ground",
    "MedianSmoother",
    "Moment",
    "Occupancy",
    "OccupancyLog",
    "RateOfChange",
    "SktError",
    "Smoothed",
    "Stable",
    "StreamLimits",
    "StreamResult",
    "Timings",
    "Zone",
    "ZoneCount",
    "Zones",
    "draw_zones",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sdk' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
