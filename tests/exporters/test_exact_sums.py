"""INT8 counted node by node where the CPU's 8-bit sums saturate: as CPUs with VNNI count it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exporters import counting
from exporters.counting import exact_sums, sums_saturate
from exporters.parity import opened
from exporters.quantize import int8_model
from exporters.render import VARIANTS, render
from exporters.sessions import SourceBackend
from exporters.source import Source, open_source
from runtimes import Variant
from sdk.frame import pad_to_multiple
from sdk.package import Package
from sdk.scenes import draw_scene
from sdk.shipped import DEFAULT_PACKAGE, shipped
from tests.runtimes.machines import machine

SAME = 3e-3  # of a count: engines round where the graph does, a code up or down


@pytest.fixture(scope="module")
def source() -> Iterator[Source]:
    with open_source(DEFAULT_PACKAGE) as source:
        yield source


def variant(name: str, source: Source) -> Variant:
    format_, precision, _ = VARIANTS[name]
    return Variant(name, format_, precision, stride=source.stride, multiple=source.multiple)


def on(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Export as on one of the stored environments."""
    monkeypatch.setattr(counting, "probe", lambda **_: machine(name))


@pytest.mark.parametrize(
    ("environment", "name", "exact"),
    [
        ("x86-cpu-avx2", "onnx-int8", True),
        ("x86-cpu-avx2", "openvino-int8", True),
        ("x86-cpu-avx2", "onnx-fp32", False),
        ("x86-cpu-avx2", "tensorrt-int8", False),  # whose source runs node by node anyway
        ("x86-cpu-vnni", "openvino-int8", False),
        ("arm64-cpu", "onnx-int8", False),
    ],
)
def test_int8_is_counted_node_by_node_where_sums_saturate_and_nowhere_else(
    source: Source, monkeypatch: pytest.MonkeyPatch, environment: str, name: str, *, exact: bool
) -> None:
    on(environment, monkeypatch)

    assert isinstance(exact_sums(source, variant(name, source), source.table), SourceBackend) == exact


def node_by_node(source: Source) -> SourceBackend:
    assert source.table is not None
    return SourceBackend(variant("onnx-int8", source), int8_model(source.master, source.table, "cpu"), None)


def test_it_counts_what_the_quick_package_was_recorded_to_count_with_vnni() -> None:
    quick = shipped("quick")
    with open_source(quick) as source, Package.open(quick) as package, node_by_node(source) as backend:
        counted = float(backend.run(package.golden().image[None]).count[0])
        recorded = {one.id: (one.parity or {})["golden_count"] for one in package.manifest.variants}

    assert counted == pytest.approx(recorded["onnx-int8"], rel=SAME)
    assert counted == pytest.approx(recorded["openvino-int8"], rel=SAME)


@pytest.mark.skipif(bool(sums_saturate()), reason="this CPU's 8-bit sums saturate")
@pytest.mark.parametrize("name", ["onnx-int8", "openvino-int8"])
def test_it_counts_as_engines_with_exact_sums_do(source: Source, name: str) -> None:
    photo = pad_to_multiple(draw_scene(3, width=480, height=320, people=60).photo, source.multiple)[None]
    files = render(source.master, name, b"{}", source.table)
    with node_by_node(source) as exact, opened(variant(name, source), files) as engine:
        assert engine.run(photo).count[0] == pytest.approx(float(exact.run(photo).count[0]), rel=SAME)
