"""The editor's server: who may reach it, what it takes, what it refuses."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sdk.errors import ConfigError
from sdk.zones import Zone, Zones
from sdk.zones_server import LARGEST, Edited, EditorServer
from tests.sdk.polygons import FRAME, collection, feature


class Served:
    """A server that runs, and what it said of saves."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.saved: list[Zones] = []
        self.server = EditorServer(Edited("gate.jpg", b"JPEG", file, self.saved.append))
        self.url = urlsplit(self.server.url)

    def ask(
        self, place: str, body: bytes | None = None, *, headers: dict[str, str] | None = None, token: str | None = None
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.url.port or 0, timeout=10)
        path = f"{self.url.path if token is None else token}{place}"
        connection.request("GET" if body is None else "PUT", path, body, headers or {})
        return connection.getresponse()

    def put(self, data: object) -> tuple[int, dict[str, object]]:
        answer = self.ask("zones", json.dumps(data).encode())
        return answer.status, json.load(answer)


@contextmanager
def running(one: Served) -> Iterator[Served]:
    thread = threading.Thread(target=one.server.serve)
    thread.start()
    try:
        yield one
    finally:
        one.server.stop()
        thread.join(timeout=10)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with running(Served(tmp_path / "zones.yaml")) as one:
        yield one


def test_it_serves_the_page_the_photo_and_the_zones(served: Served) -> None:
    Zones((Zone("gate", FRAME),)).write(served.file)

    assert b"<title>Zones</title>" in served.ask("").read()
    assert served.ask("photo.jpg").read() == b"JPEG"
    zones = json.load(served.ask("zones"))
    assert (zones["photo"], zones["features"][0]["properties"]["name"]) == ("gate.jpg", "gate")


@pytest.mark.parametrize("place", ["editor.js", "editor.css"])
def test_what_the_page_needs_comes_from_the_package_and_may_load_nothing_else(served: Served, place: str) -> None:
    answer = served.ask(place)

    assert (answer.status, len(answer.read()) > 1000) == (200, True)
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")


def test_without_a_file_there_are_no_zones_yet(served: Served) -> None:
    assert json.load(served.ask("zones"))["features"] == []


def test_what_is_sent_is_checked_written_and_told(served: Served) -> None:
    status, answer = served.put(collection(feature("gate"), feature("tree", kind="exclude")))

    assert (status, answer["zones"]) == (200, 2)
    assert [zone.name for zone in Zones.read(served.file).zones] == ["gate", "tree"]
    assert len(served.saved) == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (collection(feature("gate"), feature("gate")), "2 zones are called 'gate'"),
        (collection(feature(points=[[0, 0], [1, 1], [1, 0], [0, 1]])), "zone 'gate' crosses itself"),
        ([], "the request holds list, expected an object"),
    ],
)
def test_wrong_zones_are_refused_and_the_file_stays(served: Served, data: object, said: str) -> None:
    served.put(collection(feature("old")))

    status, answer = served.put(data)

    assert status == 422
    assert said in str(answer["error"])
    assert Zones.read(served.file).zones[0].name == "old"


def test_a_request_that_is_no_json_is_refused(served: Served) -> None:
    answer = served.ask("zones", b"{")

    assert (answer.status, "the request is no JSON" in answer.read().decode()) == (422, True)


def test_a_file_that_became_wrong_is_said(served: Served) -> None:
    served.file.write_text("features: 3")

    answer = served.ask("zones")

    assert (answer.status, "zones.yaml" in answer.read().decode()) == (422, True)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_who_asks_for_another_host_is_refused(served: Served, host: str) -> None:
    for body in (None, b"{}"):
        assert served.ask("zones", body, headers={"Host": host}).status == 403


@pytest.mark.parametrize("host", ["localhost:9999", "127.0.0.1", "[::1]:80"])
def test_this_machine_may_come_by_any_of_its_names_and_ports(served: Served, host: str) -> None:
    assert served.ask("zones", headers={"Host": host}).status == 200


@pytest.mark.parametrize("token", ["/", "/guess/", "/%C3%A9/"])
def test_who_does_not_know_the_token_finds_nothing(served: Served, token: str) -> None:
    assert served.ask("zones", token=token).status == 404
    assert served.ask("zones", b"{}", token=token).status == 404


def test_each_server_has_a_token_of_its_own(served: Served, tmp_path: Path) -> None:
    with running(Served(tmp_path / "other.yaml")) as other:
        assert len(other.url.path) > 32
        assert other.url.path != served.url.path


@pytest.mark.parametrize("place", ["none", "../zones.py", "editor.js/", "%2e%2e/result.py"])
def test_there_is_nothing_else(served: Served, place: str) -> None:
    assert served.ask(place).status == 404
    assert served.ask(place, b"{}").status == 404


def test_a_request_that_is_too_large_is_refused_unread(served: Served) -> None:
    assert served.ask("zones", b"", headers={"Content-Length": str(LARGEST + 1)}).status == 413
    assert served.ask("zones", b"", headers={"Content-Length": "-1"}).status == 413


def test_it_listens_on_loopback_alone(served: Served) -> None:
    assert served.url.hostname == "127.0.0.1"
    with socket.socket() as other, pytest.raises(OSError):
        other.bind(("127.0.0.1", served.url.port))  # taken here


def test_a_port_in_use_is_refused(served: Served) -> None:
    with pytest.raises(ConfigError, match=r"cannot listen on 127.0.0.1:\d+: Address already in use"):
        EditorServer(Edited("a", b"", served.file, served.saved.append), served.url.port or 0)
