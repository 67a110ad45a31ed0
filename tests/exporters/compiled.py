"""Small C libraries in the place of NVIDIA's, so that what calls them can be run on any machine with a compiler.

A driver whose GPU is this process's own memory, and libraries without TensorRT in them, with which its real Python
bindings can be imported and looked at.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

DRIVER = r"""
#include <stdlib.h>
#include <string.h>
typedef void *handle;
static int events;
int cuInit(unsigned flags) { return 0; }
int cuDriverGetVersion(int *version) { *version = 12060; return 0; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
int cuDeviceGetName(char *name, int size, int at) { strncpy(name, "Orin", size); return at != 0; }
int cuDeviceGet(int *device, int at) { *device = at; return at ? 101 : 0; }
int cuDeviceGetAttribute(int *value, int which, int device) { *value = which == 75 ? 8 : 7; return 0; }
int cuDevicePrimaryCtxRetain(handle *context, int device) { *context = malloc(1); return 0; }
int cuDevicePrimaryCtxRelease_v2(int device) { return 0; }
int cuCtxSetCurrent(handle context) { return context ? 0 : 201; }
int cuStreamCreate(handle *stream, unsigned flags) { *stream = malloc(1); return 0; }
int cuStreamSynchronize(handle stream) { return 0; }
int cuStreamDestroy_v2(handle stream) { free(stream); return 0; }
int cuEventCreate(handle *event, unsigned flags) { *event = malloc(1); return 0; }
int cuEventRecord(handle event, handle stream) { events++; return 0; }
int cuEventSynchronize(handle event) { return 0; }
int cuEventElapsedTime(float *ms, handle start, handle end) { *ms = 0.5f * events; return 0; }
int cuEventDestroy_v2(handle event) { free(event); return 0; }
int cuMemAlloc_v2(handle *pointer, size_t size) { return (*pointer = size > (1u << 30) ? 0 : malloc(size)) ? 0 : 2; }
int cuMemcpyHtoD_v2(handle to, const void *from, size_t size) { memcpy(to, from, size); return 0; }
int cuMemcpyDtoH_v2(void *to, handle from, size_t size) { memcpy(to, from, size); return 0; }
int cuMemFree_v2(handle pointer) { free(pointer); return 0; }
"""
WITHOUT_TENSORRT = "\n".join(
    f"void *{name}(void) {{ return 0; }}"
    for name in (
        "createInferBuilder_INTERNAL",
        "createInferRefitter_INTERNAL",
        "createInferRuntime_INTERNAL",
        "createNvOnnxParserRefitter_INTERNAL",
        "createNvOnnxParser_INTERNAL",
        "getBuilderPluginRegistry",
        "getNvOnnxParserVersion",
        "getPluginRegistry",
        "initLibNvInferPlugins",
    )
)
COMPILER = shutil.which("cc") or shutil.which("gcc")


def compiled(folder: Path, name: str, code: str) -> Path:
    """A shared library of this code, that is found as `name`."""
    assert COMPILER
    (folder / f"{name}.c").write_text(code, "utf-8")
    words = [COMPILER, "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", str(folder / name), str(folder / f"{name}.c")]
    subprocess.run(words, check=True, capture_output=True)
    return folder / name


def load_without_tensorrt(folder: Path, major: int) -> None:
    """Make the names that the bindings of this TensorRT are linked to known to this process."""
    for kind in ("nvinfer", "nvinfer_plugin", "nvonnxparser"):
        ctypes.CDLL(str(compiled(folder, f"lib{kind}.so.{major}", WITHOUT_TENSORRT)), ctypes.RTLD_GLOBAL)
