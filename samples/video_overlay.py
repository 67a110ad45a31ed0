"""Write a video with heat map, zones and count over each frame.

python samples/video_overlay.py walk.mp4 overlay.mkv --every 0.2 --zones samples/plaza-zones.yaml

SOURCE may be a camera, too; Ctrl-C ends it, and the video is whole.
"""

import argparse
from pathlib import Path

import cv2

from sdk import CrowdCounter, Zones, draw_zones

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("source")
parser.add_argument("video", help="FILE.mkv or FILE.avi")
parser.add_argument("--every", type=float, metavar="SECONDS", default=0.2)
parser.add_argument("--zones", type=Path)
options = parser.parse_args()
zones = None if options.zones is None else Zones.read(options.zones)

writer = None
with CrowdCounter() as counter, counter.stream(options.source, every=options.every, policy="all") as stream:
    try:
        for seen in stream:
            if seen.result is None:
                print(f"{seen.state} {seen.error or ''}")
                continue
            result = seen.result if zones is None else seen.result.with_zones(zones)
            picture = result.overlay()
            if zones is not None:
                picture = draw_zones(picture, zones, result.zones, tint=False)
            height, width = picture.shape[:2]
            if writer is None:
                writer = cv2.VideoWriter(
                    options.video, cv2.VideoWriter.fourcc(*"MJPG"), 1 / options.every, (width, height)
                )
            writer.write(picture)
            print(f"frame {seen.number}: {result.count:.1f} people", flush=True)
    except KeyboardInterrupt:
        print("stopped")
    finally:
        if writer is not None:
            writer.release()
