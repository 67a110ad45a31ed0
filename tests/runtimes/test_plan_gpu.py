"""Planning for NVIDIA GPUs, on stored machines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runtimes import Candidate, Request, Variant, plan
from tests.runtimes.machines import (
    ONNX,
    ONNX_INT8,
    PACKAGE,
    TENSORRT,
    discard,
    machine,
)


def test_a_device_with_a_number_is_that_one_alone() -> None:
    rtx = machine("x86-rtx")
    two = replace(rtx, engines=tuple(replace(one, devices=("cuda:0", "cuda:1")) for one in rtx.engines))
    chosen = plan([TENSORRT], two, Request("cuda:1", "tensorrt"))

    assert chosen.candidates == (Candidate(TENSORRT, "tensorrt", "cuda:1", "fp16"),)


def test_engines_of_a_gpu_come_in_their_order() -> None:
    chosen = plan(PACKAGE, machine("x86-rtx"), Request("cuda"))

    told = [one.engine for one in chosen.candidates]
    assert told == ["tensorrt", "tensorrt-rtx", "onnxruntime-tensorrt", "onnxruntime", "torch"]
    assert {one.device for one in chosen.candidates} == {"cuda:0"}


@pytest.mark.parametrize(
    ("engine", "variant", "reason", "fix"),
    [
        ("tensorrt", TENSORRT, "tensorrt is not installed", "pip install tensorrt; on a Jetson take JetPack's"),
        ("tensorrt-rtx", TENSORRT, "tensorrt-rtx is not installed", "pip install tensorrt-rtx"),
        ("onnxruntime", ONNX, "onnxruntime is built without CUDA", "pip uninstall onnxruntime, then pip install"),
        ("onnxruntime-tensorrt", TENSORRT, "onnxruntime is built without Tensorrt", "pip uninstall onnxruntime"),
    ],
)
def test_an_engine_that_the_gpu_waits_for_says_how_to_install_it(
    engine: str, variant: Variant, reason: str, fix: str
) -> None:
    found = discard(plan(PACKAGE, machine("h200")), variant, engine, "cuda:0")

    assert found.reason.startswith(reason)
    assert found.fix.startswith(fix)


def test_a_driver_that_is_too_old_says_what_is_needed() -> None:
    found = discard(plan(PACKAGE, machine("x86-rtx-old-driver")), TENSORRT, "tensorrt", "cuda:0")

    assert found.reason == "the driver supports CUDA 12.2, and tensorrt 11.4.1 needs a driver for CUDA 13 or later"
    assert found.fix == "update NVIDIA's driver, or install a tensorrt for CUDA 12"


def test_onnx_runtime_takes_no_int8_on_a_gpu() -> None:
    found = discard(plan(PACKAGE, machine("x86-rtx")), ONNX_INT8, "onnxruntime", "cuda:0")

    assert found.reason == "ONNX Runtime has no convolutions in 8 bits on a GPU"
