"""Webhook: each reading as a POST of JSON."""

from __future__ import annotations

import base64
import http.client
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socket import SHUT_RDWR
from urllib.parse import urljoin, urlsplit

from sdk.errors import ConfigError
from sdk.sinks import tls
from sdk.sinks.base import Sink
from sdk.sinks.delivered import DeliverySettings, Receiver, open_delivered
from sdk.sinks.errors import SinkError, SinkRefused, SinkRejected, SinkUnreachable
from sdk.sinks.reading import Reading
from sdk.sinks.secret import reveal
from sdk.sinks.signature import ID, SIGNATURE, TIMESTAMP, sign
from sdk.sinks.target import Target, settings

REJECTED = (400, 413, 415, 422)  # this reading will never be taken
REFUSED = (401, 403, 404, 405, 410)  # nor will others, until somebody mends the address or the credentials
MOST_READ = 64 << 10  # bytes of an answer; what it says is not needed
MOST_REDIRECTS = 3


@dataclass(frozen=True, kw_only=True)
class WebhookSettings(DeliverySettings):
    """How the request is made."""

    secret: str = field(default="", repr=False)  # env:NAME, file:PATH, or the key of the signature; empty: none
    user: str = ""  # of basic authentication
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)  # of bearer authentication
    ca: str = ""  # PEM file of the only authority to trust; empty: those of the system


@dataclass(frozen=True)
class Address:
    """Where to post."""

    name: str  # as it may be shown
    scheme: str
    host: str
    port: int | None
    path: str = field(repr=False)  # with its query


class WebhookReceiver(Receiver):
    """Posts to one host. Redirects are followed only there, and only those that keep the request as it is."""

    def __init__(self, address: Address, chosen: WebhookSettings) -> None:
        self._address = address
        self._chosen = chosen
        self._context = tls.context(chosen.ca) if address.scheme == "https" else None
        self._secret = reveal(chosen.secret)
        self._headers = {"Content-Type": "application/json", "User-Agent": "skt-edge", **_authorization(chosen)}
        self._connection: http.client.HTTPConnection | None = None

    def deliver(self, readings: Sequence[Reading]) -> int:
        self._connection = self._connect()
        taken = 0
        try:
            for reading in readings:
                self._post(self._connection, reading)
                taken += 1
        except SinkError:
            if not taken:
                raise
        finally:
            self._connection.close()
            self._connection = None
        return taken

    def close(self) -> None:
        if (connection := self._connection) is not None:
            _cut(connection)

    def _connect(self) -> http.client.HTTPConnection:
        host, port, timeout = self._address.host, self._address.port, self._chosen.timeout_s
        if self._context is None:
            return http.client.HTTPConnection(host, port, timeout=timeout)
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=self._context)

    def _post(self, connection: http.client.HTTPConnection, reading: Reading) -> None:
        path = self._address.path
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._request(connection, path, reading)
            if answer.status not in (301, 302, 303, 307, 308):
                self._judge(answer)
                return
            path = self._redirected(path, answer)
        raise SinkRefused(f"webhook {self._address.name} redirects more than {MOST_REDIRECTS} times")

    def _request(self, connection: http.client.HTTPConnection, path: str, reading: Reading) -> http.client.HTTPResponse:
        body = reading.to_line().encode()
        now = int(time.time())
        headers = {**self._headers, ID: reading.id, TIMESTAMP: str(now)}
        if self._secret:
            headers[SIGNATURE] = sign(self._secret, now, body)
        try:
            with _at_most(connection, 2 * self._chosen.timeout_s):
                connection.request("POST", path, body, headers)
                answer = connection.getresponse()
                if len(answer.read(MOST_READ)) == MOST_READ:
                    connection.close()  # the rest of the answer is in the way of the next
        except (OSError, http.client.HTTPException) as error:
            raise self._failed(error) from error
        return answer

    def _judge(self, answer: http.client.HTTPResponse) -> None:
        said = f"webhook {self._address.name} answers {answer.status} {answer.reason}"
        if answer.status in REJECTED:
            raise SinkRejected(said)
        if answer.status in REFUSED:
            raise SinkRefused(said, hint="check the address and the credentials")
        if not 200 <= answer.status < 300:
            wait = answer.getheader("Retry-After", "")
            raise SinkUnreachable(
                said, hint="it is tried again", retry_after_s=float(wait) if wait.isdecimal() else 0.0
            )

    def _redirected(self, path: str, answer: http.client.HTTPResponse) -> str:
        """Path of a redirect that stays on this host."""
        own = self._address
        try:
            there = urlsplit(urljoin(f"{own.scheme}://{_netloc(own)}{path}", answer.getheader("Location", "")))
            home = (there.scheme, there.hostname, there.port) == (own.scheme, own.host, own.port)
        except ValueError:
            home = False
        if not home or answer.status not in (307, 308):
            message = f"webhook {self._address.name} redirects with {answer.status}"
            raise SinkRefused(message, hint="only 307 and 308 on the same host are followed; give the final address")
        return _path(there.path, there.query)

    def _failed(self, error: Exception) -> SinkError:
        import ssl

        text = tls.reason(error) if isinstance(error, OSError) else type(error).__name__
        if isinstance(error, ssl.SSLError):
            return SinkRefused(f"webhook {self._address.name} is refused: {text}", hint="give its authority: ca=FILE")
        return SinkUnreachable(f"webhook {self._address.name} cannot be reached: {text}", hint="it is tried again")


def open_webhook(target: Target) -> Sink:
    """https://HOST/PATH; settings follow a # and are never sent."""
    if not target.host:
        raise ConfigError(f"sink {target.name} names no host", hint="https://host/path")
    own = {key: value for key, value in (("user", target.user), ("password", target.password)) if value}
    chosen = settings(WebhookSettings, target, own)
    address = Address(target.name, target.kind, target.host, target.port, _path(target.path, target.query))
    if any(not " " < letter < "\x7f" for letter in address.path):
        raise ConfigError(f"path of sink {target.name} holds a space or a letter beyond ASCII", hint="quote it: %20")
    return open_delivered(target.name, WebhookReceiver(address, chosen), chosen, f"{_netloc(address)}{address.path}")


def _path(path: str, query: str) -> str:
    return f"{path or '/'}?{query}" if query else path or "/"


def _netloc(address: Address) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return host if address.port is None else f"{host}:{address.port}"


def _authorization(chosen: WebhookSettings) -> dict[str, str]:
    if chosen.token:
        token = reveal(chosen.token)
        if not token.isascii():
            raise ConfigError("the token of a webhook holds letters beyond ASCII", hint="check where it comes from")
        return {"Authorization": f"Bearer {token}"}
    if chosen.user:
        pair = f"{chosen.user}:{reveal(chosen.password)}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    return {}


@contextmanager
def _at_most(connection: http.client.HTTPConnection, seconds: float) -> Iterator[None]:
    """Cut the connection after so long: a receiver that answers a byte a second never meets a socket's time limit."""
    late = threading.Event()

    def end() -> None:
        late.set()
        _cut(connection)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if late.is_set():  # to http.client the cut may look like the end of the answer
        raise TimeoutError


def _cut(connection: http.client.HTTPConnection) -> None:
    if (end := connection.sock) is not None:
        with suppress(OSError):
            end.shutdown(SHUT_RDWR)
