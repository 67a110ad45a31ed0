"""Which engines can use this machine's NVIDIA GPUs, judged by the driver and by what is installed; none is imported."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runtimes.environment import Engine
from runtimes.installed import importable, requirements, version_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from runtimes.cuda import Cuda

MODULES = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}  # engine: Python module
INSTALL = {
    "tensorrt": "pip install tensorrt; on a Jetson take JetPack's, in an environment with --system-site-packages",
    "tensorrt-rtx": "pip install tensorrt-rtx",
    "onnxruntime": "pip uninstall onnxruntime, then pip install 'onnxruntime-gpu[cuda,cudnn]'",
    "torch": "install torch for CUDA as pytorch.org says",
    "onnxruntime-tensorrt": "pip uninstall onnxruntime, then pip install 'onnxruntime-gpu[cuda,cudnn]' tensorrt",
}
NO_DRIVER = "install NVIDIA's driver, or use device cpu"
PROVIDERS = {"onnxruntime": "CUDAExecutionProvider", "onnxruntime-tensorrt": "TensorrtExecutionProvider"}


def of_nvidia(name: str, driver: Cuda) -> Engine:
    """TensorRT or TensorRT-RTX."""
    if not importable(MODULES[name]):
        missing = f"{name} is not installed"
        return Engine(name, devices=gpus(driver), reason=driver.problem or missing, fix=_fix(name, driver))
    return _judged(name, version_of(name), driver, requirements(name))


def onnxruntime_on_gpus(version: str, providers: Sequence[str], driver: Cuda) -> list[Engine]:
    """ONNX Runtime's providers for GPUs; on a machine without a GPU that of TensorRT alone, with the reason."""
    engines = []
    for name, provider in PROVIDERS.items():
        if provider in providers:
            engine = _judged(name, version, driver, requirements("onnxruntime-gpu"))
        else:
            missing = f"onnxruntime is built without {provider}" if version else "onnxruntime is not installed"
            reason = driver.problem or missing
            engine = Engine(name, version, devices=gpus(driver), reason=reason, fix=_fix(name, driver))
        if name != "onnxruntime" or engine.devices:
            engines.append(engine)
    return engines


def torch(driver: Cuda) -> list[Engine]:
    """PyTorch, whose import takes over a second; a build for CPUs alone says so in its version."""
    if not importable("torch"):
        return [Engine("torch", reason="torch is not installed", fix="pip install torch")]
    version = version_of("torch")
    on_cpu, devices = Engine("torch", version, usable=True, devices=("cpu",)), gpus(driver)
    if not devices:
        return [on_cpu]
    if "+cpu" in version:
        reason = "this torch is built for CPUs alone"
        return [on_cpu, Engine("torch", version, devices=devices, reason=reason, fix=INSTALL["torch"])]
    return [on_cpu, _judged("torch", version, driver, requirements("torch"))]


def gpus(driver: Cuda) -> tuple[str, ...]:
    """The GPUs as they are named in plans."""
    return tuple(f"cuda:{at}" for at in range(len(driver.gpus)))


def too_old(name: str, driver: Cuda, version: str, required: Iterable[str]) -> str:
    """What is wrong with the driver for an engine that was built for a later CUDA; empty where nothing is."""
    needed = cuda_of(version, required)
    if needed is None or not driver.version or int(driver.version.split(".")[0]) >= needed:
        return ""
    return f"the driver supports CUDA {driver.version}, and {name} {version} needs a driver for CUDA {needed} or later"


def cuda_of(version: str, required: Iterable[str]) -> int | None:
    """The major version of CUDA that a package was built for, as its version or its requirements tell; None: unknown.

    >>> cuda_of("2.9.1+cu128", []), cuda_of("11.4.0", ["tensorrt_cu13_libs==11.4.0"])
    (12, 13)
    """
    if built := re.search(r"\+cu(\d\d)", version):
        return int(built[1])
    for text in required:
        if told := re.match(r"[\w-]+[-_]cu(\d\d)\b|[\w-]+[-_]cu(\d\d)_", text):
            return int(told[1] or told[2])
        if told := re.match(r"(?:nvidia-cuda-runtime|cuda-toolkit)\b[^\d]*(\d\d)\.", text):
            return int(told[1])
    return None


def _fix(name: str, driver: Cuda) -> str:
    return INSTALL[name] if driver.version else NO_DRIVER


def _judged(name: str, version: str, driver: Cuda, required: Sequence[str]) -> Engine:
    if not driver.version:
        return Engine(name, version, reason=driver.problem, fix=NO_DRIVER)
    devices = gpus(driver)
    if reason := too_old(name, driver, version, required):
        fix = f"update NVIDIA's driver, or install a {name} for CUDA {driver.version.split('.')[0]}"
        return Engine(name, version, devices=devices, reason=reason, fix=fix)
    if not devices:
        return Engine(name, version, reason="the driver sees no NVIDIA GPU", fix="use device cpu or auto")
    return Engine(name, version, usable=True, devices=devices)
