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
#ifdef WITH_CUDA_H
#include <cuda.h>
#else
typedef int CUresult, CUdevice, CUdevice_attribute, CUstreamCaptureMode;
typedef void *CUcontext, *CUstream, *CUevent, *CUgraph, *CUgraphExec;
typedef unsigned long long CUdeviceptr, cuuint64_t;
#endif
static int events;
struct step { CUdeviceptr to, from; size_t size; void (*work)(void); };
struct steps { int count; struct step all[9]; };
static __thread struct steps *recording;
CUresult cuInit(unsigned flags) { return 0; }
CUresult cuDriverGetVersion(int *version) { *version = 12060; return 0; }
CUresult cuDeviceGetCount(int *count) { *count = 1; return 0; }
CUresult cuDeviceGetName(char *name, int size, CUdevice at) { strncpy(name, "Orin", size); return at != 0; }
CUresult cuDeviceGet(CUdevice *device, int at) { *device = at; return at ? 101 : 0; }
static int minor(void) { const char *told = getenv("STAND_IN_MINOR"); return told ? atoi(told) : 7; }  /* 8.7: Orin's */
CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute which, CUdevice device) { *value = which == 75 ? 8 : minor(); return 0; }
CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) { *context = malloc(1); return 0; }
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) { return 0; }
CUresult cuCtxPushCurrent_v2(CUcontext context) { return context ? 0 : 201; }
CUresult cuCtxPopCurrent_v2(CUcontext *context) { return 0; }
CUresult cuStreamCreate(CUstream *stream, unsigned flags) { *stream = malloc(1); return 0; }
CUresult cuStreamSynchronize(CUstream stream) { return 0; }
CUresult cuStreamDestroy_v2(CUstream stream) { free(stream); return 0; }
CUresult cuEventCreate(CUevent *event, unsigned flags) { *event = malloc(1); return 0; }
CUresult cuEventRecord(CUevent event, CUstream stream) { events++; return 0; }
CUresult cuEventSynchronize(CUevent event) { return 0; }
CUresult cuEventElapsedTime(float *ms, CUevent start, CUevent end) { *ms = 0.5f * events; return 0; }
CUresult cuEventDestroy_v2(CUevent event) { free(event); return 0; }
CUresult cuMemAlloc_v2(CUdeviceptr *pointer, size_t size) {
  const char *most = getenv("STAND_IN_MEMORY");  /* bytes at once */
  *pointer = size > (most ? (size_t)atol(most) : 1u << 30) ? 0 : (CUdeviceptr)malloc(size);
  return *pointer ? 0 : 2;
}
CUresult cuMemFree_v2(CUdeviceptr pointer) { free((void *)pointer); return 0; }
CUresult cuMemHostAlloc(void **pointer, size_t size, unsigned flags) { return (*pointer = malloc(size)) ? 0 : 2; }
CUresult cuMemFreeHost(void *pointer) { free(pointer); return 0; }
static CUresult step(CUdeviceptr to, CUdeviceptr from, size_t size, void (*work)(void)) {
  struct step one = {to, from, size, work};
  if (recording) {
    const char *most = getenv("STAND_IN_RECORDS");  /* a driver that records too little */
    if (recording->count < (most ? atoi(most) : 9)) recording->all[recording->count++] = one;
  } else if (work) {
    work();
  } else {
    memcpy((void *)to, (void *)from, size);
  }
  return 0;
}
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t size, CUstream stream) {
  return step(to, (CUdeviceptr)from, size, 0);
}
CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t size, CUstream stream) {
  return step((CUdeviceptr)to, from, size, 0);
}
CUresult cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode) {
  recording = calloc(1, sizeof(struct steps));
  return 0;
}
CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph) {
  *graph = (CUgraph)recording;
  recording = 0;
  return 0;
}
CUresult cuGraphInstantiateWithFlags(CUgraphExec *ready, CUgraph graph, unsigned long long flags) {
  *ready = memcpy(malloc(sizeof(struct steps)), graph, sizeof(struct steps));
  return 0;
}
CUresult cuGraphLaunch(CUgraphExec ready, CUstream stream) {
  struct steps *steps = (struct steps *)ready;
  for (int at = 0; at < steps->count; at++) {
    step(steps->all[at].to, steps->all[at].from, steps->all[at].size, steps->all[at].work);
  }
  return 0;
}
CUresult cuGraphExecDestroy(CUgraphExec ready) { free(ready); return 0; }
CUresult cuGraphDestroy(CUgraph graph) { free(graph); return 0; }
void standInDo(void (*work)(void));
void standInDo(void (*work)(void)) { step(0, 0, 0, work); }  /* of tests/stand_in: in the place of kernels */
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


def compiled(folder: Path, name: str, code: str, *flags: str) -> Path:
    """A shared library of this code, that is found as `name`."""
    assert COMPILER
    (folder / f"{name}.c").write_text(code, "utf-8")
    words = [
        COMPILER,
        *flags,
        "-shared",
        "-fPIC",
        f"-Wl,-soname,{name}",
        "-o",
        str(folder / name),
        str(folder / f"{name}.c"),
    ]
    subprocess.run(words, check=True, capture_output=True)
    return folder / name


def load_without_tensorrt(folder: Path, major: int) -> None:
    """Make the names that the bindings of this TensorRT are linked to known to this process."""
    for kind in ("nvinfer", "nvinfer_plugin", "nvonnxparser"):
        ctypes.CDLL(str(compiled(folder, f"lib{kind}.so.{major}", WITHOUT_TENSORRT)), ctypes.RTLD_GLOBAL)
