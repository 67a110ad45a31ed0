"""Others that take part when asked for: networks in eager PyTorch, teachers, random weights, benchmark_app."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from runtimes import Request
from sdk.bench.contenders import Asked, Contender, Photo, of_package
from sdk.errors import ConfigError, ExportError
from sdk.manifest import Manifest
from sdk.package import Package
from sdk.shipped import SHIPPED, shipped

TORCH, TEACHER, TOOL = "torch", "teacher", "benchmark_app"
EAGER = "exporters.eager:Eager"
NEEDS = {TORCH: ("torch",), TEACHER: ("torch", "onnx", "onnxscript"), TOOL: ("openvino",)}
TEACHERS = {
    "bl": "bl",
    "csrnet": "csrnet",
    "googlenet": "googlenet-deep",
    "googlenet-quick": "googlenet-deep",
    "googlenet-tiny": "googlenet-deep",
}  # student's network: its teacher's
NETWORK = re.compile(r"([a-z][a-z0-9-]*)/([1-9][0-9]{0,2})")
KNOWN = "torch, teacher, benchmark_app, a package such as quick or NAME.skt, or a network such as bl/4"

Tell = Callable[[str], None]


def check(word: str) -> None:
    """Refuse what nobody can compare with, and say what is to be installed."""
    if is_package(word):
        return
    if word not in NEEDS and not NETWORK.fullmatch(word):
        raise ConfigError(f"cannot compare with {word!r}", hint=f"known: {KNOWN}")
    missing = [name for name in NEEDS.get(word, NEEDS[TEACHER]) if importlib.util.find_spec(name) is None]
    if missing:
        extra = "openvino" if word == TOOL else "'skt-edge[export]'"
        message = f"comparing with {word} needs the package {missing[0]}, which is not installed"
        raise ConfigError(message, hint=f"pip install {extra}")


def comparisons(
    words: Sequence[str], package: Path, own: Sequence[Contender], photo: Photo, folder: Path, tell: Tell
) -> list[Contender]:
    """Everything that was asked for beside the package."""
    for word in words:
        check(word)
    found: list[Contender] = []
    for word in dict.fromkeys(words):
        if word == TORCH:
            found += eager(own[0], photo)
        elif word == TOOL:
            found += tools(package, own, photo)
        elif is_package(word):
            found += same_of(shipped(word), own, photo, word)
        else:
            network = teacher_of(package) if word == TEACHER else word
            teaches = network in {f"{name}/1" for name in TEACHERS.values()}  # in INT8 it takes minutes to export
            found += untrained(
                network, [one for one in own if not teaches or one.precision == "fp32"], photo, folder, tell
            )
    return found


def eager(own: Contender, photo: Photo) -> Iterator[Contender]:
    """CSRNet in eager PyTorch as libraries of density maps run it; of a file, shrunk to 1000 pixels as LWCC does."""
    shrink = None if photo.decoded else 1000
    name = (
        "CSRNet, eager PyTorch" if photo.decoded else "CSRNet, eager PyTorch, file shrunk to 1000 pixels (LWCC's way)"
    )
    options = {"network": "csrnet/1", "photo": str(photo.path), "threads": own.threads, "max_side": shrink}
    yield Contender(name, EAGER, options, "csrnet/1, random weights", "torch", "fp32", own.threads)


def tools(package: Path, own: Sequence[Contender], photo: Photo) -> Iterator[Contender]:
    """OpenVINO's own tool on each file of ours that OpenVINO runs."""
    with Package.open(package) as opened:
        multiple = opened.manifest.input.multiple
    height, width = (side + -side % multiple for side in (photo.height, photo.width))
    for one in own:
        if one.engine == "openvino" and one.options["device"] == "cpu":
            options = {
                "package": str(package),
                "variant": one.variant,
                "threads": one.threads,
                "shape": [1, height, width, 3],
            }
            opener = "sdk.bench.subjects:BenchmarkApp"
            network, name = f"{one.network}, by {TOOL}", f"{TOOL} {one.variant}"
            yield Contender(name, opener, options, network, "openvino", one.precision, one.threads, variant=one.variant)


def untrained(network: str, own: Sequence[Contender], photo: Photo, folder: Path, tell: Tell) -> Iterator[Contender]:
    """The network with random weights, in the engines and precisions of the package; for time only."""
    path = folder / f"{network.replace('/', '-')}.skt"
    variants = sorted({one.variant for one in own})
    tell(f"exporting {network} with random weights")
    command = [sys.executable, "-m", "exporters.untrained", network, str(path), *variants]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    if done.returncode:
        told = (done.stderr.strip().splitlines() or ["no word"])[-1].removeprefix("error: ")
        raise ExportError(f"{network} cannot be exported: {told}")
    for same in same_of(path, own, photo, f"{network}, random weights,"):
        yield replace(same, network=f"{network}, random weights")


def same_of(path: Path, own: Sequence[Contender], photo: Photo, label: str) -> Iterator[Contender]:
    """Another package's variants of the same names, in the same engines and precisions."""
    for one in own:
        request = Request(one.options["device"], one.engine, one.options["precision"], one.variant)
        asked = Asked(request, one.threads, one.options["in_flight"], max_side=one.options["max_side"])
        yield from of_package(path, asked, photo, label)[:1]


def is_package(word: str) -> bool:
    """Whether to compare with a package."""
    return word in SHIPPED or word.endswith(".skt")


def teacher_of(package: Path) -> str:
    """The network that the package's would be taught by."""
    with Package.open(package) as opened:
        manifest = opened.manifest
    return f"{TEACHERS.get(_architecture(manifest), 'bl')}/1"


def _architecture(manifest: Manifest) -> str:
    return manifest.architecture.split()[0]
