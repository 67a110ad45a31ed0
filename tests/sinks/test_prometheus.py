"""Prometheus, scraped over HTTP by its own parser and by the real server where it is installed."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import pytest

from sdk.errors import ConfigError
from sdk.sinks import Sink, SinkError, open_sink, reading_of
from tests.sinks.records import NOON, full_reading, reading, result
from tests.sinks.servers import free_port, wait_for

parser = pytest.importorskip("prometheus_client.parser", reason="not run: prometheus_client is not installed")

Samples = dict[tuple[str, str], float]  # name and all labels but the camera -> value


def opened(rest: str = "") -> Sink:
    return open_sink(f"prometheus://127.0.0.1:0{rest}")


def scrape(sink: Sink, camera: str = "gate") -> Samples:
    with urlopen(f"http://127.0.0.1:{sink.port}/metrics") as answer:  # type: ignore[attr-defined]
        families = list(parser.text_string_to_metric_families(answer.read().decode()))
    return {
        (sample.name, ",".join(value for name, value in sample.labels.items() if name != "camera")): sample.value
        for family in families
        for sample in family.samples
        if sample.labels["camera"] == camera
    }


def test_a_scrape_shows_the_last_reading() -> None:
    with opened() as sink:
        sink.send(reading(3, latency_ms=100.0))
        sink.send(full_reading())
        samples = scrape(sink)

    assert samples == {
        ("crowd_count", ""): 7,
        ("crowd_count", "left, door"): 3,
        ("crowd_count", 'say "hi"'): 4,
        ("crowd_count_smoothed", ""): 6.5,
        ("crowd_count_low", ""): 5,
        ("crowd_count_high", ""): 9.25,
        ("crowd_state", "ok"): 0,
        ("crowd_state", "degraded"): 1,
        ("crowd_state", "untrusted"): 0,
        ("crowd_state_reason", "too dark"): 1,
        ("crowd_state_reason", "blurred"): 1,
        ("crowd_reading_timestamp_seconds", ""): NOON.timestamp() + 7,
        ("crowd_drops_total", ""): 3,
        ("crowd_latency_seconds_count", ""): 2,
        ("crowd_latency_seconds_sum", ""): pytest.approx(0.1415),
    }


def test_cameras_stand_side_by_side_and_what_is_not_known_is_left_out() -> None:
    with opened() as sink:
        sink.send(full_reading())
        sink.send(reading(2, camera="yard"))
        names = {name for name, _ in scrape(sink, "yard")}

        assert scrape(sink)[("crowd_count", "")] == 7
    assert not names & {"crowd_count_low", "crowd_count_high", "crowd_count_smoothed"}


def test_a_camera_that_says_nothing_any_more_is_not_shown_as_if_it_did() -> None:
    with opened("?stale_s=0.05") as sink:
        sink.send(full_reading())
        time.sleep(0.1)
        names = {name for name, _ in scrape(sink)}

    assert "crowd_count" not in names
    assert "crowd_state" not in names
    assert {"crowd_reading_timestamp_seconds", "crowd_drops_total"} <= names


def test_no_frame_is_held_or_shown() -> None:
    with opened() as sink:
        sink.send(reading_of(result(), "gate", NOON))
        with urlopen(f"http://127.0.0.1:{sink.port}/metrics") as answer:  # type: ignore[attr-defined]
            assert len(answer.read()) < 4000


def test_a_port_in_use_is_refused_and_a_closed_sink_frees_its_own() -> None:
    with opened() as first:
        port = first.port  # type: ignore[attr-defined]
        with pytest.raises(SinkError, match=rf"cannot listen on 127.0.0.1:{port}: Address already in use") as caught:
            open_sink(f"prometheus://127.0.0.1:{port}")
    open_sink(f"prometheus://127.0.0.1:{port}").close()

    assert caught.value.exit_code == 2
    with pytest.raises(URLError):
        urlopen(f"http://127.0.0.1:{port}/metrics")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("prometheus://:70000", "its port is no number from 0 to 65535"),
        ("prometheus://:9109?stale=1", r"unknown setting stale \(did you mean stale_s\?\)"),
        ("prometheus://192.0.2.1:9109", "cannot listen on 192.0.2.1:9109: Cannot assign requested address"),
    ],
)
def test_what_cannot_be_served_is_refused(spec: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_sink(spec)


def test_without_a_host_every_address_is_served() -> None:
    port = free_port()
    with open_sink(f"prometheus://:{port}"):
        socket.create_connection(("127.0.0.1", port), 1).close()
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("0.0.0.0", port))


def test_a_real_prometheus_scrapes_it(tmp_path: Path) -> None:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("not run: prometheus is not installed (apt-get install prometheus)")
    port = free_port()
    with opened() as sink:
        sink.send(full_reading())
        config = tmp_path / "prometheus.yml"
        targets = [f"127.0.0.1:{sink.port}"]  # type: ignore[attr-defined]
        jobs = [{"job_name": "crowd", "scrape_interval": "200ms", "scrape_timeout": "200ms",
                 "static_configs": [{"targets": targets}]}]  # fmt: skip
        config.write_text(json.dumps({"scrape_configs": jobs}))
        command = [program, f"--config.file={config}", f"--storage.tsdb.path={tmp_path}/data",
                   f"--web.listen-address=127.0.0.1:{port}"]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                found = wait_for(lambda: asked(port, 'crowd_count{camera="gate",zone=""}'), 30)
                zones = asked(port, 'sum(crowd_count{zone!=""})')
            finally:
                server.terminate()

    assert [row["value"][1] for row in found] == ["7"]
    assert [row["value"][1] for row in zones] == ["7"]


def asked(port: int, question: str) -> list[dict[str, list[str]]]:
    try:
        with urlopen(f"http://127.0.0.1:{port}/api/v1/query?query={quote(question)}") as answer:
            rows: list[dict[str, list[str]]] = json.load(answer)["data"]["result"]
            return rows
    except OSError:
        return []
