"""Webhooks, against a real web server on this machine."""

from __future__ import annotations

import json
import logging
import random
import socket
import ssl
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from sdk.errors import ConfigError
from sdk.sinks import SinkRefused, SinkRejected, SinkUnreachable, open_sink
from sdk.sinks.delivered import Delivered
from sdk.sinks.outbox import Outbox
from sdk.sinks.pauses import Pauses
from sdk.sinks.signature import sign, verify
from sdk.sinks.webhook import Address, WebhookReceiver, WebhookSettings
from tests.sinks.records import full_reading, reading
from tests.sinks.servers import WebServer, free_port, wait_for

SECRET = "s3cret-key"


def receiver(server: WebServer, **values: object) -> WebhookReceiver:
    address = Address("hook", "http", "127.0.0.1", server.port, "/hook")
    return WebhookReceiver(address, WebhookSettings(**values))  # type: ignore[arg-type]


def test_a_reading_is_posted_with_a_signature_that_its_receiver_can_check(
    web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", SECRET)
    sent = full_reading()

    with open_sink(f"{web.url}?key=1#secret=env:HOOK") as sink:
        sink.send(sent)
        wait_for(lambda: web.taken)

    (post,) = web.taken
    headers = {name.lower(): value for name, value in post.headers.items()}
    assert json.loads(post.body) == sent.to_json()
    assert post.path == "/hook?key=1"
    assert headers["x-skt-id"] == sent.id
    assert verify(SECRET, headers["x-skt-timestamp"], post.body, headers["x-skt-signature"])


def test_a_signature_fits_one_secret_one_body_and_one_moment() -> None:
    now = int(time.time())
    good = sign(SECRET, now, b"body")

    assert good == sign(SECRET, now, b"body")
    assert verify(SECRET, str(now), b"body", good)
    assert not verify("other", str(now), b"body", good)
    assert not verify(SECRET, str(now), b"other", good)
    assert not verify(SECRET, str(now + 1), b"body", good)
    assert not verify(SECRET, str(now - 301), b"body", sign(SECRET, now - 301, b"body"))
    assert not verify(SECRET, "soon", b"body", good)
    assert not verify(SECRET, str(now), b"body", "sha256=ü")


def test_a_known_signature() -> None:
    """HMAC-SHA256 of "1700000000.{}" under "key", by `openssl dgst -sha256 -hmac key`."""
    by_hand = subprocess.run(["openssl", "dgst", "-sha256", "-hmac", "key"], input=b"1700000000.{}",
                             capture_output=True, check=True).stdout.split()[-1]  # fmt: skip

    assert sign("key", 1700000000, b"{}") == f"sha256={by_hand.decode()}"


def test_a_server_that_fails_half_the_time_gets_everything_in_order(tmp_path: Path) -> None:
    chance = random.Random(3)
    failures = [(500, {}), (503, {}), (429, {"Retry-After": "0"}), (0, {})]

    def answer(_: int) -> tuple[int, dict[str, str]]:
        return (204, {}) if chance.random() < 0.5 else chance.choice(failures)

    readings = [reading(number) for number in range(60)]
    with WebServer(answer) as server:
        outbox = Outbox(tmp_path / "o.sqlite")
        with Delivered("hook", receiver(server), outbox, pauses=Pauses(0.005, 0.02)) as sink:
            for one in readings:
                sink.send(one)
            wait_for(lambda: len(server.ids()) == 60)

    assert server.ids() == [one.id for one in readings]
    assert len(server.posts) > 80


def test_readings_wait_for_a_server_that_is_not_there_yet(web: WebServer) -> None:
    port = free_port()
    readings = [reading(number) for number in range(25)]
    with open_sink(f"http://127.0.0.1:{port}/hook") as sink:
        for one in readings:
            sink.send(one)
        trouble = wait_for(lambda: sink.health()[0].trouble)
        with WebServer(port=port) as server:
            wait_for(lambda: len(server.ids()) == 25)

    assert trouble.startswith(f"webhook http://127.0.0.1:{port}/... cannot be reached: Connection refused")
    assert server.ids() == [one.id for one in readings]


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, SinkRejected), (422, SinkRejected), (401, SinkRefused), (404, SinkRefused), (500, SinkUnreachable)],
)
def test_answers_are_told_apart(status: int, error: type[Exception]) -> None:
    with WebServer(lambda _: (status, {})) as server, pytest.raises(error, match=f"webhook hook answers {status}"):
        receiver(server).deliver([reading()])


def test_a_server_may_ask_for_time() -> None:
    with WebServer(lambda _: (503, {"Retry-After": "17"})) as server, pytest.raises(SinkUnreachable) as caught:
        receiver(server).deliver([reading()])

    assert caught.value.details == {"retry_after_s": 17.0}


def test_a_redirect_on_the_same_host_is_followed() -> None:
    answers = {0: (307, {"Location": "/there?a=1"}), 1: (308, {"Location": "here"}), 2: (200, {})}
    with WebServer(lambda number: answers[number]) as server:
        assert receiver(server).deliver([reading()]) == 1

    assert [post.path for post in server.posts] == ["/hook", "/there?a=1", "/here"]


def test_a_redirect_elsewhere_is_refused_and_nothing_goes_there(web: WebServer) -> None:
    for status, place in ((307, web.url), (308, f"https://127.0.0.1:{web.port}/"), (302, "/there"), (307, "http://[")):
        with WebServer(lambda _, s=status, p=place: (s, {"Location": p})) as server:
            with pytest.raises(SinkRefused, match=f"webhook hook redirects with {status}"):
                receiver(server).deliver([reading()])
            assert len(server.posts) == 1
    assert web.posts == []


def test_a_redirect_in_a_circle_ends() -> None:
    with (
        WebServer(lambda _: (307, {"Location": "/hook"})) as server,
        pytest.raises(SinkRefused, match="more than 3 times"),
    ):
        receiver(server).deliver([reading()])
    assert len(server.posts) == 4


def test_a_server_that_answers_a_byte_at_a_time_is_given_up() -> None:
    stop = threading.Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            with suppress(OSError):
                while not stop.wait(0.05):
                    connection.sendall(b"X: y\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        address = Address("hook", "http", "127.0.0.1", server.getsockname()[1], "/")
        start = time.monotonic()
        with pytest.raises(SinkUnreachable, match="webhook hook cannot be reached: no answer in time"):
            WebhookReceiver(address, WebhookSettings(timeout_s=0.2)).deliver([reading()])
        stop.set()
        thread.join()
    assert time.monotonic() - start < 3


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = Address("hook", "http", "127.0.0.1", server.getsockname()[1], "/")
        with pytest.raises(SinkUnreachable, match="cannot be reached: no answer in time"):
            WebhookReceiver(address, WebhookSettings(timeout_s=0.1)).deliver([reading()])


def test_credentials_go_to_the_server_and_nowhere_else(web: WebServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    place = web.url.replace("http://", "http://ann:pa55word@") + "?token=inquery#secret=s3cret"
    with open_sink(place) as sink:
        sink.send(reading())
        wait_for(lambda: web.taken)
        told = repr(sink.health()) + caplog.text + repr(sink)
    with pytest.raises(ConfigError) as caught:
        open_sink(f"{place}&sekret=1")
    told += str(caught.value) + repr(caught.value.to_json())

    assert web.taken[0].headers["Authorization"] == "Basic YW5uOnBhNTV3b3Jk"
    for secret in ("pa55word", "inquery", "s3cret"):
        assert secret not in told
    assert "did you mean secret?" in told


def test_a_bearer_token_is_sent(web: WebServer) -> None:
    with open_sink({"to": web.url, "token": "abc"}) as sink:
        sink.send(reading())
        wait_for(lambda: web.taken)

    assert web.taken[0].headers["Authorization"] == "Bearer abc"


def test_the_server_must_show_a_trusted_certificate(web: WebServer, certificate: tuple[Path, Path]) -> None:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*certificate)
    web.server.socket = made.wrap_socket(web.server.socket, server_side=True)
    address = Address("hook", "https", "localhost", web.port, "/hook")

    with pytest.raises(SinkRefused, match=r"webhook hook is refused: its certificate is not trusted: self.signed"):
        WebhookReceiver(address, WebhookSettings()).deliver([reading()])
    assert WebhookReceiver(address, WebhookSettings(ca=str(certificate[0]))).deliver([reading()]) == 1
    assert len(web.taken) == 1


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("https:///path", "sink https:///... names no host"),
        ("https://host/a b", "path of sink https://host/... holds a space"),
        ("https://host/#secret=env:NOT_SET_ANYWHERE", "environment variable NOT_SET_ANYWHERE is not set"),
        ("https://host/#secret=file:/no/where", "cannot read the secret in /no/where"),
        ("https://host/#ca=/no/where.pem", "cannot read the certificates in /no/where.pem"),
        ("https://host/#token=a%0Ab", "a secret holds what cannot be printed"),
        ("https://host/#token=%C3%BC", "the token of a webhook holds letters beyond ASCII"),
        ({"to": "https://host/", "secret": 123}, "setting secret of sink https://host is no text"),
    ],
)
def test_a_webhook_that_cannot_work_is_refused_at_once(spec: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        open_sink(spec)  # type: ignore[arg-type]
    assert "123" not in str(caught.value)
