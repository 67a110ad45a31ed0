"""TensorRT and TensorRT-RTX on an NVIDIA GPU: build an engine of the package's strongly typed source, and keep it.

Not verified on a GPU: what was checked without one stands in docs/tensorrt.md.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, final

from runtimes.base import Backend, BackendInfo, Batch, LoadOptions, Output, first_line
from runtimes.blobs import Blob, BlobDamaged, read_blob, write_blob
from runtimes.checks import check_contract, read_file, stored_notes
from runtimes.cuda import gpu_number
from runtimes.cuda_memory import Gpu
from runtimes.errors import BackendError, ConfigError, InferenceError, SktError
from runtimes.tensorrt_build import BuiltPlan, build_plan
from runtimes.tensorrt_check import check_counts, check_size
from runtimes.tensorrt_device import MODULES, find_device, import_tensorrt
from runtimes.tensorrt_engine import Loaded, lane_at, load_engine, tensors_of
from runtimes.tensorrt_lane import Lane
from runtimes.tensorrt_options import default_options
from runtimes.tensorrt_plan import CHECKED, Ready, built_plan, given_plan, kept_plan
from runtimes.tensorrt_rtx import build_rtx_plan
from runtimes.tensorrt_store import KERNELS, PlanKey, add_notes, forget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from runtimes.plan import Candidate


@final
class TensorRtBackend(Backend):
    """An engine with an execution context and a stream for each batch that may be in flight."""

    def __init__(self, candidate: Candidate, files: Mapping[str, bytes], options: LoadOptions) -> None:
        device = find_device(gpu_number(candidate.engine, candidate.device))
        trt = import_tensorrt(MODULES[candidate.engine])
        source = read_file(files, "model.onnx", candidate.variant.id)
        engine = f"{candidate.engine} {trt.__version__}"
        sizes = default_options(candidate.variant.multiple)
        key = PlanKey(hashlib.sha256(source).hexdigest(), device, engine, sizes)
        with contextlib.ExitStack() as stack, _as_load_errors(engine):
            gpus = [stack.enter_context(Gpu(device.index)) for _ in range(options.in_flight)]
            with gpus[0].current():
                ready, loaded = _loaded(trt, source, key, options)
            check_contract(candidate, *tensors_of(loaded))
            lanes = [lane_at(loaded, gpu) for gpu in gpus]
            size = check_size(loaded.profiles, candidate.variant.multiple)
            _check(ready, functools.partial(check_counts, lanes[0].run, source, candidate.variant.precision, size))
            self._gpus = stack.pop_all()
        self._ready: Ready = ready
        self._loaded: Loaded | None = loaded
        self._idle: SimpleQueue[Lane] = SimpleQueue()  # contexts that nobody is using
        for lane in lanes:
            self._idle.put(lane)
        self._kept = False
        notes = (*options.notes, *ready.notes, *stored_notes(candidate))
        info = BackendInfo(
            engine=candidate.engine,
            engine_version=trt.__version__,
            device=candidate.device,
            device_name=device.name,
            precision=candidate.precision,
            threads=None,
            variant=candidate.variant.id,
            cache_hit=ready.cache_hit,
            notes=notes,
            in_flight=options.in_flight,
        )
        super().__init__(info, candidate.variant.grid)

    def _infer(self, batch: Batch) -> Output:
        lane = self._idle.get()
        try:
            return lane.run(batch)
        finally:
            self._idle.put(lane)
            if not self._kept:  # a process that is killed later has them, too
                self._keep_kernels()

    def _release(self) -> None:
        self._keep_kernels()
        while not self._idle.empty():
            self._idle.get().close()
        self._loaded = None  # while its GPU is still open
        self._gpus.close()

    def _keep_kernels(self) -> None:
        """Write down what TensorRT-RTX compiled on this GPU; a folder that cannot be written costs time alone."""
        self._kept = True
        if self._loaded and self._loaded.kernels and self._ready.folder:
            with contextlib.suppress(OSError):
                write_blob(self._ready.folder / KERNELS, Blob(self._loaded.kernels.data()))


def _loaded(trt: Any, source: bytes, key: PlanKey, options: LoadOptions) -> tuple[Ready, Loaded]:
    """The engine that the user named, or the kept one, or one that is built now.

    A kept engine that TensorRT does not load is built again, once.
    """
    build = functools.partial(_build, trt, source, key)
    root = options.cache_dir / "engines" if options.cache_dir else None
    ready = given_plan(options.plan, key) if options.plan else kept_plan(root, key, build)
    try:
        return ready, load_engine(trt, ready.data, _kernels(ready.folder))
    except BackendError as error:
        if options.plan or root is None or ready.folder is None or not ready.cache_hit:
            raise
        forget(ready.folder)
        ready = built_plan(root, key, build, (f"the kept engine does not load, and is built again: {error.message}",))
        return ready, load_engine(trt, ready.data, _kernels(ready.folder))


def _build(trt: Any, source: bytes, key: PlanKey, timings: bytes) -> BuiltPlan:
    if trt.__name__ == "tensorrt":
        return build_plan(trt, source, key.options, timings)
    try:
        return build_rtx_plan(trt, source, key.options, [key.device.compute_capability])
    except ConfigError as error:
        raise BackendError(f"{key.device.name}: {error.message}", hint="ask for backend tensorrt or auto") from error


def _kernels(folder: Path | None) -> bytes:
    """What TensorRT-RTX compiled of a plan before; empty where that is not there, or not whole."""
    try:
        blob = read_blob(folder / KERNELS) if folder else None
    except BlobDamaged:
        return b""
    return blob.data if blob else b""


def _check(ready: Ready, check: Callable[[], None]) -> None:
    """See that the engine counts like its source, once; one that does not is not kept."""
    if ready.checked:
        return
    try:
        check()
    except BackendError:
        if ready.folder:
            forget(ready.folder)
        raise
    if ready.folder:
        with contextlib.suppress(OSError):  # a folder that cannot be written is checked again
            add_notes(ready.folder, {CHECKED: True})


@contextlib.contextmanager
def _as_load_errors(engine: str) -> Iterator[None]:
    """A GPU that fails, or has no memory, or an engine that is not as it should, is a reason to try another."""
    try:
        yield
    except InferenceError as error:
        raise BackendError(error.message, hint=error.hint) from error
    except SktError:
        raise
    except Exception as error:  # what its bindings raise
        raise BackendError(f"{engine} does not load: {first_line(error)}", hint="see skt-doctor") from error
