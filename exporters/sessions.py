"""ONNX Runtime for graphs that exist only while a package is made: with further outputs, or with twins of layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import onnx

from runtimes.cpu import cores


class Session(Protocol):
    """What is used of `onnxruntime.InferenceSession`."""

    def run(self, names: Sequence[str] | None, feeds: dict[str, Any]) -> list[Any]:
        """The outputs of these names, or all."""


def open_session(model: onnx.ModelProto, *, optimise: bool = True) -> Session:
    """The model on all cores of this machine's CPU.

    optimise: let ONNX Runtime fuse nodes. Not for INT8 between fp16: version 1.32 fuses those to a model that counts
    almost nobody.
    """
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = cores()
    settings.log_severity_level = 3
    if not optimise:
        settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session: Session = onnxruntime.InferenceSession(
        model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )
    return session
