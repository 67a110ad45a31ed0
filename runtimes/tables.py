"""What planning knows, as data: engines, devices, which to prefer, and what reads what."""

from __future__ import annotations

AUTO = "auto"
PRECISIONS = ("fp32", "fp16", "int8")  # as stored
ASKED_PRECISIONS = ("fp32", "bf16", "fp16", "int8")  # bf16 is never stored: some CPUs compute floats in it
READS = {  # engine: format
    "onnxruntime": "onnx",
    "openvino": "openvino",
    "tensorrt": "tensorrt",
    "tensorrt-rtx": "tensorrt",
    "onnxruntime-tensorrt": "tensorrt",  # ONNX Runtime with TensorRT as its provider
    "torch": "onnx",
}
DEVICES = ("cpu", "cuda", "intel:gpu", "intel:npu")
ALIASES = {"gpu": ("cuda", "intel:gpu"), "npu": ("intel:npu",)}  # what a request may say for short

# Best first: architecture ("*" for any), engine, device, stored precision. The CPU rows of x86_64 are in the order of
# latency measured on a CPU with VNNI. The others follow vendors' documents and wait for a measurement on the device.
RANKS = (
    ("*", "tensorrt", "cuda", "fp16"),
    ("*", "tensorrt", "cuda", "int8"),
    ("*", "tensorrt", "cuda", "fp32"),
    ("*", "tensorrt-rtx", "cuda", "fp16"),
    ("*", "tensorrt-rtx", "cuda", "int8"),
    ("*", "tensorrt-rtx", "cuda", "fp32"),
    ("*", "onnxruntime-tensorrt", "cuda", "fp16"),
    ("*", "onnxruntime-tensorrt", "cuda", "int8"),
    ("*", "onnxruntime-tensorrt", "cuda", "fp32"),
    ("*", "onnxruntime", "cuda", "fp16"),
    ("*", "onnxruntime", "cuda", "fp32"),
    ("*", "torch", "cuda", "fp16"),
    ("*", "torch", "cuda", "fp32"),
    ("*", "openvino", "intel:gpu", "int8"),
    ("*", "openvino", "intel:gpu", "fp16"),
    ("*", "openvino", "intel:gpu", "fp32"),
    ("x86_64", "openvino", "cpu", "int8"),
    ("x86_64", "onnxruntime", "cpu", "int8"),
    ("x86_64", "openvino", "cpu", "fp32"),
    ("x86_64", "openvino", "cpu", "fp16"),
    ("x86_64", "onnxruntime", "cpu", "fp32"),
    ("x86_64", "onnxruntime", "cpu", "fp16"),
    ("arm64", "onnxruntime", "cpu", "int8"),
    ("arm64", "onnxruntime", "cpu", "fp32"),
    ("arm64", "openvino", "cpu", "int8"),
    ("arm64", "openvino", "cpu", "fp32"),
    ("arm64", "openvino", "cpu", "fp16"),
    ("arm64", "onnxruntime", "cpu", "fp16"),
    ("*", "openvino", "intel:npu", "int8"),
    ("*", "openvino", "intel:npu", "fp16"),
    ("*", "openvino", "intel:npu", "fp32"),
)

# The lowest engine version that reads an ONNX opset; an opset that is not here is left for the engine to judge.
OPSETS = {
    ("onnxruntime", 19): "1.15",
    ("onnxruntime", 20): "1.17",
    ("onnxruntime", 21): "1.18",
    ("tensorrt", 20): "10.0",
    ("tensorrt", 21): "10.13",
    ("tensorrt", 22): "10.13",
}
