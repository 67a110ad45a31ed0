"""What this machine has. Each engine is asked by itself, and none of them can make the others fail."""

from __future__ import annotations

import importlib
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtimes.base import first_line
from runtimes.cpu import architecture, cores, cpu_flags, cpu_name
from runtimes.cuda import Cuda, cuda
from runtimes.environment import Engine, Environment
from runtimes.installed import UNKNOWN, importable, version_of
from runtimes.probe_nvidia import of_nvidia, onnxruntime_on_gpus, torch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

TEGRA_RELEASE = Path("/etc/nv_tegra_release")
BOARD = Path("/proc/device-tree/model")
ONNXRUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml")  # one import name


def probe(*, quick: bool = False) -> Environment:
    """Look at this machine. Never raises; what cannot be found out is left empty or said in an engine's reason.

    quick: believe of ONNX Runtime that it works where it is installed for the CPU, which saves 20 MB and some 80 ms
    where it is not the engine that will be loaded.
    """
    driver = cuda()
    return Environment(
        os=platform.system().lower(),
        arch=architecture(),
        python=platform.python_version(),
        cpu=cpu_name(),
        cpu_flags=cpu_flags(),
        cores=cores(),
        engines=(
            *(_installed_onnxruntime(driver) if quick else _onnxruntime(driver)),
            _openvino(),
            of_nvidia("tensorrt", driver),
            of_nvidia("tensorrt-rtx", driver),
            *torch(driver),
        ),
        gpus=driver.gpus,
        cuda_driver=driver.version,
        jetson=jetson(_read(TEGRA_RELEASE), _read(BOARD)),
        warnings=clashes(_installed()),
    )


def jetson(release: str, board: str) -> str:
    """The board and its L4T release, from the texts of NVIDIA's two files; empty without them.

    >>> jetson("# R36 (release), REVISION: 4.3, GCID: 1", "NVIDIA Jetson Orin Nano")
    'NVIDIA Jetson Orin Nano, L4T 36.4.3'
    """
    if not release.startswith("# R"):
        return ""
    fields = release.removeprefix("# R").replace("REVISION:", "").split(",")
    return f"{board.strip() or 'Jetson'}, L4T {fields[0].split()[0]}.{fields[1].strip() if fields[1:] else '?'}"


def clashes(installed: Collection[str]) -> tuple[str, ...]:
    """Installations that break each other: several packages of ONNX Runtime share one folder."""
    found = [name for name in ONNXRUNTIMES if name in installed]
    if len(found) < 2:
        return ()
    return (f"{' and '.join(found)} overwrite each other: pip uninstall {' '.join(found)}, then install one of them",)


def _onnxruntime(driver: Cuda) -> list[Engine]:
    providers: list[str] = []

    def devices(engine: Any) -> list[str]:
        providers.extend(engine.get_available_providers())
        return [_ort_device(name) for name in providers]

    found = _asked("onnxruntime", devices)
    return [found, *onnxruntime_on_gpus(found.version, providers, driver)]


def _installed_onnxruntime(driver: Cuda) -> list[Engine]:
    """As its distribution says; any other than the plain one for the CPU is asked."""
    if _installed() != {"onnxruntime"} or not importable("onnxruntime"):
        return _onnxruntime(driver)
    found = Engine("onnxruntime", version_of("onnxruntime"), usable=True, devices=("cpu",))
    return [found, *onnxruntime_on_gpus(found.version, [], driver)]


def _openvino() -> Engine:
    return _asked("openvino", lambda engine: [_openvino_device(name) for name in engine.Core().available_devices])


def _ort_device(provider: str) -> str:
    """Our word for a provider; those for NVIDIA GPUs are judged with the driver."""
    return "cpu" if provider == "CPUExecutionProvider" else ""


def _openvino_device(name: str) -> str:
    """CPU is cpu, GPU.1 is intel:gpu.1, NPU is intel:npu."""
    return "cpu" if name == "CPU" else f"intel:{name.lower()}"


def _asked(name: str, devices: Callable[..., list[str]]) -> Engine:
    """Import an engine and ask for its devices; anything that it raises becomes the reason why it is not usable."""
    if not importable(name):
        return _absent(name)
    try:
        engine = importlib.import_module(name)
        version, found = str(engine.__version__).split("-")[0], tuple(filter(None, devices(engine)))
    except Exception as error:  # noqa: BLE001 - a broken installation may raise anything
        reason = f"{name} does not work: {first_line(error)}"
        return Engine(name, version_of(name), reason=reason, fix=f"pip install --force-reinstall {name}")
    reason = "" if found else f"{name} finds no device"
    return Engine(name, version, usable=bool(found), devices=found, reason=reason)


def _absent(name: str) -> Engine:
    return Engine(name, reason=f"{name} is not installed", fix=f"pip install {name}")


def _installed() -> set[str]:
    """Those of ONNX Runtime's distributions that are installed."""
    return {name for name in ONNXRUNTIMES if version_of(name) != UNKNOWN}


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip("\0\n ")
    except OSError:
        return ""
