"""MJPEG: the last picture of each camera, as a stream that every browser shows."""

from __future__ import annotations

import html
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import cv2

from sdk.sinks.base import Health, Sink
from sdk.sinks.errors import SinkError
from sdk.sinks.pictures import PictureSettings, picture_of
from sdk.sinks.reading import Reading
from sdk.sinks.target import Target, settings

PORT = 8090
MOST_VIEWERS = 8
TIMEOUT_S = 10.0  # a viewer that takes no byte for so long is let go
WAIT_S = 5.0  # after so long without a new picture the last is sent again, which finds out who went away
QUALITY = 80


@dataclass(frozen=True, kw_only=True)
class MjpegSettings(PictureSettings):
    """What is shown."""


class Gallery:
    """The last picture of each camera, encoded when the first viewer asks for it."""

    def __init__(self, chosen: MjpegSettings) -> None:
        self._chosen = chosen
        self._last: dict[str, tuple[Reading, bytes]] = {}
        self._news = threading.Condition()
        self.ended = False
        self.shown = 0  # frames so far

    def show(self, reading: Reading) -> None:
        """Take the picture of a reading; one without a frame changes nothing."""
        if reading.result is not None:
            with self._news:
                self._last[reading.camera] = (reading, b"")
                self.shown += 1
                self._news.notify_all()

    def cameras(self) -> list[str]:
        """The names of all cameras with a picture."""
        with self._news:
            return sorted(self._last)

    def end(self) -> None:
        """Let all viewers go."""
        with self._news:
            self.ended = True
            self._news.notify_all()

    def wait(self, camera: str, after: str) -> tuple[str, bytes]:
        """Id and JPEG file of a picture other than `after`, or the same one when none came for a while."""
        with self._news:
            self._news.wait_for(lambda: self.ended or self._last[camera][0].id != after, WAIT_S)
            reading, data = self._last[camera]
            if not data and reading.result is not None:
                picture = picture_of(reading.result, self._chosen)
                data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
                self._last[camera] = (reading, data)
            return reading.id, data


class MjpegServer(ThreadingHTTPServer):
    """Serves a gallery; as many viewers at a time as a small box can bear."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], gallery: Gallery) -> None:
        super().__init__(address, Viewer)
        self.gallery = gallery
        self.places = threading.BoundedSemaphore(MOST_VIEWERS)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A viewer went away; nobody needs to know."""


class Viewer(BaseHTTPRequestHandler):
    """One request: / lists the cameras, /NAME is a camera's stream."""

    server: MjpegServer
    timeout = TIMEOUT_S

    def do_GET(self) -> None:
        """Answer a browser."""
        cameras = self.server.gallery.cameras()
        camera = unquote(urlsplit(self.path).path[1:])
        if not camera:
            links = "".join(f'<p><a href="/{quote(name, safe="")}">{html.escape(name)}</a></p>' for name in cameras)
            self._answer(200, f"<!doctype html><meta charset=utf-8><title>Cameras</title>{links}")
        elif camera not in cameras:
            self._answer(404, "no such camera")
        elif not self.server.places.acquire(blocking=False):
            self._answer(503, f"{MOST_VIEWERS} viewers are here already")
        else:
            try:
                self._stream(camera)
            finally:
                self.server.places.release()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Write no line for every request."""

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, camera: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        last = ""
        while not self.server.gallery.ended:
            last, data = self.server.gallery.wait(camera, last)
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            self.wfile.write(head.encode() + data + b"\r\n")


class MjpegSink(Sink):
    """Shows each reading's frame until it is closed."""

    def __init__(self, name: str, address: tuple[str, int], chosen: MjpegSettings) -> None:
        self._name = name
        self._gallery = Gallery(chosen)
        try:
            self._server = MjpegServer(address, self._gallery)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            message = f"sink {name} cannot listen on {address[0]}:{address[1]}: {reason}"
            raise SinkError(message, hint="name another port, as in mjpeg://:8091") from error
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.2,), name=f"sink {name}", daemon=True
        )
        self._thread.start()

    def send(self, reading: Reading) -> None:
        self._gallery.show(reading)

    def health(self) -> tuple[Health, ...]:
        return (Health(self._name, self._gallery.shown),)

    def close(self) -> None:
        self._gallery.end()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def open_mjpeg(target: Target) -> Sink:
    """mjpeg://HOST:PORT; without HOST on this machine only, because it shows people."""
    port = PORT if target.port is None else target.port
    return MjpegSink(target.name, (target.host or "127.0.0.1", port), settings(MjpegSettings, target))
