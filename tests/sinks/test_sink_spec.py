"""From what a user writes to sinks, and readings through several of them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from sdk.errors import ConfigError
from sdk.sinks import Reading, Sink, SinkError, Tee, open_sink, open_sinks, publish
from sdk.sinks.option import sink_option
from sdk.sinks.patient import Patient
from sdk.sinks.secret import masked
from sdk.sinks.spec import KINDS
from tests.sinks.records import reading
from tests.sinks.servers import free_port
from tests.test_clean_imports import loaded_by


class Listed(Sink):
    """Keeps readings, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.taken: list[Reading] = []
        self.error = error
        self.closed = 0

    def send(self, reading: Reading) -> None:
        if self.error is not None:
            raise self.error
        self.taken.append(reading)

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "sink .* has no suffix, which is no kind of sink"),
        ("counts", "sink counts has no suffix"),
        ("counts.json", r"sink counts.json has .json, which is no kind of sink \(did you mean .jsonl\?\)"),
        ("counts.mp4", "known: .avi, .csv, .jsonl, .mkv, http"),
        ("mqt://host/", r"mqt://, which is no kind of sink \(did you mean mqtt\?\)"),
        ("mqtt://host:99999/", "sink mqtt://host:99999/ is no address: its port is no number from 0 to 65535"),
        ("mqtt://[::1/", "is no address: it cannot be taken apart"),
        ("a.csv?timezon=UTC", r"sink a.csv: unknown setting timezon \(did you mean timezone\?\)"),
        ("a.jsonl?x=1", "sink a.jsonl: unknown setting x"),
        ({"too": "a.csv"}, r"sink has no setting `to`, only too \(to: mqtt://broker/crowd\)"),
        ({}, "only nothing"),
        ({"to": "a.csv", "timezone": 3}, "setting timezone is 3, expected str"),
    ],
)
def test_what_names_no_sink_is_refused(spec: str | dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_sink(spec)


@pytest.mark.parametrize(
    "spec",
    [
        "mqtt://ann:pa55@w@host:port/",
        "mqt://ann:pa55@w@host/",
        "mqtt://ann:pa55@w@[host/",
        "mqtt://ann:pa55@w@host/?retian=1",
        "mqtt://host/?password=pa55&retian=1",
        "https://ann:pa55@w@host:port/",
        "https://host/pa55?key=pa55#retian=1",
        "ftp://host/?password=pa55",
    ],
)
def test_no_message_shows_a_password(spec: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_sink(spec)

    assert "pa55" not in f"{caught.value} {caught.value.to_json()}"


def test_credentials_are_masked_in_any_text() -> None:
    text = "cannot reach https://ann:p@ss@host/path?token=abc&api_key=d&x=1 or mqtt://bob@host"

    assert masked(text) == "cannot reach https://***@host/path?token=***&api_key=***&x=1 or mqtt://***@host"


def test_settings_of_a_mapping_go_before_those_of_its_uri(tmp_path: Path) -> None:
    with open_sink({"to": f"{tmp_path}/a.csv?timezone=nowhere", "timezone": "Asia/Tokyo"}) as sink:
        sink.send(reading())

    (path,) = tmp_path.iterdir()
    assert "+09:00" in path.read_text()


def test_every_kind_of_sink_has_somebody_who_opens_it() -> None:
    import importlib

    for place in KINDS.values():
        module, name = place.split(":")
        if module not in ("sdk.sinks.mqtt", "sdk.sinks.prometheus"):
            assert callable(getattr(importlib.import_module(module), name))


def test_all_sinks_open_or_none(tmp_path: Path) -> None:
    file = f"{tmp_path}/a.jsonl"
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(SinkError, match="cannot listen on"):
        open_sinks([file, f"mjpeg://:{other.getsockname()[1]}"])

    with open_sinks([file]) as sinks:  # it was closed, or it would be in use
        sinks.send(reading())


def test_a_sink_that_fails_harms_no_other_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    good, bad = Listed(), Listed(ZeroDivisionError("a bug"))
    readings = [reading(number) for number in range(3)]

    health = publish(readings, [bad, Tee([good])])

    assert good.taken == readings
    assert (good.closed, bad.closed) == (1, 1)
    assert [one.trouble for one in health] == ["a bug", ""]
    assert [one.ok for one in health] == [False, True]
    assert caplog.messages == ["sink Listed: a bug"]


def test_sinks_are_closed_when_the_readings_end_with_an_error() -> None:
    sink = Listed()

    def broken() -> Iterator[Reading]:
        yield reading()
        raise OSError("camera is gone")

    with pytest.raises(OSError, match="camera is gone"):
        publish(broken(), [sink])
    assert (len(sink.taken), sink.closed) == (1, 1)


def test_a_patient_sink_has_a_bound() -> None:
    inner = Listed(SinkError("disk full"))
    sink = Patient("files", inner, keep=3)
    for number in range(5):
        sink.send(reading(number))
    full = sink.health()[0]
    inner.error = None
    sink.send(reading(5))

    assert (full.waiting, full.dropped, full.trouble) == (3, 2, "disk full; 3 readings wait in memory")
    assert [one.count for one in inner.taken] == [3, 4, 5]
    assert sink.health()[0].ok


def test_what_is_lost_at_the_end_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with Patient("files", Listed(SinkError("disk full"))) as sink:
        sink.send(reading())

    assert caplog.messages[-1] == "sink files: 1 readings are lost: disk full"


def test_a_command_takes_several_sinks(tmp_path: Path) -> None:
    @click.command()
    @sink_option
    def command(sinks: tuple[str, ...]) -> None:
        publish([reading()], [open_sinks(sinks)])

    words = ["--sink", f"{tmp_path}/a.jsonl", "--sink", f"http://127.0.0.1:{free_port()}/#linger_s=0.01"]
    done = CliRunner().invoke(command, words)

    assert done.exit_code == 0, done.output
    assert (tmp_path / "a.jsonl").stat().st_size > 100
    assert "mqtts://" in CliRunner().invoke(command, ["--help"]).output


def test_importing_sinks_loads_nothing_heavy() -> None:
    heavy = {"cv2", "numpy", "yaml", "click", "paho", "prometheus_client", "sqlite3", "ssl", "http.client", "torch"}

    assert not heavy & (loaded_by("import sdk.sinks") - loaded_by("import sdk.errors"))


def test_threads_may_share_a_sink(tmp_path: Path) -> None:
    specs = [f"{tmp_path}/a.jsonl", f"sqlite:///{tmp_path}/a.sqlite", f"http://127.0.0.1:{free_port()}/#linger_s=0.01"]
    with open_sinks(specs) as sinks, ThreadPoolExecutor(4) as threads:
        list(threads.map(sinks.send, [reading(number) for number in range(100)]))
        health = sinks.health()

    assert [one.sent + one.waiting for one in health] == [100, 100, 100]
    assert len({line[:80] for line in (tmp_path / "a.jsonl").read_text().splitlines()}) == 100


@pytest.mark.parametrize("spec", ["a.jsonl", "a.csv", "a.mkv", "sqlite:///a.sqlite", "http://127.0.0.1:1/", "mjpeg://:0",
                                  "prometheus://127.0.0.1:0"])  # fmt: skip
def test_a_second_close_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str) -> None:
    if spec.startswith("prometheus"):
        pytest.importorskip("prometheus_client", reason="not run: prometheus_client is not installed")
    monkeypatch.chdir(tmp_path)
    sink = open_sink(spec)
    sink.send(reading())
    sink.close()
    before = sink.health()

    sink.close()

    assert sink.health() == before
