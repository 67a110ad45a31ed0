"""Count the people in parts of a photo: the parts of a frame add up to the whole.

python samples/count_zones.py samples/photos/plaza.jpg
"""

import sys

from sdk import CrowdCounter

with CrowdCounter() as counter:
    result = counter.count(sys.argv[1])

rows, columns = result.density.shape
zones = {
    "upper left": result.density[: rows // 2, : columns // 2],
    "upper right": result.density[: rows // 2, columns // 2 :],
    "lower left": result.density[rows // 2 :, : columns // 2],
    "lower right": result.density[rows // 2 :, columns // 2 :],
}
for name, cells in zones.items():
    print(f"{name:<12} {cells.sum():7.1f} people")
print(f"{'all':<12} {result.count:7.1f} people")
