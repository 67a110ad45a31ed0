"""Planning, on stored machines."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from runtimes import Candidate, Engine, Plan, Request, Variant, plan
from runtimes.errors import ConfigError
from runtimes.plan import arithmetic, int8_doubt
from runtimes.tables import RANKS, READS
from tests.runtimes.machines import (
    NAMES,
    ONNX,
    ONNX_INT8,
    OPENVINO,
    OPENVINO_FP16,
    OPENVINO_INT8,
    PACKAGE,
    discard,
    machine,
)

ON_X86 = ["openvino-int8", "onnx-int8", "openvino-fp32", "openvino-fp16", "onnx-fp32"]
BEST_FIRST = {
    "jetpack62-orin": ["tensorrt-fp16", "onnx-int8", "onnx-fp32"],
    "jetpack7-thor": ["tensorrt-fp16", "onnx-int8", "onnx-fp32"],
    "arm64-cpu": ["onnx-int8", "onnx-fp32", "openvino-int8", "openvino-fp32", "openvino-fp16"],
    "x86-cpu-vnni": ON_X86,
    "x86-rtx": ["tensorrt-fp16"] * 3 + ["onnx-fp32"] * 2 + ON_X86,
    "x86-rtx-old-driver": ON_X86,
    "x86-cpu-avx2": ["openvino-fp32", "openvino-fp16", "onnx-fp32"],
    "n100-igpu": ["openvino-int8", "openvino-fp16", "openvino-fp32", *ON_X86],
    "h200": ["onnx-fp32", *ON_X86],
}


def ids(chosen: Plan) -> list[str]:
    return [candidate.variant.id for candidate in chosen.candidates]


def test_every_stored_machine_has_its_expectation() -> None:
    assert sorted(BEST_FIRST) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_auto_ranks_best_first(name: str) -> None:
    assert ids(plan(PACKAGE, machine(name))) == BEST_FIRST[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_variant_is_chosen_or_discarded_on_every_engine_and_device(name: str) -> None:
    chosen = plan(PACKAGE, machine(name))
    told = [(one.variant, one.engine, one.device) for one in (*chosen.candidates, *chosen.discarded)]
    engines = [engine for known in READS for engine in machine(name).all_of(known)]
    places = [(engine.name, device) for engine in engines for device in engine.devices or ("",)]

    assert sorted(told, key=str) == sorted([(one, *place) for one, place in product(PACKAGE, places)], key=str)


@pytest.mark.parametrize("name", NAMES)
def test_every_discard_has_a_reason_and_a_fix(name: str) -> None:
    for request in (Request(), Request("npu"), Request(backend="tensorrt"), Request(precision="fp16")):
        assert all(item.reason and item.fix for item in plan(PACKAGE, machine(name), request).discarded)


def test_the_same_questions_get_the_same_plan() -> None:
    assert plan(PACKAGE, machine("n100-igpu")) == plan(PACKAGE, machine("n100-igpu"))


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (Request(backend="onnxruntime"), ["onnx-int8", "onnx-fp32"]),
        (Request(precision="fp16"), ["openvino-fp16", "openvino-fp16"]),
        (Request(device="gpu"), ["openvino-int8", "openvino-fp16", "openvino-fp32"]),
        (Request(device="intel:gpu", precision="fp32"), ["openvino-fp32"]),
        (Request(device="cpu"), ON_X86),
        (Request(device="cuda"), []),
        (Request(backend="tensorrt"), []),
        (Request("gpu", "onnxruntime"), []),
    ],
)
def test_an_explicit_request_gets_what_it_names_or_nothing(request_: Request, expected: list[str]) -> None:
    assert ids(plan(PACKAGE, machine("n100-igpu"), request_)) == expected


def test_an_engine_that_is_not_there_says_so() -> None:
    found = discard(plan(PACKAGE, machine("jetpack62-orin")), OPENVINO, "openvino", "")

    assert (found.reason, found.fix) == ("openvino is not installed", "pip install openvino")


def test_an_engine_that_nobody_looked_for_counts_as_absent() -> None:
    bare = replace(machine("x86-cpu-vnni"), engines=())

    assert discard(plan([ONNX], bare), ONNX, "onnxruntime", "").reason == "onnxruntime is not installed"


def test_an_engine_of_another_format_says_what_it_reads() -> None:
    found = discard(plan(PACKAGE, machine("x86-cpu-vnni")), OPENVINO, "onnxruntime")

    assert found.reason == "onnxruntime reads onnx variants, and this one is openvino"


@pytest.mark.parametrize(
    ("variant", "says"),
    [
        (replace(OPENVINO_INT8, gate_passed=None), "was never run"),
        (replace(OPENVINO_INT8, gate_passed=False), "failed"),
    ],
)
def test_auto_takes_no_int8_without_a_passed_gate(variant: Variant, says: str) -> None:
    chosen = plan([variant, OPENVINO], machine("x86-cpu-vnni"), Request(device="cpu"))

    assert ids(chosen) == ["openvino-fp32"]
    assert discard(chosen, variant, "openvino").reason == f"its accuracy gate {says}"


def test_int8_by_name_needs_no_gate() -> None:
    ungated = replace(OPENVINO_INT8, gate_passed=None)

    assert ids(plan([ungated, OPENVINO], machine("x86-cpu-avx2"), Request(precision="int8"))) == ["openvino-int8"]


def test_auto_takes_no_int8_on_an_x86_cpu_without_vnni() -> None:
    found = discard(plan(PACKAGE, machine("x86-cpu-avx2")), ONNX_INT8, "onnxruntime")

    assert found.reason.startswith("int8 sums can saturate on a CPU without VNNI")


def test_an_npu_takes_fixed_sides_only() -> None:
    n100 = machine("n100-igpu")
    npu = replace(n100, engines=tuple(replace(one, devices=("intel:npu",)) for one in n100.engines))
    fixed = replace(OPENVINO_FP16, size=(576, 864))
    chosen = plan([OPENVINO, fixed], npu, Request("npu"))

    assert chosen.candidates == (Candidate(fixed, "openvino", "intel:npu", "fp16"),)
    assert discard(chosen, OPENVINO, "openvino", "intel:npu").reason.startswith("an NPU runs one photo size only")


@pytest.mark.parametrize(
    ("variant", "reason"),
    [
        (replace(ONNX, opset=21), "it needs onnxruntime 1.18 or later, and 1.17.3 is installed"),
        (replace(ONNX, requires=(("onnxruntime", "1.20"),)), "it needs onnxruntime 1.20 or later"),
    ],
)
def test_an_engine_that_is_too_old_says_what_is_needed(variant: Variant, reason: str) -> None:
    old = machine("x86-cpu-vnni")
    old = replace(old, engines=tuple(replace(engine, version="1.17.3") for engine in old.engines))

    assert discard(plan([variant], old), variant, "onnxruntime").reason.startswith(reason)


def test_versions_are_compared_by_number_and_not_by_letter() -> None:
    needs = replace(ONNX, requires=(("onnxruntime", "1.9"), ("openvino", "2030")))

    assert ids(plan([needs], machine("x86-cpu-vnni"))) == ["onnx-fp32"]


def test_a_cpu_computes_in_fp32_what_is_stored_in_fp16() -> None:
    assert [arithmetic("fp16", device) for device in ("cpu", "intel:gpu", "cuda:0")] == ["fp32", "fp16", "fp16"]


def test_torch_serves_a_gpu_that_has_no_other_engine() -> None:
    chosen = plan(PACKAGE, machine("h200"))

    assert chosen.candidates[0] == Candidate(ONNX, "torch", "cuda:0", "fp32")
    assert discard(chosen, ONNX_INT8, "torch", "cuda:0").reason.startswith("torch runs fp32 variants alone")


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_torch_computes_in_what_it_is_asked_for(precision: str) -> None:
    chosen = plan(PACKAGE, machine("h200"), Request("cuda", "torch", precision))

    assert chosen.candidates == (Candidate(ONNX, "torch", "cuda:0", precision),)


def test_torch_on_a_cpu_is_taken_only_when_both_are_named() -> None:
    vnni = machine("x86-cpu-vnni")
    others = tuple(one for one in vnni.engines if one.name != "torch")
    able = replace(vnni, engines=(*others, Engine("torch", "2.13.0", usable=True, devices=("cpu",))))

    assert "torch" not in [one.engine for one in plan(PACKAGE, able, Request("cpu")).candidates]
    assert discard(plan(PACKAGE, able), ONNX, "torch").reason == "torch is slower on a CPU than other engines"
    assert plan(PACKAGE, able, Request("cpu", "torch")).candidates == (Candidate(ONNX, "torch", "cpu", "fp32"),)


def test_bf16_is_computed_by_openvino_on_a_cpu_that_has_it() -> None:
    chosen = plan(PACKAGE, machine("x86-cpu-vnni"), Request(precision="bf16"))

    assert [(one.variant, one.precision) for one in chosen.candidates] == [(OPENVINO, "bf16"), (OPENVINO_FP16, "bf16")]
    assert discard(chosen, ONNX, "onnxruntime").reason == "onnxruntime on cpu does not compute in bf16 in this release"
    assert discard(chosen, OPENVINO_INT8, "openvino").reason == "bf16 was asked for, and this variant is int8"


def test_a_cpu_without_bf16_says_so() -> None:
    chosen = plan(PACKAGE, machine("x86-cpu-avx2"), Request(precision="bf16"))

    assert not chosen.candidates
    assert discard(chosen, OPENVINO, "openvino").reason == "this CPU has no bf16"


@pytest.mark.parametrize(
    ("request_", "one_try"),
    [
        (Request(), False),
        (Request(strict=True), True),
        (Request(strict=False), False),
        (Request(device="cpu"), True),
        (Request(device="cpu", strict=False), False),
    ],
)
def test_what_is_named_is_strict_unless_said_otherwise(request_: Request, one_try: bool) -> None:
    assert request_.one_try is one_try


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"device": "tpu"}, r"unknown device 'tpu'; known: auto, gpu, npu, cpu, cuda, intel:gpu, intel:npu"),
        (
            {"backend": "ort"},
            r"unknown backend 'ort'; known: auto, onnxruntime, openvino, tensorrt, tensorrt-rtx, onnxruntime-tensorrt, torch",
        ),
        ({"precision": "int4"}, r"unknown precision 'int4'; known: auto, fp32, bf16, fp16, int8"),
    ],
)
def test_a_request_for_what_nobody_knows_is_refused(values: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Request(**values)


def test_a_variant_of_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"unknown precision of a variant 'int4'; known: fp32, fp16, int8"):
        Variant("v", "onnx", "int4")


def test_a_variant_of_a_later_format_is_discarded_and_not_an_error() -> None:
    later = Variant("ncnn-fp32", "ncnn", "fp32")
    chosen = plan([later, ONNX], machine("x86-cpu-vnni"))

    assert ids(chosen) == ["onnx-fp32"]
    assert discard(chosen, later, "openvino").reason == "openvino reads openvino variants, and this one is ncnn"


def test_no_place_is_ranked_twice() -> None:
    assert len(set(RANKS)) == len(RANKS)


@pytest.mark.parametrize(("name", "doubted"), [("x86-cpu-avx2", True), ("x86-cpu-vnni", False), ("arm64-cpu", False)])
def test_int8_is_doubted_where_its_sums_saturate(name: str, doubted: bool) -> None:
    assert bool(int8_doubt(machine(name))) == doubted
