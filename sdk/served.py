"""A model behind a server: Triton, OpenVINO Model Server, KServe, or any that speaks the Open Inference Protocol.

    with open_served("http://triton:8000", "plaza.skt") as counter:
        counter.count("photo.jpg")

The server runs the network; padding, tiles, zones and sinks stay here. See docs/serving.md.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any, final
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import numpy as np

from runtimes import Backend, BackendInfo, Output
from runtimes.base import Batch, Grid
from sdk.counter import CountOptions, CrowdCounter
from sdk.errors import BackendError, ConfigError, InferenceError
from sdk.package import Package
from sdk.shipped import DEFAULT_PACKAGE
from sdk.sinks.pauses import Pauses
from sdk.timing import Stopwatch

HEADER = "Inference-Header-Content-Length"  # bytes of JSON, before those of tensors
BUSY = (429, 502, 503, 504)  # answers that may be better next time


def open_served(
    url: str,
    package: str | os.PathLike[str] | None = None,
    *,
    model: str = "",
    timeout_s: float = 10.0,
    patience_s: float = 60.0,
    options: CountOptions | None = None,
) -> CrowdCounter:
    """A counter whose network runs on a server.

    url: of the server, http://HOST:PORT or https://. package: the one that was laid out for it; the shipped one if
    absent. model: its name there, the package's if empty. timeout_s: for one answer. patience_s: how long a server that
    went away, or is busy, is asked again until InferenceError is raised; the first time it has to be there.
    Intervals and states are the package's. Raises ConfigError, ArtifactError, BackendError.
    """
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise ConfigError(f"server {url!r} is no address", hint="http://triton.local:8000")
    package = DEFAULT_PACKAGE if package is None else package
    with Package.open(package) as opened:
        manifest = opened.manifest
    name = model or manifest.name
    server = Server(f"{url.rstrip('/')}/v2/models/{quote(name)}", timeout_s, patience_s)
    backend = ServedBackend(server, name, Grid(manifest.output.stride, manifest.input.multiple))
    return CrowdCounter(package, backend=backend, options=options)


class Server:
    """What is asked of a server, with patience."""

    def __init__(self, model_url: str, timeout_s: float, patience_s: float) -> None:
        self.url = model_url
        self.host = urlsplit(model_url).netloc.rpartition("@")[2]
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._opener = build_opener(ProxyHandler({}))

    def metadata(self) -> dict[str, Any]:
        """What the server says of the model; raises BackendError where it is not there."""
        try:
            found = json.loads(self._once(Request(self.url))[1])  # noqa: S310 - open_served checked the scheme
        except HTTPError as error:
            message = f"server {self.host} has no model at {self.url}: {said(error)}"
            raise BackendError(message, hint="skt-export --layout makes its folder") from error
        except (URLError, OSError) as error:
            raise BackendError(f"server {self.host} cannot be reached: {reason(error)}", hint="is it up?") from error
        except ValueError as error:
            raise BackendError(f"{self.url} answers something else than JSON", hint="is it a model server?") from error
        return dict(found)

    def infer(self, header: dict[str, Any], tensor: bytes) -> tuple[dict[str, Any], bytes]:
        """The JSON and the bytes of an answer; raises InferenceError when patience is over."""
        text = json.dumps(header).encode()
        headers = {HEADER: str(len(text)), "Content-Type": "application/octet-stream"}
        request = Request(f"{self.url}/infer", text + tensor, headers)  # noqa: S310 - as above
        pauses, watch, failures = Pauses(most_s=5.0), Stopwatch(), 0
        while True:
            try:
                answer, body = self._once(request)
                size = int(answer.get(HEADER) or len(body))
                return json.loads(body[:size]), body[size:]
            except (URLError, OSError) as error:
                failures += 1
                self._give_up(error, watch.seconds())
            time.sleep(pauses.after(failures))

    def _once(self, request: Request) -> tuple[Any, bytes]:
        with self._opener.open(request, timeout=self._timeout_s) as answer:
            return answer.headers, answer.read()

    def _give_up(self, error: OSError, seconds: float) -> None:
        if isinstance(error, HTTPError) and error.code not in BUSY:
            raise InferenceError(f"server {self.host} refuses the photo: {said(error)}") from error
        if seconds >= self._patience_s:
            message = f"server {self.host} does not answer for {seconds:.0f} s: {reason(error)}"
            raise InferenceError(message, hint="is it up?") from error


@final
class ServedBackend(Backend):
    """Sends a batch's bytes, and takes the density's."""

    def __init__(self, server: Server, model: str, grid: Grid) -> None:
        found = server.metadata()
        for kind, wanted in (("inputs", "image"), ("outputs", "density")):
            names = [tensor.get("name") for tensor in found.get(kind, [])]
            if wanted not in names:
                message = f"model {model} of server {server.host} has {kind} {names}, expected {wanted}"
                raise BackendError(message, hint="lay the package out with skt-export --layout")
        self._server = server
        version = ",".join(found.get("versions") or [])
        kind = str(found.get("platform") or "server")
        super().__init__(BackendInfo(kind, version, "server", server.host, "as served", None, model), grid)

    def _infer(self, batch: Batch) -> Output:
        size = {"binary_data_size": batch.nbytes}
        image = {"name": "image", "shape": list(batch.shape), "datatype": "UINT8", "parameters": size}
        outputs = [{"name": "density", "parameters": {"binary_data": True}}]
        header, data = self._server.infer({"inputs": [image], "outputs": outputs}, batch.tobytes())
        density = tensor(header, data, "density")
        return Output(density, density.sum((1, 2), dtype=np.float64).astype(np.float32))


def tensor(header: dict[str, Any], data: bytes, name: str) -> Any:
    """A float32 tensor of an answer, as bytes or as numbers; raises InferenceError where it is not there."""
    start = 0
    for output in header.get("outputs", []):
        size = int(output.get("parameters", {}).get("binary_data_size", 0))
        if output.get("name") == name and output.get("datatype") == "FP32":
            values = np.frombuffer(data[start : start + size], "<f4") if size else np.array(output["data"], np.float32)
            return values.reshape(output["shape"])
        start += size
    raise InferenceError(f"the server's answer holds no {name} in FP32", hint="lay the package out anew")


def said(error: HTTPError) -> str:
    """What a server says of its refusal, on one line."""
    text = error.read().decode("utf-8", "replace")
    try:
        text = str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        text = ""
    return f"{error.code} {' '.join(text.split())[:200] or error.reason}"


def reason(error: OSError) -> str:
    """Why there was no answer, on one line."""
    cause = getattr(error, "reason", error)
    return str(getattr(cause, "strerror", None) or cause)
