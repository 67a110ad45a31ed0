"""Count several cameras with one engine, and say which of them is in trouble.

python samples/several_cameras.py samples/cameras.yaml

What skt-count -c does, as a program of your own: each camera has its rate, zones, alarms and sinks from the file.
"""

import sys
from collections import Counter
from pathlib import Path

from sdk.streams.cameras import Cameras, read_cameras

config = read_cameras(Path(sys.argv[1]))
states: dict[str, Counter[str]] = {name: Counter() for name in config.cameras}

with config.engine.open() as counter, Cameras(counter.count, config) as cameras:
    for taken in cameras:
        seen = taken.stream
        states[taken.camera][seen.state] += 1
        if seen.result is not None:
            print(f"{taken.camera:<8} {seen.result.count:7.1f} people  {', '.join(taken.said)}", flush=True)
        else:
            print(f"{taken.camera:<8} {seen.state:>7} {seen.error or ''}", flush=True)

for name, found in states.items():
    print(name, dict(found))
for health in cameras.health():
    print(health.sink, health.sent, "sent", health.trouble)
