"""Real servers that behave like cameras, good and bad ones, on free ports of this machine."""

from __future__ import annotations

import base64
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import pytest

from sdk.frame import Image
from tests.sinks.servers import free_port

if TYPE_CHECKING:
    from typing_extensions import Self

SYSTEM_PYTHON = "/usr/bin/python3"
SCRIPT = Path(__file__).with_name("rtsp_server.py")
NEEDED = (
    "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst, GstRtspServer; "
    "Gst.init(None); exit(any(Gst.ElementFactory.find(name) is None for name in ('x264enc', 'rtph264pay', 'jpegenc')))"
)
PACKAGES = "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base, -good and -ugly"


def require_rtsp_server() -> None:
    """Skip the test where GStreamer's RTSP server is not installed."""
    there = (
        shutil.which(SYSTEM_PYTHON)
        and not subprocess.run([SYSTEM_PYTHON, "-c", NEEDED], capture_output=True, check=False).returncode
    )
    if not there:
        pytest.skip(f"not run: GStreamer's RTSP server is not installed (apt-get install {PACKAGES})")


class RtspCamera:
    """GStreamer's RTSP server, which can be killed, started again, stopped in its tracks and let go on."""

    def __init__(self, *options: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self._options = options
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/live"

    def start(self) -> Self:
        command = [SYSTEM_PYTHON, str(SCRIPT), str(self.port), *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        return self

    def stall(self) -> None:
        """It keeps its connections, and says nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def grow(self) -> None:
        """Its pictures double in width and height, within the connection."""
        assert self._process is not None
        self._process.send_signal(signal.SIGUSR1)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()


class TalkingServer:
    """Says the same to everybody who connects, and closes; `None`: says nothing and keeps the connection."""

    def __init__(self, answer: bytes | None, port: int = 0) -> None:
        self.called = threading.Event()
        self._answer = answer
        self._server = socket.create_server(("127.0.0.1", port))
        self.port = int(self._server.getsockname()[1])
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while True:
            try:
                visitor, _ = self._server.accept()
            except OSError:
                return
            self._open.append(visitor)
            self.called.set()
            if self._answer is not None:
                with suppress(OSError):
                    visitor.recv(65_536)
                    visitor.sendall(self._answer)
                    visitor.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()
        for visitor in self._open:
            visitor.close()


Pictures = Callable[[int], "Image | bytes | None"]  # the number of a picture -> it, raw bytes, or None to hang up


class HttpCamera:
    """Motion JPEG over HTTP, as many cameras have it; `login` is user:password."""

    def __init__(self, pictures: Pictures, *, fps: float = 20.0, login: str = "", path: str = "/video") -> None:
        owner = self
        self.visits = 0
        self._pause = 1 / fps
        self._pictures = pictures
        self._login = login
        self._ended = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            timeout = 5

            def do_GET(self) -> None:
                if self.path != path:
                    self.send_error(404)
                elif login and self.headers["Authorization"] != owner.expected():
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                    self.end_headers()
                else:
                    with suppress(OSError):
                        owner.show(self)

            def log_message(self, *arguments: object) -> None:
                """Write nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False  # closing waits for the viewers' threads
        self.url = f"http://127.0.0.1:{self._server.server_port}{path}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def expected(self) -> str:
        return f"Basic {base64.b64encode(self._login.encode()).decode()}"

    def show(self, viewer: BaseHTTPRequestHandler) -> None:
        self.visits += 1
        viewer.send_response(200)
        viewer.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        viewer.end_headers()
        number = 0
        while not self._ended.is_set():
            picture = self._pictures(number)
            if picture is None:
                return
            data = picture if isinstance(picture, bytes) else cv2.imencode(".jpg", picture)[1].tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            viewer.wfile.write(head.encode() + data + b"\r\n")
            number += 1
            time.sleep(self._pause)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The files of a folder behind an address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
