"""Export a package in INT8, calibrated on your photos, and show what that costs and brings on this machine.

python samples/export_int8.py PHOTOS crowd.skt [--model PACKAGE]

PHOTOS: a folder of at least 48 photos of your scenes, full ones among them. An INT8 variant that does not count like
fp32 is refused with exit code 7, and nothing is written. Needs pip install 'skt-edge[export]'.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from sdk import CountOptions, CrowdCounter
from sdk.package import Package
from sdk.sources import find_photos

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("photos")
parser.add_argument("package", type=Path)
parser.add_argument("--model", help="a package or a checkpoint; the shipped one if absent")
options, more = parser.parse_known_args()  # what it does not know, such as --gate, is skt-export's

model = [] if options.model is None else ["-m", options.model]
command = ["--format", "onnx", "--precision", "fp32", "--precision", "int8", "--calib", options.photos,
           "-o", str(options.package), *model, *more]  # fmt: skip
done = subprocess.run([sys.executable, "-m", "exporters.commands", *command], check=False)  # noqa: S603 - own photos
if done.returncode:
    sys.exit(done.returncode)

photos = [photo.path for photo in find_photos([options.photos])][:8]
with Package.open(options.package) as package:
    variants = [variant.id for variant in package.manifest.variants]
for variant in variants:
    with CrowdCounter(options.package, options=CountOptions(variant=variant)) as counter:
        counter.count(photos[0])
        results = counter.count_batch(photos)
    people = sum(result.count for result in results)
    ms = sum(result.timings.engine_ms for result in results) / len(results)
    print(f"{variant:<16} {people:9.1f} people in {len(results)} photos  {ms:7.1f} ms a photo")
