"""What one machine has: a plain value, so that planning needs no machine to be tested."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from runtimes.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Engine:
    """An engine on this machine: usable on some devices, or not, and then why and what would help."""

    name: str  # one of `runtimes.tables.READS`
    version: str = ""  # empty: not installed
    usable: bool = False
    devices: tuple[str, ...] = ()  # cpu, intel:gpu, intel:gpu.1, intel:npu, cuda:0
    reason: str = ""  # why it is not usable
    fix: str = ""  # what would make it so


@dataclass(frozen=True)
class Environment:
    """A machine as far as planning cares, and what `skt-doctor` shows of it."""

    os: str  # linux, windows, darwin
    arch: str  # x86_64, arm64
    python: str
    cpu: str  # its maker's name
    cpu_flags: tuple[str, ...]  # of avx2, avx512, vnni, bf16, amx; on arm64 of neon, dotprod, i8mm, bf16, sve
    cores: int  # physical ones that this process may use
    engines: tuple[Engine, ...]
    gpus: tuple[str, ...] = ()  # names of CUDA devices
    cuda_driver: str = ""  # the CUDA version that the driver supports; empty: no driver
    jetson: str = ""  # model and release of a Jetson; empty on anything else
    warnings: tuple[str, ...] = ()  # installations that are known to fail

    def engine(self, name: str) -> Engine:
        """The engine of that name; one that was never looked for counts as not installed."""
        absent = Engine(name, reason=f"{name} is not installed")
        return next((engine for engine in self.engines if engine.name == name), absent)

    def all_of(self, name: str) -> tuple[Engine, ...]:
        """The engine of that name, once for each kind of device that differs in whether it is usable."""
        return tuple(engine for engine in self.engines if engine.name == name) or (self.engine(name),)

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Environment:
        """The environment that `to_json` wrote; an unknown or missing field is a `ConfigError`."""
        try:
            engines = tuple(_tupled(Engine, engine) for engine in values["engines"])
            stored: Environment = _tupled(cls, {**values, "engines": engines})
        except (KeyError, TypeError) as error:
            message = f"this is not a stored environment: {error}"
            raise ConfigError(message, hint="store one with skt-doctor --json") from error
        return stored


def _tupled(kind: Any, values: Mapping[str, Any]) -> Any:
    """A dataclass from JSON values, whose lists become tuples."""
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
