"""Count all photos of a folder into a CSV; photos that cannot be read are told at the end, and harm no other.

python samples/count_folder.py samples/photos counts.csv
"""

import csv
import sys
from pathlib import Path

from sdk import CountOptions, CrowdCounter, SktError
from sdk.sources import find_photos

folder, table = sys.argv[1:]
photos = [photo.path for photo in find_photos([folder])]
failed: list[SktError] = []

with (
    Path(table).open("w", encoding="utf-8", newline="") as stream,
    CrowdCounter(options=CountOptions(max_in_flight=2)) as counter,  # decodes and counts two at once
):
    rows = csv.writer(stream)
    rows.writerow(["photo", "people", "width", "height", "warnings"])
    for path, result in zip(photos, counter.count_many(photos), strict=True):
        if isinstance(result, SktError):
            failed.append(result)
            continue
        height, width = result.photo.shape[:2]
        rows.writerow([path, f"{result.count:.1f}", width, height, "; ".join(result.warnings)])
        print(f"{path}: {result.count:.1f} people", flush=True)

for error in failed:
    print(f"left out: {error}")
print(f"{len(photos) - len(failed)} of {len(photos)} photos are in {table}")
