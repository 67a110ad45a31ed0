"""Why an address gives no video: the server is asked in its own words, so that errors can be told apart."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sdk.streams.auth import authorization
from sdk.streams.errors import StreamError, StreamRefused, StreamUnreachable, StreamUnreadable
from sdk.streams.source import Source

PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322, "rtmp": 1935, "rtmps": 443}
LONGEST = 65_536  # bytes of an answer that are looked at


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int  # 0: nothing that can be understood
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


def why_closed(source: Source, timeout: float) -> StreamError:
    """The reason that can be found for a stream that did not open."""
    parts = urlsplit(source.place)
    if parts.scheme in ("udp", "srt"):
        return StreamUnreachable(f"no video came from {source.shown} in {timeout:g} s")
    try:
        if parts.scheme in ("rtmp", "rtmps"):
            _connect(source.place, timeout).close()
            return StreamUnreadable(f"{source.shown} answers, but gives no video", hint="check the path and its key")
        answer = ask(source, timeout)
    except socket.gaierror:
        return StreamUnreachable(f"host of {source.shown} is unknown", hint="check its name, or use its address")
    except TimeoutError:
        return StreamUnreachable(f"{source.shown} does not answer in {timeout:g} s", hint="is the camera on?")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return StreamUnreachable(f"cannot reach {source.shown}: {reason}", hint="check address and port")
    return _meaning(source, answer)


def ask(source: Source, timeout: float) -> Answer:
    """The server's answer to a request for the stream, with user and password where it asks for them."""
    rtsp = source.place.startswith("rtsp")
    method, version, accept = ("DESCRIBE", "RTSP/1.0", "application/sdp") if rtsp else ("GET", "HTTP/1.0", "*/*")
    parts = urlsplit(source.place)
    target = source.place if rtsp else (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"{method} {target} {version}", f"Host: {parts.netloc}", f"Accept: {accept}"]
    answer = _exchange(source.place, [*lines, "CSeq: 1"], timeout)
    if answer.status == 401 and source.user:
        header = authorization(answer.headers.get("www-authenticate", ""), source.user, source.password, method, target)
        answer = _exchange(source.place, [*lines, "CSeq: 2", f"Authorization: {header}"], timeout)
    return answer


def _meaning(source: Source, answer: Answer) -> StreamError:
    if not answer.status:
        return StreamUnreadable(f"{source.shown} answers with what is not {source.place.split(':')[0].upper()}")
    if answer.status >= 400:
        return _refusal(source, answer.status)
    codecs = re.findall(r"a=rtpmap:\d+ ([\w-]+)/90000", answer.body)
    holds = ", ".join(codecs) or answer.headers.get("content-type", "") or "nothing"
    hint = "choose H.264, H.265 or MJPEG in the camera's settings"
    return StreamUnreadable(f"{source.shown} answers, but its video ({holds}) cannot be read", hint=hint)


def _refusal(source: Source, status: int) -> StreamError:
    shown = source.shown
    if status == 401 and source.user:
        return StreamRefused(f"{shown} refuses the user or password", hint="check both; some cameras lock accounts")
    if status == 401:
        return StreamRefused(f"{shown} asks for a user and password", hint="as in rtsp://USER:PASSWORD@HOST/")
    if status == 403:
        return StreamRefused(f"{shown} forbids this user to see it (403)", hint="check the user's rights")
    if status in (404, 410, 454):
        return StreamUnreachable(f"there is no stream at {shown} ({status})", hint="check the path")
    return StreamUnreachable(f"{shown} answers with error {status}", hint="look at the camera's own page")


def _connect(place: str, timeout: float) -> socket.socket:
    parts = urlsplit(place)
    port = parts.port or PORTS[parts.scheme]
    plain = socket.create_connection((parts.hostname or "", port), timeout)
    if parts.scheme not in ("https", "rtsps", "rtmps"):
        return plain
    return ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname)


def _exchange(place: str, lines: list[str], timeout: float) -> Answer:
    with _connect(place, timeout) as server:
        server.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        data = b""
        while b"\r\n\r\n" not in data and len(data) < LONGEST:
            piece = server.recv(4096)
            if not piece:
                break
            data += piece
    return _understood(data)


def _understood(data: bytes) -> Answer:
    head, _, body = data.decode("latin-1").partition("\r\n\r\n")
    first, *rest = head.split("\r\n")
    found = re.match(r"(?:RTSP|HTTP)/\d\.\d (\d{3})", first)
    headers: dict[str, str] = {}
    for line in rest:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), value.strip())  # of several ways to log in, the first
    return Answer(int(found.group(1)) if found else 0, headers, body)
