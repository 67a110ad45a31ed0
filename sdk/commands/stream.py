"""`skt-count` on streams: cameras, videos, pipes and time-lapses, one or several."""

from __future__ import annotations

import functools
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import click

from sdk.commands.common import csv_line, in_words, one_line, print_json, trust_columns
from sdk.errors import ConfigError, InputError
from sdk.sinks.option import sink_option
from sdk.streams.camera import CameraConfig, CameraResult
from sdk.streams.cameras import Cameras, CamerasConfig, EngineConfig, read_cameras
from sdk.streams.limits import POLICIES, StreamLimits
from sdk.streams.source import is_stream
from sdk.streams.stable import Stable

Command = TypeVar("Command", bound=Callable[..., Any])
COLUMNS = ("camera", "time", "frame", "stream", "count", "smoothed", "rate_a_minute", "drops", "latency_ms",
           "warnings", "error", "low", "high", "state", "reasons")  # fmt: skip
FAILED = InputError.exit_code


@dataclass(frozen=True)
class StreamArguments:
    """What a user asked of streams."""

    config: Path | None = None
    sinks: tuple[str, ...] = ()
    every: float | None = None
    policy: str | None = None
    camera: str | None = None
    wait: bool = False
    max_cpu: float | None = None  # percent
    correction: Path | None = None
    stable: Stable | None = None

    @property
    def given(self) -> bool:
        """Whether any of it was asked for that says something of one source."""
        return replace(self, config=None, max_cpu=None) != StreamArguments()


def percent(text: str) -> float:
    """50 or 50%."""
    try:
        return float(text.removesuffix("%"))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no number, as in 50%") from error


def error_allowed(text: str) -> Stable:
    """3 people or 5%."""
    value = percent(text)
    try:
        return Stable(percent=value) if text.endswith("%") else Stable(people=value)
    except ConfigError as error:
        raise click.BadParameter(error.message) from error


def stream_options(command: Command) -> Command:
    """Add the options of streams; the command takes them as one: `stream: StreamArguments`."""

    @functools.wraps(command)
    def wrapped(**options: Any) -> Any:
        own = {field.name: options.pop(field.name) for field in fields(StreamArguments)}
        return command(stream=StreamArguments(**own), **options)

    options = (
        click.option("-c", "--config", type=click.Path(path_type=Path), help="Count the cameras of this YAML file."),
        sink_option,
        click.option("--every", type=float, metavar="SECONDS", help="Of a stream, count a frame each so many seconds."),
        click.option("--policy", type=click.Choice(POLICIES), help="When late: drop frames (latest) or wait (all)."),
        click.option("--camera", metavar="NAME", help="What readings call the stream; its address if absent."),
        click.option("--wait", is_flag=True, help="Keep trying where a camera is away at the start."),
        click.option(
            "--correction", type=click.Path(path_type=Path), metavar="FILE", help="Of the camera, from skt-calibrate."
        ),
        click.option(
            "--stable",
            type=error_allowed,
            metavar="PEOPLE|PERCENT",
            help="Count fewer frames while counts differ by no more: 3, or 5%; one every 10 s at least.",
        ),
        click.option("--max-cpu", type=percent, metavar="PERCENT", help="Of all cores, kept by counting fewer frames."),
    )
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]


def wants_stream(words: tuple[str, ...], stream: StreamArguments) -> bool:
    """Whether streams are meant rather than photos: a folder is a time-lapse where an option of streams is given."""
    return stream.config is not None or stream.max_cpu is not None or stream.given or any(map(is_stream, words))


def configured(words: tuple[str, ...], stream: StreamArguments, zones: Path | None) -> CamerasConfig:
    """The cameras that a user means: those of a file, or one source."""
    if stream.config is not None:
        if words or stream.given or zones is not None:
            raise ConfigError("-c was given beside a source or its options", hint="write them into the config")
        found = read_cameras(stream.config)
        return found if stream.max_cpu is None else replace(found, max_cpu=stream.max_cpu)
    if len(words) != 1:
        raise ConfigError(f"{len(words)} sources, expected one stream", hint="several: skt-count -c cameras.yaml")
    limits = StreamLimits(wait=stream.wait)
    source = CameraConfig(
        words[0],
        every=stream.every,
        policy=stream.policy or "auto",
        stable=stream.stable,
        zones=zones,
        correction=stream.correction,
        sinks=stream.sinks,
        limits=limits,
    )
    name = stream.camera or source.feed().source.shown
    return CamerasConfig({name: source}, max_cpu=stream.max_cpu)


def run_streams(config: CamerasConfig, engine: EngineConfig, *, as_json: bool, as_csv: bool) -> None:
    """Count until all sources end, or Ctrl-C or SIGTERM comes; exits with 3 where something failed or got lost."""
    logging.getLogger("runtimes").addHandler(logging.NullHandler())  # what it logs stands in the warnings, too
    quiet_opencv()
    with (
        ended_by_sigterm(),
        engine.over(config.engine).open() as counter,
        Cameras(counter.count, config) as cameras,
    ):
        show = printer(cameras, config, as_json=as_json, as_csv=as_csv)
        failed = False
        for taken in cameras:
            failed |= taken.stream.state == "error"
            show(taken)
    if failed or any(sink.in_memory or sink.dropped or sink.rejected for sink in cameras.health()):
        sys.exit(FAILED)


def quiet_opencv() -> None:
    """Keep OpenCV and FFmpeg from writing on stderr beside the one line that an error gets."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """End as if all sources had ended when a service manager says so: sinks write what is left, and the code is 0."""

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - Python hands them over
        sys.exit(0)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def printer(cameras: Cameras, config: CamerasConfig, *, as_json: bool, as_csv: bool) -> Callable[[CameraResult], None]:
    """What prints one result, as soon as it is there."""
    if as_json:
        return lambda taken: print_json(taken.to_json())
    if as_csv:
        names = dict.fromkeys(zone for camera in config.cameras for zone in cameras.zones_of(camera))
        columns = (*COLUMNS, *(f"zone {name}" for name in names))
        click.echo(csv_line(columns), nl=False)
        return lambda taken: click.echo(csv_row(taken, columns), nl=False)
    return Lines(max(map(len, config.cameras)), alone=len(config.cameras) == 1).show


def csv_row(taken: CameraResult, columns: tuple[str, ...]) -> str:
    """One result as a line of CSV."""
    values: dict[str, Any] = taken.to_json()
    result, error = taken.stream.result, taken.stream.error
    if result is not None:
        values |= trust_columns(result)
        values["warnings"] = "; ".join((*result.warnings, *taken.said))
        values |= {f"zone {zone.name}": round(zone.count, 3) for zone in result.zones}
    if error is not None:
        values["error"] = error.message
    return csv_line(tuple(str(values.get(column, "")) for column in columns))


class Lines:
    """Lines for people to read: counts and alarms on stdout; what fails on stderr, each warning once."""

    def __init__(self, width: int, *, alone: bool) -> None:
        self._width = 0 if alone else min(width, 24)
        self._warned: set[tuple[str, str]] = set()
        heads = f"{'time':<23}  {'frame':>7}  {'people':>9}  {'between':>13}  {'late':>8}  {'dropped':>7}"
        click.echo(f"{self._name('camera')}{heads}")

    def show(self, taken: CameraResult) -> None:
        """One result."""
        seen = taken.stream
        if seen.result is None:
            self._silent(taken)
            return
        late = f"{seen.latency_ms:>5.0f} ms" if seen.latency_ms else ""
        click.echo(
            f"{self._name(taken.camera)}{self._time(taken)}  {seen.number:>7}  {seen.result.count:>9,.1f}"
            f"  {in_words(seen.result.interval):>13}  {late:>8}  {seen.drops:>7}"
        )
        for zone in seen.result.zones:
            click.echo(f"  {one_line(zone.name):<32}  {zone.count:>9,.1f}  {zone.on_ground()}".rstrip())
        if seen.result.note:
            click.echo(f"  {seen.result.note}")
        for line in taken.said:
            click.echo(one_line(f"  {line}"))
        for warning in seen.result.warnings:
            self._warn(taken.camera, warning)

    def _silent(self, taken: CameraResult) -> None:
        seen = taken.stream
        if seen.state == "error":
            click.echo(f"error: {self._of(taken)}{one_line(str(seen.error))}", err=True)
        elif seen.state == "timeout":
            click.echo(f"timeout: {self._of(taken)}no frame came in time", err=True)

    def _warn(self, camera: str, warning: str) -> None:
        if (camera, warning) not in self._warned:
            self._warned.add((camera, warning))
            click.echo(f"warning: {one_line(warning)}", err=True)

    def _of(self, taken: CameraResult) -> str:
        return f"camera {one_line(taken.camera)}: " if self._width else ""

    def _name(self, name: str) -> str:
        return f"{one_line(name)[: self._width]:<{self._width}}  " if self._width else ""

    def _time(self, taken: CameraResult) -> str:
        return f"{taken.stream.time.astimezone():%Y-%m-%d %H:%M:%S}.{taken.stream.time.microsecond // 1000:03d}"


def refuse_pictures(options: Mapping[str, object]) -> None:
    """Folders of pictures are for photos."""
    for name, value in options.items():
        if value is not None:
            raise ConfigError(f"{name} writes a file for each photo, and this is a stream", hint="--sink FILE.mkv")
