"""Memory, a stream and events of one GPU through the driver's C interface: what running a plan needs, and no more."""

from __future__ import annotations

import ctypes
from types import TracebackType
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from runtimes.cuda import LIBRARY
from sdk.errors import InferenceError

Handle = ctypes.c_void_p


@final
class Gpu:
    """One GPU's primary context, which is the one that TensorRT uses; everything taken is given back at the end."""

    def __init__(self, index: int, library: str = LIBRARY) -> None:
        self._driver = ctypes.CDLL(library)
        self._device = ctypes.c_int()
        self._memory: list[Handle] = []
        self._call("cuDeviceGet", ctypes.byref(self._device), index)
        context = Handle()
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), self._device)
        self._call("cuCtxSetCurrent", context)
        self._stream, self._start, self._end = Handle(), Handle(), Handle()
        self._call("cuStreamCreate", ctypes.byref(self._stream), 1)  # 1: does not wait for the default stream
        for event in (self._start, self._end):
            self._call("cuEventCreate", ctypes.byref(event), 0)

    @property
    def stream(self) -> int:
        """The stream's handle, as TensorRT takes it."""
        return self._stream.value or 0

    def allocate(self, size: int) -> int:
        """The address of this many bytes."""
        pointer = Handle()
        self._call("cuMemAlloc_v2", ctypes.byref(pointer), ctypes.c_size_t(max(size, 1)))
        self._memory.append(pointer)
        return pointer.value or 0

    def upload(self, address: int, array: NDArray[Any]) -> None:
        """Copy a contiguous array to the device."""
        self._call("cuMemcpyHtoD_v2", Handle(address), array.ctypes.data_as(Handle), ctypes.c_size_t(array.nbytes))

    def download(self, address: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """An array of float32 from the device."""
        array = np.empty(shape, np.float32)
        self._call("cuMemcpyDtoH_v2", array.ctypes.data_as(Handle), Handle(address), ctypes.c_size_t(array.nbytes))
        return array

    def wait(self) -> None:
        """Until the stream's work is done."""
        self._call("cuStreamSynchronize", self._stream)

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
        for pointer in self._memory:
            self._call("cuMemFree_v2", pointer)
        self._memory.clear()
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
        if code := getattr(self._driver, name)(*words):
            raise InferenceError(f"CUDA error {code} in {name}", hint="free memory on the GPU, or name smaller sizes")
