"""One caller's place at an engine of TensorRT: an execution context, a stream, and pinned memory."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any, final

import numpy as np

from runtimes.base import Batch, Floats, Output
from runtimes.cuda_memory import Buffer, Gpu, Handle
from runtimes.errors import InferenceError
from runtimes.tensorrt_listen import last_words
from runtimes.tensorrt_options import INPUT, OUTPUTS, Profile, choose_profile, sizes_of

REPEATS = 3  # runs of one size before its launches are recorded

log = logging.getLogger(__name__)


@final
class Lane:
    """Runs batches one after the other. The launches of a size that comes again and again are recorded and replayed."""

    def __init__(
        self, context: Any, gpu: Gpu, profiles: Sequence[Profile], errors: list[str], *, record: bool = True
    ) -> None:
        self._context, self._gpu, self._profiles, self._errors = context, gpu, profiles, errors
        self._buffers: dict[str, Buffer] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}  # of what the context is set for
        self._profile = -1
        self._runs = 0  # of this size
        self._record = record
        self._recorded: Handle | None = None

    def run(self, batch: Batch) -> Output:
        """Density and count of photos (n, h, w, 3) uint8 BGR, in pieces where the engine takes fewer at once."""
        at = self.profile(batch.shape[1], batch.shape[2])
        most = self._profiles[at].most[0]
        with self._gpu.current():
            parts = [self._piece(batch[start : start + most], at) for start in range(0, len(batch), most)]
        return Output(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def milliseconds(self, batch: Batch, warm_up: int = 10, runs: int = 50) -> float:
        """The median of repeated runs on the device, copies left out."""
        with self._gpu.current():
            self._fit(batch.shape, self.profile(batch.shape[1], batch.shape[2]))
            for _ in range(warm_up):
                self._execute()
            self._gpu.wait()
            return float(np.median([self._timed() for _ in range(runs)]))

    def profile(self, height: int, width: int) -> int:
        """The number of the engine's profile for photos of this size."""
        found = choose_profile(self._profiles, height, width)
        if found is None:
            known = sizes_of(self._profiles)
            message = f"this engine takes no photos {height} high, {width} wide; it is built for {known}"
            hint = "build one for them with skt-export build-engine --size, or count with a smaller tile"
            raise InferenceError(message, hint=hint, height=height, width=width)
        return found

    def close(self) -> None:
        """Give back the context; the memory goes back with the GPU's stream."""
        self._forget_recorded()
        self._context = None

    def _piece(self, batch: Batch, at: int) -> tuple[Floats, Floats]:
        self._fit(batch.shape, at)
        np.copyto(self._buffers[INPUT].host[: batch.size].reshape(batch.shape), batch)
        if self._recorded is not None:
            self._gpu.replay(self._recorded)
        else:
            self._launch()
        self._gpu.wait()
        density, count = (self._answer(name) for name in OUTPUTS)
        self._runs += 1
        if self._record and self._runs == REPEATS:
            self._try_to_record([density, count])
        return density, count

    def _fit(self, shape: tuple[int, ...], at: int) -> None:
        """Set the context for batches of this shape, with memory for what it takes and answers."""
        if self._shapes.get(INPUT) == shape:
            return
        self._forget_recorded()
        self._shapes, self._runs = {}, 0
        context = self._context
        if at != self._profile:
            context.set_optimization_profile_async(at, self._gpu.stream)
            self._gpu.wait()
            self._profile = at
        if not context.set_input_shape(INPUT, shape):
            raise InferenceError(f"the engine does not take a batch of {shape}: {last_words(self._errors)}")
        shapes = {name: tuple(context.get_tensor_shape(name)) for name in OUTPUTS}
        self._place(INPUT, math.prod(shape))
        for name, sides in shapes.items():
            self._place(name, math.prod(sides) * np.dtype(np.float32).itemsize)
        self._shapes = {INPUT: shape, **shapes}

    def _place(self, name: str, size: int) -> None:
        """Memory of at least this size for one tensor; what is large enough stays."""
        held = self._buffers.get(name)
        if held is None or len(held.host) < size:
            if held is not None:
                self._gpu.free(self._buffers.pop(name))
            self._buffers[name] = self._gpu.buffer(size)
        context = self._context
        context.set_tensor_address(name, self._buffers[name].address)

    def _launch(self) -> None:
        self._gpu.upload(self._buffers[INPUT], math.prod(self._shapes[INPUT]))
        self._execute()
        for name in OUTPUTS:
            self._gpu.download(self._buffers[name], self._answer_view(name).nbytes)

    def _execute(self) -> None:
        context = self._context
        if not context.execute_async_v3(self._gpu.stream):
            raise InferenceError(f"the engine does not run: {last_words(self._errors)}")

    def _timed(self) -> float:
        self._gpu.start_clock()
        self._execute()
        return self._gpu.stop_clock()

    def _answer_view(self, name: str) -> Floats:
        shape = self._shapes[name]
        size = math.prod(shape) * np.dtype(np.float32).itemsize
        answer: Floats = self._buffers[name].host[:size].view(np.float32).reshape(shape)
        return answer

    def _answer(self, name: str) -> Floats:
        return np.array(self._answer_view(name))

    def _try_to_record(self, answered: list[Floats]) -> None:
        """Record the launches, and keep that only if a replay answers what was answered without."""
        try:
            self._recorded = self._gpu.recorded(self._launch)
            self._spoil()
            self._gpu.replay(self._recorded)
            self._gpu.wait()
            same = all(map(np.array_equal, answered, map(self._answer_view, OUTPUTS)))
            why = "" if same else "a replay answered otherwise"
        except InferenceError as error:
            why = error.message
        if why:
            log.warning("launches of TensorRT are not recorded on this GPU: %s", why)
            self._forget_recorded()
            self._record = False

    def _spoil(self) -> None:
        """Overwrite all memory but the photo in the host's, so that only a replay of everything gives its answer."""
        for name, buffer in self._buffers.items():
            held = buffer.host.copy()
            buffer.host.fill(255)  # which is no number, as float
            self._gpu.upload(buffer, len(buffer.host))
            self._gpu.wait()
            if name == INPUT:
                buffer.host[:] = held

    def _forget_recorded(self) -> None:
        if self._recorded is not None:
            with self._gpu.current():
                self._gpu.forget(self._recorded)
        self._recorded = None
