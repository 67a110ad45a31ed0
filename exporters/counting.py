"""People in a photo, by the fp32 master or by a variant in its engine, as `CrowdCounter` counts it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from exporters.calibration import TILE
from exporters.calibration_choice import Count
from exporters.calibration_photos import Shot
from exporters.calibration_table import CalibrationTable
from exporters.parity import opened
from exporters.quantize import int8_model
from exporters.render import VARIANTS, render
from exporters.sessions import SourceBackend
from runtimes import Backend, Variant
from runtimes.plan import int8_doubt
from runtimes.probe import probe
from sdk.whole import Pieces, whole_density

if TYPE_CHECKING:
    from exporters.source import Source


def master_counter(source: Source) -> AbstractContextManager[Count]:
    """By the fp32 master, in OpenVINO where it is installed: it is the quicker engine."""
    return variant_counter(source, f"{quick_format()}-fp32", None)


@contextmanager
def variant_counter(source: Source, variant_id: str, table: CalibrationTable | None) -> Iterator[Count]:
    """By a variant that is rendered for this."""
    format_, precision, _ = VARIANTS[variant_id]
    variant = Variant(variant_id, format_, precision, stride=source.stride, multiple=source.multiple)
    exact = exact_sums(source, variant, table)
    with exact or opened(variant, render(source.master, variant_id, b"{}", table)) as backend:
        yield counter_of(backend, source)


def exact_sums(source: Source, variant: Variant, table: CalibrationTable | None) -> Backend | None:
    """What answers for an INT8 variant on a CPU whose sums saturate: its graph, node by node; else None.

    It is one graph for ONNX Runtime and OpenVINO, so what it counts stands for both, where they have exact sums.
    """
    if variant.precision != "int8" or variant.format == "tensorrt" or not sums_saturate():
        return None
    assert table is not None
    return SourceBackend(variant, int8_model(source.master, table, "cpu"), None)


def sums_saturate() -> str:
    """Why this CPU's INT8 sums are not those of other devices; empty where they are."""
    return int8_doubt(probe(quick=True))


def quick_format() -> str:
    """The format that a CPU counts quickest in."""
    return "openvino" if find_spec("openvino") is not None else "onnx"


def counter_of(backend: Backend, source: Source) -> Count:
    """By a loaded variant, whole or in tiles."""
    pieces = Pieces(TILE, source.halo, source.multiple, source.stride)

    def count(shot: Shot) -> float:
        return float(whole_density(backend.run, shot.load(), pieces)[0].sum(dtype="float64"))

    return count
