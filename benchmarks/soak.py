"""Count several cameras for as long as you like, with faults: does memory grow, do handles leak, is anything lost.

    python -m benchmarks.soak [--minutes 60] [--cameras 4] [--every 2] [--fault-seconds 12] [--model PACKAGE]

Drawn scenes are served over RTSP by GStreamer's server, one process a camera; `skt-count -c` counts them, with a file
and a webhook as sinks. In turns a camera is killed and started again, stopped in its tracks, or says garbage, and the
webhook fails, is slow, or is gone. Writes benchmarks/results/soak.json: growth, handles, drops, reconnects, lag, and
readings lost; exits with 1 where memory grew by 2 % or more, a handle leaked or a reading was lost.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import click
import cv2
import yaml

from runtimes import probe
from sdk.files import write_whole
from sdk.scenes import draw_scene, save_scenes
from tests.sinks.servers import WebServer
from tests.streams.cameras import RtspCamera, TalkingServer

RESULTS = Path(__file__).parent / "results"
SIZE = (384, 256)  # width and height of the pictures
SAMPLE_SECONDS = 1.0
LOOKS = 5  # times as long as a fault, between looks whether a camera's frame size changed
QUIET = 5  # times as long as a fault, at the end
WARM_UP = 0.2  # share of the time whose memory is not looked at: engines and allocators settle in it
GROWTH = 2.0  # percent of memory that are too much

Fault = tuple[str, Callable[[], object], Callable[[], object]]  # its name, what begins it, what ends it


@dataclass
class Soak:
    """What was seen."""

    records: list[dict[str, Any]] = field(default_factory=list)  # of skt-count, frames and errors
    seconds: list[float] = field(default_factory=list)  # of the following, from the start
    memory: list[int] = field(default_factory=list)  # resident bytes
    handles: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)  # seconds
    faults: Counter[str] = field(default_factory=Counter)


def write_config(
    folder: Path, cameras: list[RtspCamera], hook: str, every: float, looks: float, model: Path | None
) -> Path:
    """The cameras' config, with a file and a webhook for all of them; looks: seconds between looks at frame sizes."""
    common = {"every": every, "smooth_seconds": 15.0, "alarm": {"warn": 10}, "limits": {"size_seconds": looks}}
    entries = {f"camera {number}": {"source": camera.url, **common} for number, camera in enumerate(cameras)}
    sinks = [str(folder / "counts.jsonl"), {"to": hook, "outbox": str(folder / "outbox.sqlite"), "timeout_s": 3.0}]
    engine = {"threads": 1, **({} if model is None else {"model": str(model.resolve())})}
    config = {"cameras": entries, "sinks": sinks, "engine": engine}
    path = folder / "cameras.yaml"
    path.write_text(yaml.safe_dump(config), "utf-8")
    return path


def sample(process: int, start: float, soak: Soak) -> None:
    """Look at the process's memory, handles, threads and processor time."""
    folder = Path(f"/proc/{process}")
    values = dict(line.split(":", 1) for line in (folder / "status").read_text("utf-8").splitlines() if ":" in line)
    ticks = (folder / "stat").read_text("utf-8").rpartition(")")[2].split()[11:13]
    soak.seconds.append(time.monotonic() - start)
    soak.memory.append(1024 * int(values["VmRSS"].split()[0]))
    soak.threads.append(int(values["Threads"]))
    soak.handles.append(len(list((folder / "fd").iterdir())))
    soak.processor.append(sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"))


def camera_faults(camera: RtspCamera) -> Iterator[Fault]:
    """What befalls a camera."""
    liar = ExitStack()

    def lie() -> None:
        camera.kill()
        liar.enter_context(TalkingServer(b"\x00garbage" * 500, camera.port))

    def tell_the_truth() -> None:
        liar.close()
        camera.start()

    yield "camera killed", camera.kill, camera.start
    yield "camera stalled", camera.stall, camera.go_on
    yield "camera says garbage", lie, tell_the_truth


def receiver_faults(web: WebServer) -> Iterator[Fault]:
    """What befalls the receiver of the webhook."""

    def answers(status: int, seconds: float = 0.0) -> Callable[[], object]:
        return lambda: setattr(web, "answer", lambda _: (time.sleep(seconds), (status, {}))[1])

    yield "webhook failing", answers(503), answers(204)
    yield "webhook slow", answers(204, 2.0), answers(204)
    yield "webhook gone", lambda: web.__exit__(None, None, None), web.__enter__


def all_faults(cameras: list[RtspCamera], web: WebServer) -> Iterator[Fault]:
    """One fault after the other, of a camera and of the receiver by turns, for ever."""
    for camera in cycle(cameras):
        for pair in zip(camera_faults(camera), receiver_faults(web), strict=True):
            yield from pair


def watch(process: subprocess.Popen[str], seconds: float, troubles: Iterator[Fault], pace: float, soak: Soak) -> None:
    """Look at the process until the time is over, faults and quiet by turns of `pace` seconds."""
    start = time.monotonic()
    over, turn = None, pace
    while (now := time.monotonic() - start) < seconds:
        if process.poll() is not None:
            raise click.ClickException(f"skt-count ended with {process.returncode}")
        if now >= turn and over is not None:
            over()
            over, turn = None, now + pace
        elif turn <= now < seconds - QUIET * pace:
            name, begin, over = next(troubles)
            begin()
            soak.faults[name] += 1
            turn = now + pace
        sample(process.pid, start, soak)
        time.sleep(SAMPLE_SECONDS)


def early_and_late(soak: Soak, values: list[int]) -> tuple[float, float]:
    """The median in the second fifth of the time, and in the last."""
    total = soak.seconds[-1]
    early, late = (
        [value for at, value in zip(soak.seconds, values, strict=True) if low * total <= at <= high * total]
        for low, high in ((WARM_UP, 2 * WARM_UP), (1 - WARM_UP, 1.0))
    )
    return median(early), median(late)


def tenths(values: list[int]) -> list[int]:
    """Eleven of them, evenly spaced, the first and the last among them."""
    return [values[at * (len(values) - 1) // 10] for at in range(11)]


def summary(soak: Soak, kept: list[dict[str, Any]], web: WebServer) -> dict[str, Any]:
    """What the soak found, as plain values."""
    counted = [record for record in soak.records if record["stream"] == "ok"]
    last = {record["camera"]: record for record in soak.records}
    lag = quantiles([record["latency_ms"] for record in counted], n=100)
    early, late = early_and_late(soak, soak.memory)
    handles, threads = (early_and_late(soak, values) for values in (soak.handles, soak.threads))
    shown = Counter((record["camera"], record["time"]) for record in counted)
    return {
        "memory_growth_percent": round(100 * (late / early - 1), 2),
        "memory_mb": {"early": round(early / 2**20, 1), "late": round(late / 2**20, 1)},
        "memory_mb_at_tenths": [round(size / 2**20, 1) for size in tenths(soak.memory)],
        "handles": {"early": handles[0], "late": handles[1], "most": max(soak.handles), "last": soak.handles[-1]},
        "threads": {"early": threads[0], "late": threads[1], "most": max(soak.threads), "last": soak.threads[-1]},
        "percent_of_a_core": round(100 * soak.processor[-1] / soak.seconds[-1], 1),
        "counted": len(counted),
        "states": dict(Counter(record["stream"] for record in soak.records)),
        "errors": dict(Counter(record["error"]["code"] for record in soak.records if "error" in record)),
        "drops": {name: record["drops"] for name, record in sorted(last.items())},
        "reconnects": {name: record["reconnects"] for name, record in sorted(last.items())},
        "lag_ms": {"median": round(lag[49], 1), "p95": round(lag[94], 1), "p99": round(lag[98], 1)},
        "lost_before_the_file": (shown - Counter((reading["camera"], reading["time"]) for reading in kept)).total(),
        "lost_before_the_webhook": len({reading["id"] for reading in kept} - set(web.ids())),
        "sent_twice_to_the_webhook": len(web.taken) - len(web.ids()),
        "faults": dict(soak.faults),
    }


def holds(found: dict[str, Any]) -> bool:
    """Whether nothing grew, leaked or was lost."""
    return (
        found["memory_growth_percent"] < GROWTH
        and found["handles"]["late"] <= found["handles"]["early"]
        and found["threads"]["late"] <= found["threads"]["early"]
        and found["lost_before_the_file"] == found["lost_before_the_webhook"] == found["exit_code"] == 0
    )


def machine(soak: Soak) -> dict[str, Any]:
    """Where it ran, and on what."""
    here, counted = probe(), next(record for record in soak.records if record["stream"] == "ok")
    used = {key: counted[key] for key in ("engine", "device", "precision", "variant", "width", "height")}
    return {"cpu": here.cpu, "cores": here.cores, "python": here.python, "opencv": cv2.__version__, **used}


def serve(stack: ExitStack, folder: Path, count: int) -> list[RtspCamera]:
    """Cameras that show a drawn crowd that comes and goes."""
    found = []
    for number in range(count):
        scenes = [draw_scene(10 * number + at, width=SIZE[0], height=SIZE[1], people=4 * at) for at in range(6)]
        save_scenes(folder / str(number), scenes, names=[f"{at:03d}" for at in range(6)])
        options = ("--photos", f"{folder / str(number)}/%03d.jpg", "--width", str(SIZE[0]), "--height", str(SIZE[1]))
        found.append(stack.enter_context(RtspCamera(*options, "--fps", "5")))
    return found


@click.command()
@click.option("--minutes", type=click.FloatRange(min=2), default=60, show_default=True)
@click.option("--cameras", "count", type=click.IntRange(min=1), default=4, show_default=True)
@click.option("--every", type=float, default=2.0, show_default=True, help="Seconds between counts of a camera.")
@click.option("--fault-seconds", "pace", type=click.FloatRange(min=2), default=12.0, show_default=True)
@click.option("--model", type=click.Path(path_type=Path), help="A package; the shipped one if absent.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=RESULTS / "soak.json", show_default=True)
def main(minutes: float, count: int, every: float, pace: float, model: Path | None, output: Path) -> None:
    """Soak `skt-count` and write what was found."""
    soak = Soak()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        web = stack.enter_context(WebServer())
        cameras = serve(stack, folder, count)
        config = write_config(folder, cameras, web.url, every, LOOKS * pace, model)
        command = [sys.executable, "-m", "sdk.commands.count", "-c", str(config), "--json"]
        process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert process.stdout is not None
        lines = process.stdout
        reader = threading.Thread(target=lambda: soak.records.extend(map(json.loads, lines)), daemon=True)
        reader.start()
        try:
            watch(process, 60 * minutes, all_faults(cameras, web), pace, soak)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            reader.join()
        kept = [json.loads(line) for line in (folder / "counts.jsonl").read_text("utf-8").splitlines()]
        found = {
            "minutes": minutes,
            "cameras": count,
            "every_seconds": every,
            "fault_seconds": pace,
            "exit_code": process.returncode,
        }
        found |= {"machine": machine(soak), **summary(soak, kept, web)}
        found["holds"] = holds(found)
    output.parent.mkdir(exist_ok=True)
    write_whole(output, (json.dumps(found, indent=2) + "\n").encode())
    click.echo(json.dumps(found, indent=2))
    sys.exit(not found["holds"])


if __name__ == "__main__":
    main()
