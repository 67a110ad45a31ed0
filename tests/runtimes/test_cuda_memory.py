"""A GPU's stream and memory, through a driver whose GPU is this process's memory; NVIDIA's headers judge that driver.

SKT_CUDA_HEADERS names folders that hold cuda.h, as `pip download nvidia-cuda-runtime` brings one. What the job in
.ci/tensorrt does.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path

import pytest

from runtimes.cuda import gpu_number
from runtimes.cuda_memory import Gpu
from runtimes.errors import BackendError, InferenceError, OutOfMemory
from tests.compiled import COMPILER, DRIVER, compiled

HEADERS = [folder for folder in os.environ.get("SKT_CUDA_HEADERS", "").split(os.pathsep) if folder]
needs_compiler = pytest.mark.skipif(not COMPILER, reason="not run: there is no C compiler")


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(compiled(tmp_path_factory.mktemp("driver"), "libstandin.so", DRIVER))


@pytest.mark.skipif(not HEADERS, reason="not run: set SKT_CUDA_HEADERS to folders with cuda.h")
@needs_compiler
@pytest.mark.parametrize("folder", HEADERS)
def test_the_driver_of_the_tests_has_the_functions_that_nvidia_declares(tmp_path: Path, folder: str) -> None:
    flags = ("-DWITH_CUDA_H", "-I", folder, "-Wmissing-prototypes", "-Werror")

    compiled(tmp_path, "libjudged.so", DRIVER, *flags)
    with pytest.raises(subprocess.CalledProcessError) as refused:
        compiled(tmp_path, "libwrong.so", DRIVER.replace("size_t size, CUstream", "int size, CUstream"), *flags)
    assert b"conflicting types" in refused.value.stderr


@needs_compiler
def test_what_goes_to_the_gpu_comes_back(driver: str) -> None:
    with Gpu(0, driver) as gpu, gpu.current():
        buffer = gpu.buffer(24)
        buffer.host[:] = range(24)
        gpu.upload(buffer, 24)
        buffer.host[:] = 0
        gpu.download(buffer, 20)
        gpu.wait()

        assert gpu.stream
        assert buffer.host.tolist() == [*range(20), 0, 0, 0, 0]
        gpu.free(buffer)


@needs_compiler
def test_what_was_recorded_is_done_when_it_is_replayed_and_not_before(driver: str) -> None:
    with Gpu(0, driver) as gpu, gpu.current():
        one, other = gpu.buffer(4), gpu.buffer(4)
        one.host[:] = 7
        recorded = gpu.recorded(lambda: gpu.upload(one, 4))
        held = (ctypes.c_uint8 * 4).from_address(one.address)
        held[:] = bytes(4)
        assert bytes(held) == bytes(4)

        gpu.replay(recorded)

        assert bytes(held) == bytes([7] * 4)
        gpu.forget(recorded)
        gpu.free(other)


@needs_compiler
def test_recording_ends_where_the_work_fails(driver: str) -> None:
    def fail() -> None:
        raise InferenceError("no")

    with Gpu(0, driver) as gpu, gpu.current():
        with pytest.raises(InferenceError, match="no"):
            gpu.recorded(fail)
        buffer = gpu.buffer(1)
        buffer.host[:] = 9
        gpu.upload(buffer, 1)

        assert ctypes.c_uint8.from_address(buffer.address).value == 9


@needs_compiler
def test_time_is_between_two_events(driver: str) -> None:
    with Gpu(0, driver) as gpu, gpu.current():
        gpu.start_clock()

        assert gpu.stop_clock() == pytest.approx(1.0)


@needs_compiler
def test_memory_that_is_not_there_is_told(driver: str) -> None:
    with Gpu(0, driver) as gpu, pytest.raises(OutOfMemory, match=r"used up \(CUDA error 2 in cuMemAlloc_v2\) .*tile"):
        gpu.buffer(2**31)


@needs_compiler
def test_pinned_memory_that_is_not_there_gives_the_gpus_back(tmp_path: Path) -> None:
    line = next(line for line in DRIVER.splitlines() if "cuMemHostAlloc(" in line)
    failing = compiled(tmp_path, "libfull.so", DRIVER.replace(line, line.split("{")[0] + "{ return 2; }"))

    with Gpu(0, str(failing)) as gpu:
        with pytest.raises(OutOfMemory, match="CUDA error 2 in cuMemHostAlloc"):
            gpu.buffer(8)
        assert gpu._buffers == []


@needs_compiler
def test_a_driver_that_fails_is_told(tmp_path: Path) -> None:
    line = next(line for line in DRIVER.splitlines() if "cuStreamSynchronize(" in line)
    failing = compiled(tmp_path, "libbroken.so", DRIVER.replace(line, line.split("{")[0] + "{ return 700; }"))

    with Gpu(0, str(failing)) as gpu, pytest.raises(InferenceError, match="CUDA error 700 in cuStreamSynchronize"):
        gpu.wait()


def test_a_planned_device_is_a_number() -> None:
    assert [gpu_number("tensorrt", device) for device in ("cuda:0", "cuda:12", "cuda")] == [0, 12, 0]
    with pytest.raises(BackendError, match=r"tensorrt runs on NVIDIA GPUs \(cuda:0\), not on cpu"):
        gpu_number("tensorrt", "cpu")
