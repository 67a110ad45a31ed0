"""The device and its TensorRT: found, or told in one line what is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from runtimes.errors import BackendError
from runtimes.tensorrt_device import Device, check_version, find_device, import_tensorrt, numbers
from tests.compiled import COMPILER, DRIVER, compiled

needs_compiler = pytest.mark.skipif(not COMPILER, reason="not run: there is no C compiler")


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A library with the driver's interface, whose GPU is this process's memory."""
    return str(compiled(tmp_path_factory.mktemp("driver"), "libcuda.so.1", DRIVER))


@needs_compiler
def test_a_device_is_told_by_its_driver(driver: str) -> None:
    assert find_device(0, driver) == Device(0, "Orin", "8.7", "12.6")


@needs_compiler
def test_a_gpu_that_is_not_there_is_refused(driver: str) -> None:
    with pytest.raises(BackendError, match=r"there is no GPU 1 \(found: Orin\)"):
        find_device(1, driver)


def test_without_a_driver_there_is_no_device() -> None:
    with pytest.raises(BackendError, match=r"built on its device, and there is no NVIDIA driver \(libnone.so\) here"):
        find_device(0, "libnone.so")


@needs_compiler
@pytest.mark.parametrize(
    ("call", "told"),
    [("cuDeviceGet(", "does not open GPU 0"), ("cuDeviceGetAttribute(", "does not tell the compute capability")],
)
def test_a_driver_that_fails_is_told(tmp_path: Path, call: str, told: str) -> None:
    lines = [line[: line.index("{")] + "{ return 999; }" if call in line else line for line in DRIVER.splitlines()]
    failing = compiled(tmp_path, "libfailing.so", "\n".join(lines))

    with pytest.raises(BackendError, match=told):
        find_device(0, str(failing))


@pytest.mark.parametrize("version", ["10.3.0", "10.13.3.9", "11.4.0.106"])
def test_the_versions_of_devices_in_service_are_taken(version: str) -> None:
    check_version(version)


@pytest.mark.parametrize("version", ["8.6.1", "10.2.0", "12.0.0", "none"])
def test_other_versions_are_refused(version: str) -> None:
    with pytest.raises(BackendError, match=f"TensorRT {version} is installed, expected 10.3 to 11.x"):
        check_version(version)


def test_tensorrt_rtx_has_versions_of_its_own() -> None:
    check_version("1.7.1.116", "tensorrt_rtx")
    with pytest.raises(
        BackendError, match=r"TensorRT-RTX 1.6.1 is installed, expected 1.7 to 1.x \(install tensorrt_rtx"
    ):
        check_version("1.6.1", "tensorrt_rtx")


def test_versions_are_compared_by_number() -> None:
    assert numbers("10.13.3.9.post1") > numbers("10.3.0")


def test_a_package_that_is_not_installed_is_told() -> None:
    with pytest.raises(BackendError, match=r"the Python package no_tensorrt is not installed .*JetPack's tensorrt"):
        import_tensorrt("no_tensorrt")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("raise OSError('libnvinfer.so.10: cannot open')", "trt_of_a_test does not import: OSError: libnvinfer.so.10"),
        ("__version__ = '8.6.1'", "TensorRT 8.6.1 is installed"),
    ],
)
def test_a_package_that_does_not_fit_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, told: str
) -> None:
    (tmp_path / "trt_of_a_test.py").write_text(code, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "trt_of_a_test", raising=False)

    with pytest.raises(BackendError, match=told):
        import_tensorrt("trt_of_a_test")
