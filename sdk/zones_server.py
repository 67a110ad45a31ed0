"""The editor's page, served to a browser on this machine only.

Three things keep others out: it listens on 127.0.0.1, it answers only under a path with a random token, and it takes
only requests whose Host is this machine by name or number, so that no other page can reach it through a made-up name.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

from sdk.errors import ConfigError, SktError
from sdk.zones import Zones

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
LARGEST = 2_000_000  # bytes of a request
PATIENCE = 30  # seconds for a request to arrive
PAGES = {  # path below the token: file, type
    "": ("index.html", "text/html; charset=utf-8"),
    "editor.js": ("editor.js", "text/javascript; charset=utf-8"),
    "editor.css": ("editor.css", "text/css; charset=utf-8"),
}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Edited:
    """What the page edits."""

    photo: str  # its name, for the title
    jpeg: bytes  # the photo, upright
    file: Path  # of the zones; read when the page opens, replaced when it saves
    saved: Callable[[Zones], None]  # told after each save

    def zones(self) -> dict[str, Any]:
        """The zones of the file as it is now; none where there is no file yet."""
        collection = Zones.read(self.file).to_json() if self.file.exists() else {"features": []}
        return {"photo": self.photo, "file": str(self.file), **collection}

    def save(self, body: bytes) -> dict[str, Any]:
        """Check the zones in a request and write the file; an SktError leaves it as it was."""
        try:
            data = json.loads(body)
        except ValueError as error:
            raise ConfigError(f"the request is no JSON: {error}") from error
        if not isinstance(data, dict):
            raise ConfigError(f"the request holds {type(data).__name__}, expected an object")
        zones = Zones.from_json(data)
        zones.write(self.file)
        self.saved(zones)
        return {"saved": str(self.file), "zones": len(zones.zones)}


class EditorServer:
    """A web server for one page; `serve` runs until `stop`, or Ctrl-C."""

    def __init__(self, edited: Edited, port: int = 0) -> None:
        self._token = secrets.token_urlsafe(24)
        handler = type("Handler", (_Handler,), {"edited": edited, "prefix": f"/{self._token}/"})
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        except (OSError, OverflowError) as error:
            message = f"cannot listen on 127.0.0.1:{port}: {getattr(error, 'strerror', None) or error}"
            raise ConfigError(message, hint="name another --port, or leave it out for a free one") from error
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self._server.server_port}/{self._token}/"

    def serve(self) -> None:
        """Answer until stopped."""
        try:
            self._server.serve_forever(poll_interval=0.1)
        finally:
            self._server.server_close()

    def stop(self) -> None:
        """Let `serve` return; from another thread."""
        self._server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    edited: Edited
    prefix: str
    timeout = PATIENCE
    server_version, sys_version = "skt-zones", ""

    def do_GET(self) -> None:
        place = self._place()
        if place is None:
            return
        if place == "photo.jpg":
            self._answer(HTTPStatus.OK, self.edited.jpeg, "image/jpeg")
        elif place == "zones":
            self._answer_json(self.edited.zones)
        elif place in PAGES:
            name, kind = PAGES[place]
            self._answer(HTTPStatus.OK, (files("sdk") / "zones_page" / name).read_bytes(), kind)
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def do_PUT(self) -> None:
        if (place := self._place()) is None:
            return
        length = self.headers.get("Content-Length", "")
        if place != "zones":
            self._refuse(HTTPStatus.NOT_FOUND)
        elif not length.isdecimal() or int(length) > LARGEST:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            body = self.rfile.read(int(length))
            self._answer_json(lambda: self.edited.save(body))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name; requests are no news
        pass

    def _place(self) -> str | None:
        """The path below the token; None, and a refusal, for whoever does not know it or comes from elsewhere."""
        host = self.headers.get("Host", "")
        if host.rpartition(":")[0] not in LOOPBACK and host not in LOOPBACK:
            self._refuse(HTTPStatus.FORBIDDEN)
            return None
        path = self.path.partition("?")[0]
        if not secrets.compare_digest(path[: len(self.prefix)].encode(), self.prefix.encode()):
            self._refuse(HTTPStatus.NOT_FOUND)
            return None
        return path[len(self.prefix) :]

    def _answer_json(self, make: Callable[[], dict[str, Any]]) -> None:
        """What `make` returns, or the error that it raises."""
        try:
            status, record = HTTPStatus.OK, make()
        except SktError as error:
            status, record = HTTPStatus.UNPROCESSABLE_ENTITY, {"error": dict(error.to_json())}
        self._answer(status, json.dumps(record).encode(), "application/json")

    def _refuse(self, status: HTTPStatus) -> None:
        self.close_connection = True  # what the request holds beyond its head is not read
        self._answer(status, f"{status.value} {status.phrase}\n".encode(), "text/plain")

    def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **HEADERS}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
