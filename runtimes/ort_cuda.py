"""ONNX Runtime on an NVIDIA GPU: its CUDA and TensorRT execution providers, and batches in the GPU's memory.

Not verified on a GPU: what was checked without one stands in docs/tensorrt.md.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any, final

import numpy as np

from runtimes.base import Batch, LoadOptions, Output
from runtimes.cuda import gpu_number
from runtimes.errors import BackendError
from runtimes.tensorrt_options import INPUT, OUTPUTS, default_options

if TYPE_CHECKING:
    from runtimes.plan import Candidate

CUDA, TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"
PROVIDERS = {"onnxruntime": CUDA, "onnxruntime-tensorrt": TENSORRT}  # engine: provider on a GPU
INSTALL = "pip install 'onnxruntime-gpu[cuda,cudnn]', in the place of onnxruntime"

Provider = tuple[str, dict[str, str]]  # name, options


def cuda_providers(ort: Any, candidate: Candidate, options: LoadOptions) -> list[Provider]:
    """The provider that was planned; beside TensorRT's that of CUDA, for what TensorRT leaves over. Never the CPU's."""
    name = PROVIDERS[candidate.engine]
    index = str(gpu_number(candidate.engine, candidate.device))
    if name not in ort.get_available_providers():
        message = f"this onnxruntime {ort.__version__} is built without {name}"
        raise BackendError(message, hint=INSTALL, device=candidate.device)
    with contextlib.redirect_stdout(sys.stderr):  # where it prints what it does not find
        getattr(ort, "preload_dlls", lambda: None)()  # CUDA's libraries from pip, where they are; since 1.21
    cuda = (CUDA, {"device_id": index, "use_tf32": "0"})
    if name == CUDA:
        return [cuda]
    return [(TENSORRT, {"device_id": index, **tensorrt_options(candidate, options)}), cuda]


def tensorrt_options(candidate: Candidate, options: LoadOptions) -> dict[str, str]:
    """One profile for all sizes of one photo, so that new sizes build no new engine; types are those of the file."""
    bucket = default_options(candidate.variant.multiple).buckets[-1]
    ranges = {"min": bucket.profile.least, "opt": bucket.profile.best, "max": bucket.profile.most}
    told = {f"trt_profile_{name}_shapes": f"{INPUT}:{'x'.join(map(str, shape))}" for name, shape in ranges.items()}
    if options.cache_dir is None:
        return told
    folder = str(options.cache_dir / "onnxruntime-tensorrt")
    kept = {"trt_engine_cache_path": folder, "trt_timing_cache_path": folder}
    return {**told, "trt_engine_cache_enable": "1", "trt_timing_cache_enable": "1", **kept}


@final
class Bound:
    """One caller's place at a session: photos go to the device's memory once, and nothing but answers comes back."""

    def __init__(self, ort: Any, session: Any, device: tuple[str, int], most: int | None = None) -> None:
        self._ort, self._session = ort, session
        self._device = device  # cuda and its number
        self._most = most  # photos at once; None: any number
        self._image: Any = None
        self._binding: Any = None

    def run(self, batch: Batch) -> Output:
        """Density and count of photos (n, h, w, 3) uint8 BGR."""
        most = self._most or len(batch)
        parts = [self._piece(batch[start : start + most]) for start in range(0, len(batch), most)]
        return Output(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def _piece(self, batch: Batch) -> list[Any]:
        if self._image is None or tuple(self._image.shape()) != batch.shape:
            empty = self._ort.OrtValue.ortvalue_from_shape_and_type
            self._image = empty(batch.shape, np.uint8, *self._device)
            self._binding = self._session.io_binding()
            self._binding.bind_ortvalue_input(INPUT, self._image)
            for name in OUTPUTS:
                self._binding.bind_output(name, *self._device)
        self._image.update_inplace(batch)
        self._session.run_with_iobinding(self._binding)
        return list(self._binding.copy_outputs_to_cpu())
