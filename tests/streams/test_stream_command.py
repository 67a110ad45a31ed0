"""`skt-count` on streams, as a user runs it."""

from __future__ import annotations

import csv
import io
import json
import resource
import signal
import subprocess
from pathlib import Path

import cv2
import pytest

from tests import terminal
from tests.sinks.servers import free_port, wait_for
from tests.streams.cameras import HttpCamera
from tests.streams.videos import crowd_video, scene
from tests.streams.watching import HALVES


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return crowd_video(tmp_path / "crowd.avi")


def count(tiny: Path, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return terminal.run("count", "-m", tiny, "--backend", "onnxruntime", *words, **environment)


def records(done: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_video_is_a_table_with_zones(tiny: Path, video: Path, tmp_path: Path) -> None:
    HALVES.write(tmp_path / "halves.yaml")

    done = count(tiny, video, "--every", "1", "--zones", tmp_path / "halves.yaml")
    head, *rows = done.stdout.splitlines()

    assert (done.returncode, done.stderr) == (0, "")
    assert head.split() == ["time", "frame", "people", "between", "late", "dropped"]
    assert [row.split()[0] for row in rows[1::3]] == ["left"] * 2
    assert [row.split()[2] for row in rows[::3]] == ["1", "11"]


def test_json_has_a_record_for_each_result_and_the_sinks_get_the_counts(
    tiny: Path, video: Path, tmp_path: Path
) -> None:
    sink = tmp_path / "counts.jsonl"

    found = records(count(tiny, video, "--every", "0.5", "--json", "--camera", "gate", "--sink", sink))

    assert [record["stream"] for record in found] == ["ok"] * 4 + ["end"]
    assert [record["frame"] for record in found] == [1, 6, 11, 16, 16]
    kept = [json.loads(line) for line in sink.read_text().splitlines()]
    assert [reading["count"] for reading in kept] == [record["count"] for record in found[:-1]]
    assert {reading["camera"] for reading in kept} == {"gate"}


def test_csv_has_a_column_for_each_zone(tiny: Path, video: Path, tmp_path: Path) -> None:
    HALVES.write(tmp_path / "halves.yaml")

    done = count(tiny, video, "--every", "1", "--csv", "--zones", tmp_path / "halves.yaml")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))

    assert [row["stream"] for row in rows] == ["ok", "ok", "end"]
    assert float(rows[0]["zone left"]) + float(rows[0]["zone right"]) == pytest.approx(
        float(rows[0]["count"]), abs=0.01
    )


def test_a_folder_is_a_time_lapse_when_a_rate_is_given(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "lapse").mkdir()
    for at in range(3):
        cv2.imwrite(str(tmp_path / "lapse" / f"{at}.png"), scene(at))

    found = records(count(tiny, tmp_path / "lapse", "--every", "60", "--json"))

    assert [record["stream"] for record in found] == ["ok", "ok", "ok", "end"]


def test_raw_frames_come_from_stdin(tiny: Path) -> None:
    words = terminal.command("count", "-m", tiny, "--backend", "onnxruntime", "raw://160x96", "--json")
    data = b"".join(scene(at).tobytes() for at in range(3))

    done = subprocess.run(words, input=data, capture_output=True, check=False, cwd=terminal.ROOT)

    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["stream"] for line in done.stdout.splitlines()] == ["ok", "ok", "ok", "end"]


def test_a_pipe_that_ends_within_a_frame_is_an_error_with_exit_code_3(tiny: Path) -> None:
    words = terminal.command("count", "-m", tiny, "--backend", "onnxruntime", "raw://160x96")

    done = subprocess.run(
        words, input=scene(1).tobytes() + b"rest", capture_output=True, check=False, cwd=terminal.ROOT
    )

    assert done.returncode == 3
    assert done.stderr == b"error: raw://160x96 ends within frame 2: 4 of 46080 bytes (is the size right?)\n"


def test_a_cut_video_is_counted_up_to_there_and_the_exit_code_is_3(tiny: Path, video: Path) -> None:
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])

    done = count(tiny, video)

    assert done.returncode == 3
    assert len(done.stdout.splitlines()) > 5
    assert done.stderr.startswith(f"error: {video} ends after ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["rtps://cam/live"], 2, "rtps:// is of no known kind (did you mean rtsps?)"),
        (["-"], 2, "frames on stdin need a size"),
        (["gone.mp4"], 3, "no such video: gone.mp4 (check the path)"),
        (["rtsp://127.0.0.1:1/live"], 3, "cannot reach rtsp://127.0.0.1:1/live: Connection refused"),
        (["rtsp://al:geheim@127.0.0.1:1/live?pw=geheim"], 3, "cannot reach rtsp://127.0.0.1:1/live"),
        (["rtsp://cam/a", "rtsp://cam/b"], 2, "2 sources, expected one stream"),
        (["rtsp://cam/a", "--overlay", "x"], 2, "--overlay writes a file for each photo"),
        (["rtsp://cam/a", "-c", "x.yaml"], 2, "-c was given beside a source"),
        (["rtsp://cam/a", "--every", "0"], 2, "every is 0.0, expected more than 0 seconds"),
        (["rtsp://cam/a", "--sink", "/nowhere/x.jsonl"], 2, "cannot open /nowhere/x.jsonl: No such file"),
        (["-c", "x.yaml"], 2, "cannot read config x.yaml: No such file"),
    ],
)
def test_bad_input_is_one_line_and_its_exit_code(tiny: Path, words: list[str], code: int, said: str) -> None:
    done = count(tiny, *words)

    assert done.returncode == code
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert "geheim" not in done.stdout + done.stderr


def test_a_sink_path_without_permission_is_refused_before_the_first_frame(tiny: Path, video: Path) -> None:
    done = count(tiny, video, "--sink", "/proc/counts.jsonl")

    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot open /proc/counts.jsonl" in done.stderr


def test_readings_that_were_lost_show_in_the_exit_code(tiny: Path, video: Path, tmp_path: Path) -> None:
    words = ("-m", tiny, "--backend", "onnxruntime", video, "--sink", tmp_path / "counts.jsonl")

    done = subprocess.run(
        terminal.command("count", *words),
        capture_output=True,
        text=True,
        check=False,
        cwd=terminal.ROOT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
    )

    assert done.returncode == 3
    assert len(done.stdout.splitlines()) == 21
    assert "readings are lost" in done.stderr


def test_several_cameras_are_counted_from_a_config_and_one_that_is_away_is_told(tiny: Path, video: Path) -> None:
    config = video.with_name("cameras.yaml")
    config.write_text(
        f"cameras:\n  gate: {{source: {video.name}, every: 0.5}}\n"
        f"  door: {{source: 'rtsp://127.0.0.1:{free_port()}/live'}}\n"
        f"engine: {{model: {tiny}, backend: onnxruntime}}\n"
    )

    with subprocess.Popen(
        terminal.command("count", "-c", config, "--json"), stdout=subprocess.PIPE, text=True, cwd=terminal.ROOT
    ) as process:
        assert process.stdout is not None
        found = [json.loads(process.stdout.readline()) for _ in range(6)]
        process.send_signal(signal.SIGTERM)

    states = {(record["camera"], record["stream"]) for record in found}
    assert states == {("gate", "ok"), ("gate", "end"), ("door", "error")}
    assert process.returncode == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_stream_ends_when_it_is_told_to_and_its_sinks_are_whole(
    tiny: Path, tmp_path: Path, number: int, code: int
) -> None:
    sink = tmp_path / "counts.jsonl"
    with HttpCamera(lambda at: scene(at % 30)) as camera:
        words = ["-m", tiny, "--backend", "onnxruntime", camera.url, "--sink", sink, "--wait"]
        with subprocess.Popen(
            terminal.command("count", *words),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=terminal.ROOT,
            preexec_fn=terminal.hear_ctrl_c,  # noqa: PLW1509 - it sets a signal's handler, and nothing else
        ) as process:
            wait_for(lambda: sink.exists() and sink.read_bytes().count(b"\n") > 2)
            process.send_signal(number)
            _, said = process.communicate(timeout=30)

    assert process.returncode == code, said
    assert [json.loads(line)["camera"] for line in sink.read_text().splitlines()]


def test_a_budget_is_given_in_percent(tiny: Path, video: Path) -> None:
    kept = count(tiny, video, "--every", "1", "--max-cpu", "50%", "--json")
    refused = count(tiny, video, "--max-cpu", "half")

    assert [record["stream"] for record in records(kept)] == ["ok", "ok", "end"]
    assert refused.returncode == 2
    assert "'half' is no number, as in 50%" in refused.stderr
