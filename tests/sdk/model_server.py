"""A model server on a free port that speaks the Open Inference Protocol (V2) with binary tensors, and counts."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.models import tiny_density

if TYPE_CHECKING:
    from typing_extensions import Self

HEADER = "Inference-Header-Content-Length"


@dataclass
class ModelServer:
    """Serves the tiny model; each of `refusals` is the status of a request that it does not answer, in order."""

    model: str = "tiny"
    binary: bool = True  # how it answers; a server may choose
    refusals: list[int] = field(default_factory=list)
    outputs: tuple[str, ...] = ("density", "count")
    compute: Callable[[np.ndarray], np.ndarray] = tiny_density
    port: int = 0
    asked: list[tuple[bytes, int]] = field(default_factory=list)  # bodies, and bytes of JSON in them

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def metadata(self) -> dict[str, Any]:
        outputs = [{"name": name, "datatype": "FP32"} for name in self.outputs]
        return {"name": self.model, "versions": ["1"], "platform": "onnxruntime_onnx",
                "inputs": [{"name": "image", "datatype": "UINT8"}], "outputs": outputs}  # fmt: skip

    def answer(self, body: bytes, size: int) -> tuple[bytes, int]:
        """The body of an answer, and how many bytes of it are JSON."""
        [image] = json.loads(body[:size])["inputs"]
        assert image["parameters"]["binary_data_size"] == len(body) - size
        density = self.compute(np.frombuffer(body[size:], np.uint8).reshape(image["shape"])).astype("<f4")
        output = {"name": self.outputs[0], "datatype": "FP32", "shape": list(density.shape)}
        data = density.tobytes() if self.binary else b""
        output |= {"parameters": {"binary_data_size": len(data)}} if data else {"data": density.ravel().tolist()}
        text = json.dumps({"model_name": self.model, "outputs": [output]}).encode()
        return text + data, len(text)

    def __enter__(self) -> Self:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                known = self.path == f"/v2/models/{owner.model}"
                said = owner.metadata() if known else {"error": f"Request for unknown model: '{self.path}'"}
                self.say(200 if known else 404, json.dumps(said).encode(), None)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                owner.asked.append((body, int(self.headers[HEADER])))
                if owner.refusals:
                    self.say(owner.refusals.pop(0), b'{"error": "not now"}', None)
                else:
                    self.say(200, *owner.answer(*owner.asked[-1]))

            def say(self, status: int, body: bytes, size: int | None) -> None:
                self.send_response(status)
                if size is not None and owner.binary:
                    self.send_header(HEADER, str(size))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                """Write nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
