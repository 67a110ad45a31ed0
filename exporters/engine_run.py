"""A plan on its device: what it answers, and how long it takes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporters.engine_cuda import Gpu
from exporters.engine_listen import log_of
from exporters.engine_options import INPUT, OUTPUTS, EngineOptions
from runtimes import Output
from sdk.errors import BackendError, InferenceError

WARM_UP, RUNS = 10, 50


class PlanRunner:
    """A plan that is loaded on a GPU."""

    def __init__(self, trt: Any, plan: bytes, options: EngineOptions, gpu: Gpu) -> None:
        self._log = log_of(trt)
        self._options = options
        self._gpu = gpu
        runtime = trt.Runtime(self._log)
        self._runtime = runtime
        engine = runtime.deserialize_cuda_engine(plan)
        if engine is None:
            told = " ".join(" ".join(self._log.errors).split())[:300]
            raise BackendError(f"TensorRT does not load the plan: {told}", hint="build it again with --rebuild")
        self._engine = engine
        self._context = engine.create_execution_context()

    def run(self, batch: NDArray[np.uint8]) -> Output:
        """Density and count of photos (n, h, w, 3) uint8 BGR."""
        answers = self._bind(np.ascontiguousarray(batch))
        self._enqueue()
        self._gpu.wait()
        density, count = (self._gpu.download(address, shape) for address, shape in answers)
        return Output(density, count)

    def milliseconds(self, batch: NDArray[np.uint8]) -> float:
        """The median of repeated runs on the device, copies left out."""
        self._bind(np.ascontiguousarray(batch))
        for _ in range(WARM_UP):
            self._enqueue()
        self._gpu.wait()
        return float(np.median([self._timed() for _ in range(RUNS)]))

    def _timed(self) -> float:
        self._gpu.start_clock()
        self._enqueue()
        return self._gpu.stop_clock()

    def _bind(self, batch: NDArray[np.uint8]) -> list[tuple[int, tuple[int, ...]]]:
        """Tell the context where input and outputs are; addresses and shapes of the outputs."""
        context = self._context
        context.set_optimization_profile_async(self._profile(batch.shape), self._gpu.stream)
        self._gpu.wait()
        if not context.set_input_shape(INPUT, batch.shape):
            raise InferenceError(f"the plan does not take a batch of {batch.shape}", hint="build it for that size")
        address = self._gpu.allocate(batch.nbytes)
        self._gpu.upload(address, batch)
        context.set_tensor_address(INPUT, address)
        answers = []
        for name in OUTPUTS:
            shape = tuple(context.get_tensor_shape(name))
            answers.append((self._gpu.allocate(4 * int(np.prod(shape))), shape))
            context.set_tensor_address(name, answers[-1][0])
        return answers

    def _enqueue(self) -> None:
        context = self._context
        if not context.execute_async_v3(self._gpu.stream):
            told = " ".join(" ".join(self._log.errors).split())[:300]
            raise InferenceError(f"the plan does not run: {told}", hint="build it again with --rebuild")

    def _profile(self, shape: tuple[int, ...]) -> int:
        for at, bucket in enumerate(self._options.buckets):
            if bucket.holds(shape):
                return at
        known = ", ".join(bucket.name for bucket in self._options.buckets)
        raise InferenceError(f"no profile holds a batch of {shape}", hint=f"the engine is built for {known}")
