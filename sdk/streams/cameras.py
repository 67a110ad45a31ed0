"""Several cameras in one process: one engine in turns; each camera with its own rate, zones, alarms, sinks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, final

from sdk.config import parse, read_yaml
from sdk.errors import ConfigError
from sdk.sinks.base import Health, Sink, Tee
from sdk.sinks.spec import open_sink
from sdk.streams.budget import Budget
from sdk.streams.camera import Camera, CameraConfig, CameraResult
from sdk.streams.errors import StreamError
from sdk.streams.stream import Count, Streams

if TYPE_CHECKING:
    from typing_extensions import Self

    from sdk.counter import CrowdCounter


@dataclass(frozen=True)
class EngineConfig:
    """What counts."""

    model: Path | None = None  # a package; the shipped one if absent
    device: str = "auto"
    backend: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    max_side: int | None = None  # pixels; larger frames are shrunk, which changes counts

    def over(self, other: EngineConfig) -> EngineConfig:
        """These settings, and the other's where these are left open."""
        names = [field.name for field in fields(self)]
        chosen = {name: getattr(self, name) for name in names if getattr(self, name) not in (None, "auto")}
        return replace(other, **chosen)

    def open(self) -> CrowdCounter:
        """The counter."""
        from sdk.counter import CountOptions, CrowdCounter

        return CrowdCounter(
            self.model,
            device=self.device,
            backend=self.backend,
            precision=self.precision,
            threads=self.threads,
            options=CountOptions(max_side=self.max_side),
        )


@dataclass(frozen=True)
class CamerasConfig:
    """Cameras, the engine that they share, and sinks for all of them."""

    cameras: dict[str, CameraConfig]
    sinks: tuple[Any, ...] = ()  # of every camera, beside its own
    engine: EngineConfig = field(default_factory=EngineConfig)
    max_cpu: float | None = None  # percent of all cores to keep to, by counting fewer frames

    def __post_init__(self) -> None:
        if not self.cameras:
            raise ConfigError("there are no cameras", hint="cameras: {gate: {source: rtsp://camera.local/stream}}")
        for name in self.cameras:
            if not name.strip() or not name.isprintable():
                raise ConfigError(f"name of camera {name!r} is empty or cannot be printed", hint="use plain text")


def read_cameras(path: Path) -> CamerasConfig:
    """The cameras of a YAML file; raises ConfigError for what it should not hold, with the nearest name.

    What is read (model, videos, zones, corrections) lies beside the file; what is written (sinks, occupancy), in the
    current folder. A camera that is away at the start is waited for.
    """
    config = parse(CamerasConfig, read_yaml(path))
    folder = path.parent
    cameras = {name: _beside(camera, folder) for name, camera in config.cameras.items()}
    engine = replace(config.engine, model=None if config.engine.model is None else folder / config.engine.model)
    return replace(config, cameras=cameras, engine=engine)


def _beside(camera: CameraConfig, folder: Path) -> CameraConfig:
    zones = None if camera.zones is None else folder / camera.zones
    fix = None if camera.correction is None else folder / camera.correction
    source = camera.source if "://" in camera.source or camera.source == "-" else str(folder / camera.source)
    limits = replace(camera.limits, wait=True)
    return replace(camera, source=source, zones=zones, correction=fix, limits=limits)


@final
class Cameras:
    """Opens everything, then gives the cameras' results in turns. Close it, or use it in a `with`.

    Raises ConfigError, SinkError, StreamError for what cannot be right, before the first frame. Later a camera, or a
    sink, that fails harms no other.
    """

    def __init__(self, count: Count, config: CamerasConfig) -> None:
        several = len(config.cameras) > 1
        feeds = {}
        for name, camera in config.cameras.items():
            with _told_of(name if several else ""):
                feeds[name] = camera.feed()
        budget = None if config.max_cpu is None else Budget(config.max_cpu)
        with ExitStack() as stack:
            self._opened = _Opened(stack)
            self._cameras = {}
            for name, camera in config.cameras.items():
                sink = Tee([self._opened.sink(spec) for spec in (*config.sinks, *camera.sinks)])
                with _told_of(name if several else ""):
                    self._cameras[name] = Camera(name, camera, sink)
                stack.callback(self._cameras[name].close)
            self._streams = stack.enter_context(Streams(count, feeds, budget))
            self._stack = stack.pop_all()

    def __iter__(self) -> Iterator[CameraResult]:
        for name, seen in self._streams:
            yield self._cameras[name].take(seen)

    def zones_of(self, camera: str) -> tuple[str, ...]:
        """The names of a camera's counted zones."""
        zones = self._cameras[camera].zones
        return () if zones is None else tuple(zone.name for zone in zones.counted)

    def health(self) -> tuple[Health, ...]:
        """How the sinks fare, each once."""
        return tuple(health for sink in self._opened.sinks.values() for health in sink.health())

    def close(self) -> None:
        """Let go of the sources, then let the sinks write what is left; a second call does nothing."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def _told_of(camera: str) -> Iterator[None]:
    """Name the camera in what is wrong with it, where there are several."""
    try:
        yield
    except (ConfigError, StreamError) as error:
        if not camera:
            raise
        raise type(error)(f"camera {camera}: {error.message}", hint=error.hint, **error.details) from error


@dataclass
class _Opened:
    """Sinks by what they were written as: cameras that name the same one share it."""

    stack: ExitStack
    sinks: dict[str, Sink] = field(default_factory=dict)

    def sink(self, spec: Any) -> Sink:
        if not isinstance(spec, (str, Mapping)):
            raise ConfigError(
                f"a sink is {spec!r}, expected a URI, a path or a mapping", hint="to: mqtt://broker/crowd"
            )
        key = spec if isinstance(spec, str) else json.dumps(spec, sort_keys=True, default=str)
        if key not in self.sinks:
            self.sinks[key] = self.stack.enter_context(open_sink(spec))
        return self.sinks[key]
