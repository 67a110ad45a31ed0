"""Count the people in a photo, and write the picture that shows where they are.

python samples/count_photo.py samples/photos/plaza.jpg overlay.png
"""

import sys

import cv2

from sdk import CrowdCounter

photo, picture = sys.argv[1:]
with CrowdCounter() as counter:
    result = counter.count(photo)

print(f"{result.count:.0f} people, {result.timings.total_ms:.0f} ms on {result.backend.engine} {result.backend.device}")
for warning in result.warnings:
    print(f"warning: {warning}")
cv2.imwrite(picture, result.overlay())
