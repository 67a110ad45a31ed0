"""ONNX Runtime for graphs that exist only while a package is made: with further outputs, or with twins of layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, final

import numpy as np
import onnx

from runtimes import Backend, BackendInfo, Output, Variant
from runtimes.base import Batch, Grid
from runtimes.cpu import cores, cpu_name


class Session(Protocol):
    """What is used of `onnxruntime.InferenceSession`."""

    def run(self, names: Sequence[str] | None, feeds: dict[str, Any]) -> list[Any]:
        """The outputs of these names, or all."""


@final
class SourceBackend(Backend):
    """A quantised graph in ONNX Runtime, node by node as it is written, with exact sums: TensorRT's source, or INT8 for
    CPUs on one whose 8-bit sums saturate. It answers as an engine with exact 8-bit sums should.
    """

    def __init__(self, variant: Variant, model: onnx.ModelProto, threads: int | None) -> None:
        import onnxruntime

        self._session = open_session(model, optimise=False, threads=threads)
        info = BackendInfo(
            engine="onnxruntime",
            engine_version=f"{onnxruntime.__version__} (node by node)",
            device="cpu",
            device_name=cpu_name(),
            precision=variant.precision,
            threads=threads or cores(),
            variant=variant.id,
            notes=("the graph as it is written, not as an engine fuses it",),
        )
        super().__init__(info, Grid(variant.stride, variant.multiple))

    def _infer(self, batch: Batch) -> Output:
        density, count = self._session.run(["density", "count"], {"image": batch})
        return Output(np.asarray(density), np.asarray(count))


def open_session(model: onnx.ModelProto, *, optimise: bool = True, threads: int | None = None) -> Session:
    """The model on this machine's CPU, on all cores if threads is absent.

    optimise: let ONNX Runtime fuse nodes. Not for INT8 between fp16: version 1.32 fuses those to a model that counts
    almost nobody.
    """
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads or cores()
    settings.log_severity_level = 3
    if not optimise:
        settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session: Session = onnxruntime.InferenceSession(
        model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )
    return session
