"""Count several cameras for as long as you like, with faults: does memory grow, do handles leak, is anything lost.

    python -m benchmarks.soak [--minutes 60] [--cameras 4] [--model PACKAGE]

Drawn scenes are served over RTSP by GStreamer's server, one process a camera; `skt-count -c` counts them, with a file
and a webhook as sinks. In turns a camera is killed and started again, one is stopped in its tracks, and the webhook
answers with errors. Writes benchmarks/results/soak.json: growth, handles, drops, reconnects, lag, and readings lost.
"""

from __future__ import annotations

import json
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
from tests.streams.cameras import RtspCamera

RESULTS = Path(__file__).parent / "results"
SIZE = (384, 256)  # width and height of the pictures
SAMPLE_SECONDS = 5.0
FAULT_SECONDS = 12.0  # how long a fault lasts
WARM_UP = 0.2  # share of the time whose memory is not looked at: engines and allocators settle in it


Fault = tuple[str, Callable[[], object], Callable[[], object]]  # its name, what begins it, what ends it


@dataclass
class Soak:
    """What was seen."""

    records: list[dict[str, Any]] = field(default_factory=list)  # of skt-count, frames and errors
    memory: list[tuple[float, int]] = field(default_factory=list)  # seconds, resident bytes
    handles: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)


def write_config(folder: Path, cameras: list[RtspCamera], hook: str, model: Path | None) -> Path:
    """The cameras' config, with a file and a webhook for all of them."""
    entries = {
        f"camera {number}": {"source": camera.url, "every": 1.0, "smooth_seconds": 15.0, "alarm": {"warn": 10}}
        for number, camera in enumerate(cameras)
    }
    sinks = [str(folder / "counts.jsonl"), {"to": hook, "outbox": str(folder / "outbox.sqlite"), "timeout_s": 3.0}]
    engine = {"threads": 1, **({} if model is None else {"model": str(model.resolve())})}
    config = {"cameras": entries, "sinks": sinks, "engine": engine}
    path = folder / "cameras.yaml"
    path.write_text(yaml.safe_dump(config), "utf-8")
    return path


def sample(process: int, start: float, soak: Soak) -> None:
    """Look at the process's memory, handles and threads."""
    status = Path(f"/proc/{process}/status").read_text("utf-8")
    values = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    soak.memory.append((time.monotonic() - start, 1024 * int(values["VmRSS"].split()[0])))
    soak.threads.append(int(values["Threads"]))
    soak.handles.append(len(list(Path(f"/proc/{process}/fd").iterdir())))


def faults(
    cameras: list[RtspCamera], web: WebServer
) -> Iterator[tuple[str, Callable[[], object], Callable[[], object]]]:
    """One fault after the other, for ever."""

    def answers(status: int) -> Callable[[], object]:
        return lambda: setattr(web, "answer", lambda _: (status, {}))

    for camera in cycle(cameras):
        yield "camera killed", camera.kill, camera.start
        yield "camera stalled", camera.stall, camera.go_on
        yield "webhook failing", answers(503), answers(204)


def watch(process: subprocess.Popen[str], seconds: float, troubles: Iterator[Fault], soak: Soak) -> None:
    """Look at the process until the time is over, faults and quiet by turns; the last minute is quiet."""
    start = time.monotonic()
    over, next_fault, end = None, FAULT_SECONDS, seconds - 60
    while (now := time.monotonic() - start) < seconds:
        if process.poll() is not None:
            raise click.ClickException(f"skt-count ended with {process.returncode}")
        if over is not None and now >= next_fault:
            over()
            over, next_fault = None, now + FAULT_SECONDS
        elif over is None and next_fault <= now < end:
            name, begin, over = next(troubles)
            begin()
            soak.faults[name] += 1
            next_fault = now + FAULT_SECONDS
        sample(process.pid, start, soak)
        time.sleep(min(SAMPLE_SECONDS, seconds))
    if over is not None:
        over()


def growth(soak: Soak) -> float:
    """Percent by which the resident memory's median grew from the second to the last fifth of the time."""
    total = soak.memory[-1][0]
    parts = [[size for at, size in soak.memory if low * total <= at <= high * total]
             for low, high in ((WARM_UP, 2 * WARM_UP), (1 - WARM_UP, 1.0))]  # fmt: skip
    return 100 * (median(parts[1]) / median(parts[0]) - 1)


def summary(soak: Soak, file: Path, web: WebServer) -> dict[str, Any]:
    """What the soak found, as plain values."""
    counted = [record for record in soak.records if record["stream"] == "ok"]
    kept = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    last = {record["camera"]: record for record in soak.records}
    lag = quantiles([record["latency_ms"] for record in counted], n=100)
    tenth = max(1, len(soak.handles) // 10)
    return {
        "memory_growth_percent": round(growth(soak), 2),
        "memory_mb": {"early": round(soak.memory[tenth][1] / 2**20, 1), "last": round(soak.memory[-1][1] / 2**20, 1)},
        "handles": {"early": median(soak.handles[tenth : 3 * tenth] or soak.handles), "last": soak.handles[-1]},
        "threads": {"early": median(soak.threads[tenth : 3 * tenth] or soak.threads), "last": soak.threads[-1]},
        "counted": len(counted),
        "states": dict(Counter(record["stream"] for record in soak.records)),
        "drops": {name: record["drops"] for name, record in sorted(last.items())},
        "reconnects": {name: record["reconnects"] for name, record in sorted(last.items())},
        "lag_ms": {"median": round(lag[49], 1), "p95": round(lag[94], 1), "p99": round(lag[98], 1)},
        "lost_before_the_file": len(counted) - len(kept),
        "lost_before_the_webhook": len({reading["id"] for reading in kept} - set(web.ids())),
        "sent_twice_to_the_webhook": len(web.taken) - len(web.ids()),
        "faults": dict(soak.faults),
    }


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
        found.append(stack.enter_context(RtspCamera(*options, "--fps", "10")))
    return found


@click.command()
@click.option("--minutes", type=click.FloatRange(min=3), default=60, show_default=True)
@click.option("--cameras", "count", type=click.IntRange(min=1), default=4, show_default=True)
@click.option("--model", type=click.Path(path_type=Path), help="A package; the shipped one if absent.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=RESULTS / "soak.json", show_default=True)
def main(minutes: float, count: int, model: Path | None, output: Path) -> None:
    """Soak `skt-count` and write what was found."""
    soak = Soak()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        web = stack.enter_context(WebServer())
        cameras = serve(stack, folder, count)
        config = write_config(folder, cameras, web.url, model)
        command = [sys.executable, "-m", "sdk.commands.count", "-c", str(config), "--json"]
        process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert process.stdout is not None
        lines = process.stdout
        reader = threading.Thread(target=lambda: soak.records.extend(map(json.loads, lines)), daemon=True)
        reader.start()
        try:
            watch(process, 60 * minutes, faults(cameras, web), soak)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            reader.join()
        found = {"minutes": minutes, "cameras": count, "exit_code": process.returncode}
        found |= {"machine": machine(soak), **summary(soak, folder / "counts.jsonl", web)}
    output.parent.mkdir(exist_ok=True)
    write_whole(output, (json.dumps(found, indent=2) + "\n").encode())
    click.echo(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
