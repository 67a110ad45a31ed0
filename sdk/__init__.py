"""SKT Edge: count the people in photos of crowds, on edge devices.

from sdk import CrowdCounter

with CrowdCounter() as counter:
    print(counter.count("plaza.jpg").count)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sdk.counter import CountOptions, CrowdCounter
    from sdk.errors import SktError
    from sdk.result import CountResult, Timings

__version__ = "0.1.0"

# Where each name lives; imported when first used, so that `import sdk` loads neither OpenCV nor an engine.
_HOMES = {
    "CountOptions": "sdk.counter",
    "CountResult": "sdk.result",
    "CrowdCounter": "sdk.counter",
    "SktError": "sdk.errors",
    "Timings": "sdk.result",
}

__all__ = ["CountOptions", "CountResult", "CrowdCounter", "SktError", "Timings"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sdk' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
