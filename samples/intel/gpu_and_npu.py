"""Not verified on an Intel GPU or NPU. Count a photo on each device of this machine that can, and compare.

skt-export --format openvino --precision fp16 --size 576x864 -o npu.skt      once: an NPU takes photos of one size
python samples/intel/gpu_and_npu.py samples/photos/plaza.jpg [--model npu.skt]

The driver of the GPU is intel-opencl-icd, of the NPU linux-npu-driver; the user is in the group render.
"""

import argparse

from sdk import CrowdCounter, SktError

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("photo")
parser.add_argument("--model", help="a package; the shipped one if absent")
parser.add_argument("--device", action="append", help="intel:gpu, intel:npu or cpu; repeat it for more")
parser.add_argument("--times", type=int, default=5)
options = parser.parse_args()

for device in options.device or ["intel:gpu", "intel:npu", "cpu"]:
    try:
        with CrowdCounter(options.model, device=device) as counter:  # what is named is kept to or refused
            counter.count(options.photo)  # the first compiles
            results = [counter.count(options.photo) for _ in range(options.times)]
    except SktError as error:
        print(f"{device:<10} {error}")
        continue
    ms, last = min(result.timings.engine_ms for result in results), results[-1]
    print(f"{device:<10} {last.count:8.1f} people  {ms:7.1f} ms  {last.backend.device_name}, {last.backend.variant}")
    for warning in last.warnings:
        print(f"{'':<10} warning: {warning}")
