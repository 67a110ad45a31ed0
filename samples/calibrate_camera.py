"""Correct the counts of one camera by a few of its frames, and say what that is worth.

python samples/calibrate_camera.py FRAMES

FRAMES is a folder of 3 to 10 frames of one camera, with points.csv (photo,x,y) beside them. What skt-calibrate does, as
a program of your own: it counts each frame at several scales, finds the scale and the factor that make the counts
right, and tells the error by leaving out each frame once. Where no correction helps, it says so and ends with 7.
"""

import sys
from pathlib import Path

import numpy as np

from sdk import CrowdCounter, SktError
from sdk.datasets import read_dataset
from sdk.trust.camera_fit import SCALES, fit_camera
from sdk.trust.correction import Correction

frames = read_dataset("points", Path(sys.argv[1]))
true = [len(frame.points) for frame in frames]

with CrowdCounter() as counter:
    counted = np.array(
        [[counter.count(frame.photo, Correction(scale=scale)).count for scale in SCALES] for frame in frames]
    )
    try:
        found = fit_camera(counted, true)
    except SktError as error:
        print(error)
        sys.exit(error.exit_code)
    correction = Correction(found.factor, found.scale)
    correction.write(Path("camera.yaml"))
    print(f"{correction.in_words()}: error {found.error_before:.1f} -> {found.error_after:.1f} people a frame")

    for frame, people in zip(frames, true, strict=True):
        result = counter.count(frame.photo, correction)
        print(f"{frame.name}: {people} people, counted {result.raw_count:.1f}, corrected {result.count:.1f}")

print("wrote camera.yaml; in cameras.yaml it is named by the camera as  correction: camera.yaml")
