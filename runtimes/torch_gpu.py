"""PyTorch on an NVIDIA GPU: runs the package's master, model.onnx, translated operation by operation.

For GPUs without TensorRT. Not verified on a GPU; on a CPU, where it is for trying alone, it answers as others do.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, final

from runtimes.base import Backend, BackendInfo, Batch, LoadOptions, Output, first_line
from runtimes.checks import check_contract, import_engine, read_file, stored_notes
from runtimes.cpu import cores, cpu_name
from runtimes.errors import BackendError
from runtimes.onnx_graph import Graph, read_graph
from runtimes.torch_graph import TorchGraph

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runtimes.plan import Candidate

DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
CAPTURED = 4  # sizes of batches whose launches are kept as one CUDA graph each


@final
class TorchBackend(Backend):
    """A translated graph; on a GPU the launches of each of the last sizes are recorded once and replayed."""

    def __init__(self, candidate: Candidate, files: Mapping[str, bytes], options: LoadOptions) -> None:
        torch = import_engine("torch")
        model = read_file(files, "model.onnx", candidate.variant.id)
        graph = _read(model, candidate)
        self._torch, self._device = torch, _device(torch, candidate)
        if candidate.device == "cpu":
            torch.set_num_threads(options.threads or cores())
        else:
            torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False  # fp32 is fp32
        self._run: Any = TorchGraph(torch, graph, self._device, getattr(torch, DTYPES[candidate.precision]))
        self._captured: OrderedDict[tuple[int, ...], Captured] = OrderedDict()
        super().__init__(_info(torch, self._device, candidate, options), candidate.variant.grid)

    def _infer(self, batch: Batch) -> Output:
        with self._torch.inference_mode():
            image = self._torch.from_numpy(batch)
            if self._device.type == "cpu":
                density, count = self._run(image)
            else:
                density, count = self._replayed(image)
            return Output(density.cpu().numpy().copy(), count.cpu().numpy().copy())

    def _replayed(self, image: Any) -> tuple[Any, Any]:
        shape = tuple(image.shape)
        if shape not in self._captured:
            while len(self._captured) >= CAPTURED:
                self._captured.popitem(last=False)
            self._captured[shape] = Captured(self._torch, self._run, image, self._device)
        self._captured.move_to_end(shape)
        return self._captured[shape].run(image)

    def _release(self) -> None:
        self._captured.clear()
        self._run = None


class Captured:
    """The launches for one size of batch, from a pinned buffer to fixed places on the GPU."""

    def __init__(self, torch: Any, run: TorchGraph, image: Any, device: Any) -> None:
        self._pinned = torch.empty(image.shape, dtype=torch.uint8, pin_memory=True)
        self._input = torch.zeros(image.shape, dtype=torch.uint8, device=device)
        stream = torch.cuda.Stream(device)
        with torch.cuda.stream(stream):
            run(self._input)  # what is chosen and allocated on a first run must not be recorded
        stream.synchronize()
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._answer = run(self._input)

    def run(self, image: Any) -> tuple[Any, Any]:
        """Density and count, where the recorded launches leave them."""
        self._pinned.copy_(image)
        self._input.copy_(self._pinned, non_blocking=True)
        self._graph.replay()
        return self._answer


def _read(model: bytes, candidate: Candidate) -> Graph:
    try:
        graph = read_graph(model)
    except Exception as error:
        message = f"torch cannot load variant {candidate.variant.id}: it is no ONNX file: {first_line(error)}"
        raise BackendError(message, hint="check the package with skt-doctor") from error
    made = {name for operation in graph.operations for name in operation.outputs}
    taken = {name for operation in graph.operations for name in operation.inputs if name}
    inputs = sorted(taken - made - set(graph.weights))
    check_contract(candidate, inputs, sorted(made & {"density", "count"}))
    return graph


def _device(torch: Any, candidate: Candidate) -> Any:
    try:
        device = torch.device(candidate.device)
        torch.zeros(1, device=device)
    except Exception as error:
        message = f"torch does not run on {candidate.device}: {first_line(error)}"
        raise BackendError(
            message, hint="install torch for CUDA, or ask for device cpu", device=candidate.device
        ) from error
    return device


def _info(torch: Any, device: Any, candidate: Candidate, options: LoadOptions) -> BackendInfo:
    on_cpu = device.type == "cpu"
    return BackendInfo(
        engine="torch",
        engine_version=torch.__version__,
        device=candidate.device,
        device_name=cpu_name() if on_cpu else torch.cuda.get_device_name(device),
        precision=candidate.precision,
        threads=torch.get_num_threads() if on_cpu else None,
        variant=candidate.variant.id,
        notes=(*options.notes, *stored_notes(candidate)),
    )
