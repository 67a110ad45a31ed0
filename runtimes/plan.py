"""Which variant of a model to run on which engine and device: a pure function of package, machine and request."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING

from runtimes.base import Grid
from runtimes.errors import ConfigError
from runtimes.tables import ALIASES, ASKED_PRECISIONS, AUTO, DEVICES, OPSETS, PRECISIONS, RANKS, READS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runtimes.environment import Engine, Environment


BF16 = "bf16"
TORCH_PRECISIONS = ("fp32", "fp16", BF16)


@dataclass(frozen=True)
class Variant:
    """One form of a model in its package, as far as planning and loading care."""

    id: str
    format: str  # onnx, openvino, tensorrt, torch; one that no engine reads is discarded
    precision: str  # as stored: fp32, fp16, int8
    opset: int | None = None
    gate_passed: bool | None = None  # of the accuracy gate of an int8 variant; None: it never ran
    requires: tuple[tuple[str, str], ...] = ()  # (engine, lowest version)
    size: tuple[int, int] | None = None  # height and width, in pixels, of the only photos that it takes; None: any
    stride: int = 8  # pixels a density cell
    multiple: int = 16  # pixels; both sides of a batch are multiples of it

    def __post_init__(self) -> None:
        _known("precision of a variant", self.precision, PRECISIONS)

    @property
    def grid(self) -> Grid:
        """The sizes that it takes and answers."""
        return Grid(self.stride, self.multiple, self.size)


@dataclass(frozen=True)
class Request:
    """What the user asks for. A word other than auto is explicit, and an explicit request never falls back."""

    device: str = AUTO  # auto, cpu, cuda, cuda:1, gpu, npu, intel:gpu, intel:npu
    backend: str = AUTO  # auto, or an engine
    precision: str = AUTO  # auto; fp32, fp16, int8: as stored in the package; bf16: computed in it
    variant: str = AUTO  # auto, or the id of a variant of the package
    strict: bool | None = None  # True: the best or an error; False: the next that fits; None: True where one is named

    def __post_init__(self) -> None:
        kind = self.device if self.device in (AUTO, *ALIASES) else _kind(self.device)
        _known("device", kind, (AUTO, *ALIASES, *DEVICES))
        _known("backend", self.backend, (AUTO, *READS))
        _known("precision", self.precision, (AUTO, *ASKED_PRECISIONS))

    @property
    def explicit(self) -> bool:
        """Whether anything is named, so that only what was named will do."""
        return replace(self, strict=None) != Request()

    @property
    def one_try(self) -> bool:
        """Whether the best that fits must load, and nothing takes its place."""
        return self.explicit if self.strict is None else self.strict


@dataclass(frozen=True)
class Candidate:
    """A variant that can run here, as asked."""

    variant: Variant
    engine: str
    device: str
    precision: str  # of the arithmetic, which on a CPU is fp32 for weights stored in fp16

    @property
    def label(self) -> str:
        """For people: variant, engine and device."""
        return f"{self.variant.id} on {self.engine} {self.device}"


@dataclass(frozen=True)
class Discard:
    """A variant that will not run on an engine and device, why, and what would change that."""

    variant: Variant
    engine: str
    device: str  # empty: whichever
    reason: str
    fix: str


@dataclass(frozen=True)
class Plan:
    """All that could run, best first, and all that will not, with reasons."""

    candidates: tuple[Candidate, ...]
    discarded: tuple[Discard, ...]
    request: Request = field(default_factory=Request)


def plan(variants: Sequence[Variant], environment: Environment, request: Request | None = None) -> Plan:
    """Rank what can run here as asked; each variant is a candidate or a discard for every engine and device."""
    request = request or Request()
    candidates, discarded = [], []
    engines = [engine for name in READS for engine in environment.all_of(name)]
    for variant, engine in product(variants, engines):
        for device in engine.devices or ("",):
            if (refusal := _refusal(variant, engine, device, environment, request)) is None:
                computed = _computed(variant, engine.name, device, request)
                candidates.append(Candidate(variant, engine.name, device, computed))
            else:
                discarded.append(Discard(variant, engine.name, device, *refusal))
    candidates.sort(key=lambda candidate: _rank(candidate, environment.arch))
    return Plan(tuple(candidates), tuple(discarded), request)


def arithmetic(stored: str, device: str) -> str:
    """The precision that a device computes in: a CPU expands fp16 weights and computes in fp32."""
    return "fp32" if device == "cpu" and stored == "fp16" else stored


def _computed(variant: Variant, engine: str, device: str, request: Request) -> str:
    """bf16 where it was asked for, and what torch, which computes as it is told, was asked for."""
    if request.precision == BF16 or (engine == "torch" and request.precision in TORCH_PRECISIONS):
        return request.precision
    return arithmetic(variant.precision, device)


Refusal = tuple[str, str]  # reason, fix


def _refusal(
    variant: Variant, engine: Engine, device: str, environment: Environment, request: Request
) -> Refusal | None:
    """Why a variant will not run: the first reason that holds, from what cannot change to what the request says."""
    checks = (
        _unusable(engine),
        _unreadable(variant, engine),
        _too_old(variant, engine),
        _not_asked_for(variant, engine.name, device, request),
        _of_another_size(variant, device, request),
        _no_bf16(variant, engine.name, device, environment, request),
        _not_for_torch(variant, engine.name, device, request),
        _not_for_cuda(variant, engine.name, device),
        _not_proven(variant, device, environment, request),
    )
    return next((refusal for refusal in checks if refusal), None)


def _unreadable(variant: Variant, engine: Engine) -> Refusal | None:
    wanted = READS[engine.name]
    if variant.format == wanted:
        return None
    return f"{engine.name} reads {wanted} variants, and this one is {variant.format}", f"export a {wanted} variant"


def _unusable(engine: Engine) -> Refusal | None:
    return None if engine.usable else (engine.reason, engine.fix or f"install {engine.name}")


def _too_old(variant: Variant, engine: Engine) -> Refusal | None:
    opset = OPSETS.get((engine.name, variant.opset or 0), "0")
    needed = max([opset, *(version for name, version in variant.requires if name == engine.name)], key=_numbers)
    if not _numbers(engine.version) or _numbers(engine.version) >= _numbers(needed):
        return None  # an engine that is no package tells its version only when it is loaded
    return f"it needs {engine.name} {needed} or later, and {engine.version} is installed", f"update {engine.name}"


def _of_another_size(variant: Variant, device: str, request: Request) -> Refusal | None:
    """An NPU runs one photo size only; elsewhere a variant of one size is slower than one of any, and not needed."""
    on_npu = _kind(device) == "intel:npu"
    if on_npu and variant.size is None:
        return "an NPU runs one photo size only, and this variant takes any", "use device cpu or intel:gpu"
    if on_npu or variant.size is None or request.variant == variant.id:
        return None
    height, width = variant.size
    return f"it takes photos of {width} x {height} only, which is for an NPU", f"ask for variant {variant.id} by name"


def _not_asked_for(variant: Variant, engine: str, device: str, request: Request) -> Refusal | None:
    if request.variant not in (AUTO, variant.id):
        return f"variant {request.variant} was asked for", f"ask for variant {variant.id} or auto"
    if request.backend not in (AUTO, engine):
        return f"backend {request.backend} was asked for", f"ask for backend {engine} or auto"
    if request.device != AUTO and not matches(device, request.device):
        return f"device {request.device} was asked for", f"ask for device {device} or auto"
    computed = TORCH_PRECISIONS if engine == "torch" else (BF16,)
    if request.precision not in (AUTO, *computed, variant.precision):
        return f"precision {request.precision} was asked for", f"ask for precision {variant.precision} or auto"
    return None


def _no_bf16(variant: Variant, engine: str, device: str, environment: Environment, request: Request) -> Refusal | None:
    """OpenVINO computes floats in bf16 on a CPU that has it."""
    if request.precision != BF16 or engine == "torch":
        return None
    if variant.precision == "int8":
        return "bf16 was asked for, and this variant is int8", "ask for precision int8 or auto"
    if engine != "openvino" or device != "cpu":
        return f"{engine} on {device} does not compute in bf16 in this release", "use openvino on a CPU with bf16"
    if BF16 not in environment.cpu_flags:
        return "this CPU has no bf16", "ask for precision fp32 or auto"
    return None


def _not_for_torch(variant: Variant, engine: str, device: str, request: Request) -> Refusal | None:
    """It is for GPUs; on a CPU it only shows that it answers as the others do."""
    if engine != "torch":
        return None
    if variant.precision != "fp32":
        return "torch runs fp32 variants alone, and computes as it is asked to", "ask for an fp32 variant"
    if device == "cpu" and (request.backend, request.device) != ("torch", "cpu"):
        return "torch is slower on a CPU than other engines", "ask for backend torch and device cpu to try it"
    return None


def _not_for_cuda(variant: Variant, engine: str, device: str) -> Refusal | None:
    if engine != "onnxruntime" or _kind(device) != "cuda" or variant.precision != "int8":
        return None
    return "ONNX Runtime has no convolutions in 8 bits on a GPU", "export a tensorrt variant, or ask for fp32"


def _not_proven(variant: Variant, device: str, environment: Environment, request: Request) -> Refusal | None:
    """Int8 may count differently, so auto takes it only where that was checked; by name, the user takes it on."""
    if variant.precision != "int8" or request.precision == "int8" or request.variant == variant.id:
        return None
    doubt = _gate_doubt(variant) or (int8_doubt(environment) if device == "cpu" else "")
    return (doubt, "ask for precision int8 and check it with skt-eval") if doubt else None


def _gate_doubt(variant: Variant) -> str:
    return {True: "", False: "its accuracy gate failed", None: "its accuracy gate was never run"}[variant.gate_passed]


def int8_doubt(environment: Environment) -> str:
    """Why INT8 counts on this machine's CPU are not those of other devices; empty where they are."""
    if environment.arch == "x86_64" and "vnni" not in environment.cpu_flags:
        return "int8 sums can saturate on a CPU without VNNI, which changes counts"
    return ""


def _rank(candidate: Candidate, arch: str) -> int:
    """The row of the table; what is not in it comes last."""
    row = (candidate.engine, _kind(candidate.device), candidate.variant.precision)
    return next((at for at, (of, *rest) in enumerate(RANKS) if of in ("*", arch) and tuple(rest) == row), len(RANKS))


def matches(device: str, wanted: str) -> bool:
    """Whether a device is one that a request means."""
    return any(device == word or _kind(device) == word for word in ALIASES.get(wanted, (wanted,)))


def _kind(device: str) -> str:
    """The device without its number: cuda:1 is cuda, intel:gpu.0 is intel:gpu."""
    return device.rstrip("0123456789").rstrip(":.")


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: 1.23.2 and 2026.4.1-22982-release become (1, 23, 2) and (2026, 4, 1)."""
    leading = re.match(r"[\d.]*", version)
    return tuple(int(part) for part in leading.group().split(".") if part) if leading else ()


def _known(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        message = f"unknown {what} {value!r}; known: {', '.join(known)}"
        raise ConfigError(message, value=value, known=known)
