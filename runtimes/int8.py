"""Whether a model is stored in 8 bits, and whether an engine really computes it so: read back, never assumed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtimes.checks import agree
from runtimes.errors import ArtifactError, BackendError
from runtimes.onnx_nodes import nodes, stored_in_8_bits, whole_in_8_bits

if TYPE_CHECKING:
    from runtimes.plan import Candidate

CONVOLUTIONS = ("Convolution", "GroupConvolution")  # what OpenVINO calls them
OF_8_BITS = ("i8", "u8")
CHAIN = 8  # operations between a stored weight and its convolution, at most


@dataclass(frozen=True)
class Stored:
    """The quantised convolutions of a model, as its file has them."""

    in_8_bits: int  # by their weights
    expected: int  # that the engine can run so; the others give floats, which some engines compute in float


def checked(stored: Stored, running: int, candidate: Candidate) -> tuple[int, int]:
    """Convolutions that run in 8 bits, and how many are stored so.

    Refuses fewer than the engine can run, a model that runs none so, and one that has none.
    """
    if not stored.in_8_bits:
        message = f"variant {candidate.variant.id} is said to be int8, and none of its convolutions is stored in 8 bits"
        raise ArtifactError(message, hint="export the package again", variant=candidate.variant.id)
    if running < (least := max(1, stored.expected)):
        agree("this many convolutions in 8 bits:", least, running, candidate)
    return running, stored.in_8_bits


def openvino_stored(model: Any) -> int:
    """Convolutions of a read model whose weights are 8-bit numbers, or are made such by a FakeQuantize."""
    return sum(_has_8_bit_weights(op) for op in model.get_ops() if op.get_type_name() in CONVOLUTIONS)


def openvino_running(compiled: Any) -> int:
    """Convolutions that a compiled model computes in 8 bits, as its own runtime graph says."""
    layers = (op.get_rt_info() for op in compiled.get_runtime_model().get_ops())
    told = [tuple(about[key].value for key in ("layerType", "runtimePrecision")) for about in layers]
    return sum(kind in CONVOLUTIONS and precision in OF_8_BITS for kind, precision in told)


def onnxruntime_running(optimised: bytes) -> int:
    """Convolutions between integers in a graph that ONNX Runtime has optimised."""
    return sum(node.kind == "QLinearConv" for node in nodes(optimised))


def onnxruntime_stored(model: bytes) -> Stored:
    """What ONNX Runtime can run in 8 bits: convolutions that both take and give 8-bit numbers."""
    return Stored(len(stored_in_8_bits(model)), len(whole_in_8_bits(model)))


@contextmanager
def optimised_graph(settings: Any, candidate: Candidate) -> Iterator[Path]:
    """Where a session of ONNX Runtime with these settings leaves its optimised graph."""
    try:
        with tempfile.TemporaryDirectory(prefix="skt-int8-") as folder:
            path = Path(folder, "optimised.onnx")
            settings.optimized_model_filepath = str(path)
            yield path
    except OSError as error:
        message = f"what onnxruntime makes of {candidate.variant.id} cannot be read back: {error.strerror or error}"
        raise BackendError(message, hint="free space in the folder for temporary files (TMPDIR)") from error


def _has_8_bit_weights(convolution: Any) -> bool:
    op = convolution.input_value(1).get_node()
    for _ in range(CHAIN):
        if op.get_type_name() == "FakeQuantize":
            return True
        if op.get_type_name() == "Constant":
            return op.get_element_type().get_type_name() in OF_8_BITS
        op = op.input_value(0).get_node()
    return False
