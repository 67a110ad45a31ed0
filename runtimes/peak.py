"""How fast an engine's own convolutions run here: what a network's speed is held against.

Chains of convolutions that suit engines: 3x3, channels that fill vector units, maps that stay in the cache. They run in
the code that runs a network's own layers; a matrix product of numpy reaches half of that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from runtimes.checks import import_engine
from runtimes.errors import ConfigError
from runtimes.peak_onnx import chain

PRECISIONS = ("fp32", "int8")
Run = Callable[[], object]


@dataclass(frozen=True)
class Chain:
    """Convolutions one after the other, all of the same size."""

    channels: int
    side: int  # of the map, in cells
    layers: int = 8

    @property
    def macs(self) -> int:
        """Multiply-adds of one run."""
        return self.layers * 9 * self.channels**2 * self.side**2


CHAINS = (Chain(64, 96), Chain(128, 48))  # which of them is the faster differs by engine and precision


def convolutions(engine: str, precision: str, threads: int, of: Chain) -> Run:
    """A function that runs the chain once, on so many threads of the CPU."""
    if engine not in OPENERS or precision not in PRECISIONS:
        message = f"convolutions of {engine} in {precision} cannot be measured"
        raise ConfigError(message, hint=f"known: {', '.join(OPENERS)}; {', '.join(PRECISIONS)}")
    model = chain(of.channels, of.side, of.layers, int8=precision == "int8")
    return OPENERS[engine](model, threads, np.zeros((1, of.channels, of.side, of.side), np.float32))


def _onnxruntime(model: bytes, threads: int, photo: np.ndarray) -> Run:
    ort = import_engine("onnxruntime")
    settings = ort.SessionOptions()
    settings.intra_op_num_threads, settings.log_severity_level = threads, 3
    session = ort.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"image": photo})


def _openvino(model: bytes, threads: int, photo: np.ndarray) -> Run:
    openvino = import_engine("openvino")
    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    request = core.compile_model(core.read_model(model), "CPU", settings).create_infer_request()
    request.set_input_tensor(openvino.Tensor(photo))
    run: Run = request.infer
    return run


OPENERS: dict[str, Callable[[bytes, int, np.ndarray], Run]] = {"onnxruntime": _onnxruntime, "openvino": _openvino}
