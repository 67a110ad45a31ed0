"""Count the photos that a camera drops into a folder, and show the counts to Prometheus on port 9108.

python samples/prometheus.py samples/photos --every 5

In prometheus.yml:
    scrape_configs: [{job_name: crowd, static_configs: [{targets: ["localhost:9108"]}]}]
In Grafana:
    crowd_count{zone=""} between crowd_count_low and crowd_count_high; people in zones: crowd_count{zone!=""}
Alarms worth having:
    crowd_count{zone=""} > 200                              too many people
    time() - crowd_reading_timestamp_seconds > 120          the camera is silent
    crowd_state{state="ok"} == 0                            the count is not to be trusted
"""

import argparse
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from sdk import CrowdCounter, SktError
from sdk.sinks import Reading, open_sinks, publish, reading_of


def readings(folder: Path, every: float) -> Iterator[Reading]:
    """The newest photo of the folder, counted again and again; a photo that cannot be read is left out and counted."""
    drops = 0
    with CrowdCounter() as counter:
        while True:
            newest = max(folder.glob("*.jpg"), key=lambda path: path.stat().st_mtime)
            try:
                result = counter.count(newest)
            except SktError as error:
                drops += 1
                print(f"{newest.name} is left out: {error}")
            else:
                print(f"{newest.name}: {result.count:.1f} people", flush=True)
                yield reading_of(result, folder.name, datetime.now(timezone.utc), drops=drops)
            time.sleep(every)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=float, default=5.0, metavar="SECONDS")
    parser.add_argument("--sink", action="append", metavar="SPEC", help="prometheus://:9108 if absent")
    options = parser.parse_args()
    publish(readings(options.folder, options.every), [open_sinks(options.sink or ["prometheus://:9108"])])
