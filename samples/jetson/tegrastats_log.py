"""Not verified on a Jetson, but on recorded lines. Log a Jetson's load, memory, heat and power as JSON lines.

python samples/jetson/tegrastats_log.py [--interval 5] >> jetson.jsonl
tegrastats | python samples/jetson/tegrastats_log.py --stdin

Beside the counts, whose latency_ms rises when the device is throttled, it tells why.
"""

import argparse
import json
import re
import subprocess
import sys
from datetime import datetime, timezone
from typing import Any

MEMORY = re.compile(r"\b(RAM|SWAP) (\d+)/(\d+)MB")
CORES = re.compile(r"\bCPU \[([^\]]*)\]")
LOAD = re.compile(r"\b(GR3D|EMC)_FREQ (\d+)%")  # of the GPU, and of the memory's bus; Thor has a clock alone
HEAT = re.compile(r"(?<!\S)([A-Za-z]\w*)@(-?\d+(?:\.\d+)?)C")
POWER = re.compile(r"(?<!\S)([A-Z]\w*) (\d+)(?:mW)?/(\d+)(?:mW)?(?![\d.]*MB)")  # now/average, and since JetPack 7 /most


def parse(line: str) -> dict[str, Any]:
    """A line of tegrastats as plain values; what it does not hold is left out."""
    found: dict[str, Any] = {}
    for name, used, all_of_it in MEMORY.findall(line):
        found[f"{name.lower()}_mb"] = {"used": int(used), "total": int(all_of_it)}
    if cores := CORES.search(line):
        found["cpu_percent"] = [None if core == "off" else int(core.split("%")[0]) for core in cores[1].split(",")]
    for name, percent in LOAD.findall(line):
        found["gpu_percent" if name == "GR3D" else "memory_bus_percent"] = int(percent)
    if heat := HEAT.findall(line):
        found["celsius"] = {name.lower(): float(degrees) for name, degrees in heat}
    if power := POWER.findall(line):
        found["milliwatts"] = {name: int(now) for name, now, _ in power}
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--interval", type=float, default=5.0, metavar="SECONDS")
    parser.add_argument("--stdin", action="store_true", help="read what tegrastats wrote")
    options = parser.parse_args()
    command = ["tegrastats", "--interval", str(int(1000 * options.interval))]
    lines = sys.stdin if options.stdin else subprocess.Popen(command, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603
    for text in lines or ():
        if values := parse(text):
            now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
            print(json.dumps({"time": now, **values}), flush=True)
