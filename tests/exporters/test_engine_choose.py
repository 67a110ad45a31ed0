"""Which variants are built, and which engine is chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporters.engine_choose import Contender, Measured, choose, variants_to_build
from exporters.parity import Case
from sdk.errors import BackendError
from sdk.manifest import Manifest
from tests.exporters.engine_package import PASSED, entry, shipped_manifest

RIGHT = Case((1, 576, 864, 3), (60.0,), (60.1,), 0.01)
WRONG = Case((1, 576, 864, 3), (60.0,), (48.0,), 0.01)


def contender(
    precision: str, ms: float, case: Case = RIGHT, *, gated: bool = True, explicit: bool = False
) -> Contender:
    variant = entry(precision, gate=PASSED if gated else None)
    return Contender(variant, Measured({"576x864": ms}, case), explicit=explicit)


def with_engines(*precisions: str) -> Manifest:
    manifest = shipped_manifest()
    return replace(manifest, variants=(*manifest.variants, *map(entry, precisions)))


def test_the_faster_engine_is_chosen() -> None:
    assert choose([contender("fp16", 3.0), contender("int8", 2.0)]).variant.precision == "int8"
    assert choose([contender("fp16", 2.0), contender("int8", 3.0)]).variant.precision == "fp16"


def test_the_time_of_all_sizes_counts() -> None:
    slow_at_large = Contender(entry("int8", gate=PASSED), Measured({"a": 1.0, "b": 9.0}, RIGHT))
    even = Contender(entry("fp16"), Measured({"a": 3.0, "b": 4.0}, RIGHT))

    assert choose([slow_at_large, even]) is even


def test_an_engine_that_counts_unlike_its_source_is_not_chosen() -> None:
    chosen = choose([contender("int8", 1.0, WRONG), contender("fp16", 3.0)])

    assert chosen.variant.precision == "fp16"
    assert (
        contender("int8", 1.0, WRONG).doubt
        == "on this device it counts 48.00 for 60.00, and a cell is off by 0.01 people"
    )


def test_int8_without_a_passed_gate_is_chosen_only_by_name() -> None:
    assert choose([contender("int8", 1.0, gated=False), contender("fp16", 3.0)]).variant.precision == "fp16"
    assert choose([contender("int8", 1.0, gated=False, explicit=True)]).variant.precision == "int8"


def test_where_none_may_be_used_each_reason_is_told() -> None:
    with pytest.raises(
        BackendError, match=r"tensorrt-int8: its accuracy gate was never passed; tensorrt-fp16: on this"
    ):
        choose([contender("int8", 1.0, gated=False), contender("fp16", 1.0, WRONG)])


def test_fp16_and_int8_are_built_where_nothing_is_named() -> None:
    found = variants_to_build(with_engines("fp32", "int8", "fp16"))

    assert [variant.id for variant in found] == ["tensorrt-fp16", "tensorrt-int8"]
    assert [variant.id for variant in variants_to_build(with_engines("fp32"))] == ["tensorrt-fp32"]


def test_what_is_named_is_built_once() -> None:
    found = variants_to_build(with_engines("fp32", "fp16"), ("fp32", "fp32"))

    assert [variant.id for variant in found] == ["tensorrt-fp32"]


def test_a_package_without_what_is_needed_is_told() -> None:
    held = ", ".join(variant.id for variant in shipped_manifest().variants)
    with pytest.raises(BackendError, match=rf"no TensorRT variant \(it holds {held}\) \(make one with skt-export -m"):
        variants_to_build(shipped_manifest())
    with pytest.raises(BackendError, match=r"no TensorRT variant in int8 \(it has fp16, fp32\)"):
        variants_to_build(with_engines("fp32", "fp16"), ("int8",))
