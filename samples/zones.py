"""Count zones in the frames of one camera, smooth the counts, and raise an alarm: numbers to act on.

python samples/zones.py samples/plaza-zones.yaml samples/photos/plaza.jpg samples/photos/plaza.jpg ...

The frames are taken as a time-lapse, one every 10 seconds. With a camera, pass Moment.now() for each frame instead.
"""

import sys

from sdk import Alarm, AlarmRules, CrowdCounter, MedianSmoother, Moment, OccupancyLog, Zones

EVERY = 10  # seconds
START = Moment.now()
RULES = AlarmRules(warn=60, alarm=150, hold_seconds=20, clear_seconds=60)  # people in one zone

file, *frames = sys.argv[1:]
zones = Zones.read(file)
names = [zone.name for zone in zones.counted]
smoothers = {name: MedianSmoother(window_seconds=30) for name in names}
alarms = {name: Alarm(RULES) for name in names}
logs = {name: OccupancyLog("Europe/Berlin") for name in names}

with CrowdCounter() as counter:
    for number, frame in enumerate(frames):
        moment = Moment(START.monotonic + EVERY * number, START.wall + EVERY * number)
        for zone in counter.count(frame).with_zones(zones).zones:
            smooth = smoothers[zone.name].update(moment, zone.count)
            print(f"{zone.name:<12} {smooth.value:6.1f} people (now {zone.count:.1f})  {zone.on_ground()}")
            if event := alarms[zone.name].update(moment, smooth.value):
                print(
                    f"{event.level.upper()} in {zone.name}: {event.value:.0f} people, threshold {event.threshold:.0f}"
                )
            for period in logs[zone.name].update(moment, smooth.value):
                print(f"{zone.name}: {period.period} from {period.start:%H:%M}, mean {period.mean:.1f} people")
