"""Count a camera's zones once a second, smooth the counts, raise an alarm, and send all of it to MQTT.

python samples/rtsp_to_mqtt.py rtsp://USER:env:CAMERA_PASSWORD@camera.local/stream samples/plaza-zones.yaml \
    --sink mqtt://broker.local/crowd

The camera may be away at the start, and so may the broker with mqtt://broker.local/crowd?start=wait: the program goes
on when they come back, and no reading is lost. Other sinks do as well, such as --sink counts.jsonl.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sdk import Alarm, AlarmRules, CrowdCounter, MedianSmoother, StreamLimits, Zones
from sdk.sinks import Reading, open_sinks, publish, reading_of

RULES = AlarmRules(warn=60, alarm=150)  # people in the frame


def readings(source: str, zones: Zones, every: float) -> Iterator[Reading]:
    """A reading for each frame that was counted; a frame that did not come is told and left out."""
    smoother, alarm = MedianSmoother(window_seconds=15), Alarm(RULES)
    limits = StreamLimits(wait=True)
    with CrowdCounter() as counter, counter.stream(source, every=every, limits=limits) as stream:
        for seen in stream:
            if seen.result is None:
                print(f"{seen.time:%H:%M:%S} {seen.state} {seen.error or ''}", flush=True)
                continue
            result = seen.result.with_zones(zones)
            smooth = smoother.update(seen.moment, result.count).value
            event = alarm.update(seen.moment, smooth)
            print(f"{seen.time:%H:%M:%S} {smooth:.1f} people, {seen.drops} frames dropped", flush=True)
            reading = reading_of(result, "plaza", seen.time, drops=seen.drops)
            reasons = (*reading.reasons, *([f"{event.level} at {event.value:.0f} people"] if event else []))
            yield replace(reading, smoothed=smooth, reasons=reasons, latency_ms=seen.latency_ms)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("zones", type=Path)
    parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS")
    parser.add_argument("--sink", action="append", metavar="SPEC", required=True)
    options = parser.parse_args()
    for health in publish(
        readings(options.source, Zones.read(options.zones), options.every), [open_sinks(options.sink)]
    ):
        print(health.sink, health.sent, health.trouble)
