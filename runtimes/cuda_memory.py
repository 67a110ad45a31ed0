"""Memory, a stream, events and recorded launches of one GPU through the driver's C interface, and no more than that."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from runtimes.cuda import LIBRARY
from runtimes.errors import InferenceError, OutOfMemory

Handle = ctypes.c_void_p
NO_MEMORY = 2  # the driver's code
APART = 1  # of a stream: it does not wait for the default one
OF_THIS_THREAD = 1  # of recording: what other threads do meanwhile is not looked at


@final
class Buffer:
    """As many bytes on the GPU as in the host's memory, where they are pinned, so that copies need not wait."""

    def __init__(self, address: int, host: NDArray[np.uint8]) -> None:
        self.address = address  # on the GPU
        self.host = host  # (bytes,) uint8


@final
class Gpu:
    """A stream on one GPU, and memory beside it; everything taken is given back at the end.

    It lives in the GPU's primary context, which is the one that TensorRT uses. One thread at a time, in `current`.
    """

    def __init__(self, index: int, library: str = LIBRARY) -> None:
        self._driver = ctypes.CDLL(library)
        self._device, self._context = ctypes.c_int(), Handle()
        self._buffers: list[Buffer] = []
        self._call("cuDeviceGet", ctypes.byref(self._device), index)
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(self._context), self._device)
        self._stream, self._start, self._end = Handle(), Handle(), Handle()
        with self.current():
            self._call("cuStreamCreate", ctypes.byref(self._stream), APART)
            for event in (self._start, self._end):
                self._call("cuEventCreate", ctypes.byref(event), 0)

    @property
    def stream(self) -> int:
        """The stream's handle, as TensorRT takes it."""
        return self._stream.value or 0

    @contextlib.contextmanager
    def current(self) -> Iterator[None]:
        """Within it, what this thread asks of CUDA is asked of this GPU."""
        self._call("cuCtxPushCurrent_v2", self._context)
        try:
            yield
        finally:
            self._call("cuCtxPopCurrent_v2", ctypes.byref(Handle()))

    def buffer(self, size: int) -> Buffer:
        """Memory of this many bytes, at least one."""
        device, host, size = Handle(), Handle(), max(size, 1)
        self._call("cuMemAlloc_v2", ctypes.byref(device), ctypes.c_size_t(size))
        try:
            self._call("cuMemHostAlloc", ctypes.byref(host), ctypes.c_size_t(size), 0)
        except InferenceError:
            self._call("cuMemFree_v2", device)
            raise
        view = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(host.value or 0))
        self._buffers.append(Buffer(device.value or 0, view))
        return self._buffers[-1]

    def free(self, buffer: Buffer) -> None:
        """Give memory back; its host array must not be touched any more."""
        self._buffers.remove(buffer)
        self._call("cuMemFree_v2", Handle(buffer.address))
        self._call("cuMemFreeHost", Handle(buffer.host.ctypes.data))

    def upload(self, buffer: Buffer, size: int) -> None:
        """Let the stream copy the first bytes to the GPU."""
        host = Handle(buffer.host.ctypes.data)
        self._call("cuMemcpyHtoDAsync_v2", Handle(buffer.address), host, ctypes.c_size_t(size), self._stream)

    def download(self, buffer: Buffer, size: int) -> None:
        """Let the stream copy the first bytes from the GPU."""
        host = Handle(buffer.host.ctypes.data)
        self._call("cuMemcpyDtoHAsync_v2", host, Handle(buffer.address), ctypes.c_size_t(size), self._stream)

    def wait(self) -> None:
        """Until the stream's work is done."""
        self._call("cuStreamSynchronize", self._stream)

    def recorded(self, work: Callable[[], None]) -> Handle:
        """What `work` asks of the stream, recorded and not done."""
        graph, ready = Handle(), Handle()
        self._call("cuStreamBeginCapture_v2", self._stream, OF_THIS_THREAD)
        try:
            work()
        finally:
            self._call("cuStreamEndCapture", self._stream, ctypes.byref(graph))
        try:
            self._call("cuGraphInstantiateWithFlags", ctypes.byref(ready), graph, ctypes.c_ulonglong(0))
        finally:
            self._call("cuGraphDestroy", graph)
        return ready

    def replay(self, recorded: Handle) -> None:
        """Let the stream do what was recorded."""
        self._call("cuGraphLaunch", recorded, self._stream)

    def forget(self, recorded: Handle) -> None:
        """Give back what was recorded."""
        self._call("cuGraphExecDestroy", recorded)

    def start_clock(self) -> None:
        """From here on, on the stream."""
        self._call("cuEventRecord", self._start, self._stream)

    def stop_clock(self) -> float:
        """Milliseconds of the stream's work since the clock was started."""
        elapsed = ctypes.c_float()
        self._call("cuEventRecord", self._end, self._stream)
        self._call("cuEventSynchronize", self._end)
        self._call("cuEventElapsedTime", ctypes.byref(elapsed), self._start, self._end)
        return elapsed.value

    def close(self) -> None:
        """Give everything back."""
        with self.current():
            for buffer in list(self._buffers):
                self.free(buffer)
            for event in (self._start, self._end):
                self._call("cuEventDestroy_v2", event)
            self._call("cuStreamDestroy_v2", self._stream)
        self._call("cuDevicePrimaryCtxRelease_v2", self._device)

    def __enter__(self) -> Gpu:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, name: str, *words: Any) -> None:
        code = getattr(self._driver, name)(*words)
        if code == NO_MEMORY:
            message = f"the GPU's memory is used up (CUDA error {code} in {name})"
            raise OutOfMemory(message, hint="count with a smaller tile, or free memory on the GPU")
        if code:
            raise InferenceError(f"CUDA error {code} in {name}", hint="look at dmesg and nvidia-smi")
