"""Between which values each tensor of the master lies on real photos: the one table behind every INT8 variant."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import onnx
from numpy.typing import NDArray

from exporters.calibration_photos import Shot
from exporters.calibration_table import METHODS, TABLE_NAME, CalibrationPhoto, CalibrationTable, master_sha256
from exporters.onnx import INPUT
from exporters.sessions import Session, open_session
from sdk.errors import CalibrationError
from sdk.frame import Image, pad_to_multiple
from sdk.tiling import plan_tiles

__all__ = ["METHODS", "TABLE_NAME", "CalibrationPhoto", "CalibrationTable", "calibrate", "observed_tensors"]

TILE = 2048  # pixels, as CrowdCounter cuts large frames by default
BINS = {"percentile": 2048, "entropy": 128}  # of the histograms, ONNX Runtime's defaults
QUANTISED_BINS = 128

Ranges = dict[str, tuple[float, float]]
Values = dict[str, NDArray[np.float32]]


class Observer(Protocol):
    """Gathers the values of tensors, photo by photo."""

    def see(self, batch: NDArray[np.uint8]) -> None:
        """Run one batch (1, h, w, 3) and keep what matters of it."""

    def ranges(self) -> Ranges:
        """Least and greatest value of each tensor, as the method has it."""


def calibrate(
    master: onnx.ModelProto,
    photos: Sequence[Shot],
    method: str = "minmax",
    *,
    multiple: int,
    sparse: bool = False,
    progress: Callable[[], None] = lambda: None,
) -> CalibrationTable:
    """The table of a master from these photos, which are read one by one, padded as devices do and never resized."""
    if method not in METHODS:
        raise CalibrationError(f"unknown calibration method {method!r}", hint=f"known: {', '.join(METHODS)}")
    if not photos:
        raise CalibrationError("there is no photo to calibrate on", hint="give --calib a folder of photos")
    observer = _observer(master, method)
    for photo in photos:
        for batch in batches(photo.load(), multiple):
            observer.see(batch)
        progress()
    digest = master_sha256(master)
    seen = tuple(CalibrationPhoto(photo.name, photo.sha256, float(f"{photo.counted:.4g}")) for photo in photos)
    return CalibrationTable(digest[:12], digest, method, observer.ranges(), seen, sparse)


def batches(image: Image, multiple: int) -> Iterator[NDArray[np.uint8]]:
    """A photo as batches (1, h, w, 3): whole, and above TILE pixels in parts."""
    padded = pad_to_multiple(image, multiple)
    for tile in plan_tiles(*padded.shape[:2], side=TILE, halo=0, multiple=multiple):
        yield padded[None, tile.rows.low : tile.rows.high, tile.columns.low : tile.columns.high]


def observed_tensors(master: onnx.ModelProto) -> list[str]:
    """What a convolution takes, and what it gives after its Relu where it has one: all that a scheme can quantise."""
    takers: dict[str, set[str]] = {}
    for node in master.graph.node:
        for name in node.input:
            takers.setdefault(name, set()).add(node.op_type)
    found: dict[str, None] = {}  # in the graph's order
    for node in master.graph.node:
        if node.op_type == "Conv":
            found[node.input[0]] = None
        if node.op_type == "Relu" or (node.op_type == "Conv" and takers.get(node.output[0]) != {"Relu"}):
            found[node.output[0]] = None
    if not any(node.op_type == "Conv" for node in master.graph.node):
        raise CalibrationError("the model has no convolution to calibrate", hint="INT8 is for convolutional networks")
    return list(found)


def _observer(master: onnx.ModelProto, method: str) -> Observer:
    kind, _, figure = method.partition("-")
    if method in ("minmax", "moving-minmax"):
        return _Extremes(master, averaged=method == "moving-minmax")
    return _Histograms(master, kind, float(figure or 100))


class _Extremes:
    """The least and greatest values, found inside the graph so that no activation leaves it.

    averaged: the mean of each photo's own extremes, in place of the extremes of all.
    """

    def __init__(self, master: onnx.ModelProto, *, averaged: bool) -> None:
        self._tensors = observed_tensors(master)
        self._session = open_session(_with_extremes(master, self._tensors))
        self._averaged = averaged
        self._seen: list[NDArray[np.float32]] = []  # (tensors, 2) of each batch

    def see(self, batch: NDArray[np.uint8]) -> None:
        answers = self._session.run(None, {INPUT: batch})[-2 * len(self._tensors) :]
        self._seen.append(np.array(answers, np.float32).reshape(-1, 2))

    def ranges(self) -> Ranges:
        all_seen = np.stack(self._seen)
        low, high = all_seen[..., 0], all_seen[..., 1]
        ends = (low.mean(0), high.mean(0)) if self._averaged else (low.min(0), high.max(0))
        return {name: _ends(*pair) for name, *pair in zip(self._tensors, *ends, strict=True)}


class _Histograms:
    """Histograms of every tensor, and a range that leaves out what the method finds dispensable."""

    def __init__(self, master: onnx.ModelProto, kind: str, percentile: float) -> None:
        from onnxruntime.quantization.calibrate import HistogramCollector

        self._tensors = observed_tensors(master)
        self._session: Session = open_session(_with_outputs(master, self._tensors))
        self._collector: Any = HistogramCollector(
            method=kind,
            symmetric=False,
            num_bins=BINS[kind],
            num_quantized_bins=QUANTISED_BINS,
            percentile=percentile,
            scenario="same",
        )

    def see(self, batch: NDArray[np.uint8]) -> None:
        answers = self._session.run(self._tensors, {INPUT: batch})
        with contextlib.redirect_stdout(io.StringIO()):
            self._collector.collect(dict(zip(self._tensors, answers, strict=True)))

    def ranges(self) -> Ranges:
        with contextlib.redirect_stdout(io.StringIO()):
            found = self._collector.compute_collection_result()
        return {name: _ends(*found[name][:2]) for name in self._tensors}


def _ends(low: Any, high: Any) -> tuple[float, float]:
    """A range as plain numbers that float32 holds exactly; it always includes 0, which must have a code of its own."""
    return min(0.0, float(np.float32(low))), max(0.0, float(np.float32(high)))


def _with_outputs(master: onnx.ModelProto, tensors: Sequence[str]) -> onnx.ModelProto:
    """The master with these tensors as further outputs."""
    copy = onnx.ModelProto()
    copy.CopyFrom(master)
    copy.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in tensors)
    return copy


def _with_extremes(master: onnx.ModelProto, tensors: Sequence[str]) -> onnx.ModelProto:
    """The master with the least and greatest value of each of these tensors as further outputs."""
    names = [f"{name}/{end}" for name in tensors for end in ("least", "greatest")]
    copy = _with_outputs(master, names)
    for name in tensors:
        for op, end in (("ReduceMin", "least"), ("ReduceMax", "greatest")):
            copy.graph.node.append(onnx.helper.make_node(op, [name], [f"{name}/{end}"], keepdims=0))
    return copy
