"""Real receivers on free ports of this machine."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from typing_extensions import Self

Answer = tuple[int, dict[str, str]]


def wait_for(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """The condition's first true answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := condition():
            return answer
        time.sleep(0.01)
    pytest.fail(f"not within {seconds} s")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@dataclass
class Post:
    """A request that the web server got."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return str(json.loads(self.body)["id"])


@dataclass
class WebServer:
    """Answers each POST as `answer` says, given the request's number; a status of 0 cuts the connection."""

    answer: Callable[[int], Answer] = lambda _: (204, {})
    port: int = 0
    posts: list[Post] = field(default_factory=list)  # all that came
    taken: list[Post] = field(default_factory=list)  # those answered with success

    def __enter__(self) -> Self:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                owner.handle(self)

            def handle(self) -> None:
                with suppress(ConnectionError):  # a sender that is killed resets the connection
                    super().handle()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers["Content-Length"])
        body = request.rfile.read(length)
        if len(body) < length:  # its sender is gone
            request.close_connection = True
            return
        post = Post(request.path, dict(request.headers), body)
        status, headers = self.answer(len(self.posts))
        self.posts.append(post)
        if status == 0:
            request.close_connection = True
            request.connection.shutdown(socket.SHUT_RDWR)
            return
        if 200 <= status < 300:
            self.taken.append(post)
        request.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            request.send_header(name, value)
        request.end_headers()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def ids(self) -> list[str]:
        """Ids taken, each once, in the order of their first arrival."""
        return list(dict.fromkeys(post.id for post in self.taken))


class Mosquitto:
    """A broker that can be stopped and started again on the same port."""

    def __init__(self, folder: Path, *lines: str) -> None:
        self.port = free_port()
        self.config = folder / "mosquitto.conf"
        self.log = folder / "mosquitto.log"
        anonymous = (
            "allow_anonymous true" if not any("password_file" in line for line in lines) else "allow_anonymous false"
        )
        listener = f"listener {self.port} 127.0.0.1\nuser root\n{anonymous}\n"
        self.config.write_text(listener + "\n".join(lines) + "\n")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([broker_program(), "-c", str(self.config)], stdout=log, stderr=log)
        wait_for(self._listens)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


def broker_program() -> str:
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        pytest.skip("not run: mosquitto is not installed (apt-get install mosquitto)")
    return program
