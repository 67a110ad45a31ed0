"""Turns at an engine, and engines that work on several batches at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from runtimes import Backend, BackendInfo, Candidate, LoadOptions, Output, Variant, load, probe
from runtimes.base import Batch, Grid
from runtimes.errors import ConfigError, InferenceError
from runtimes.lanes import Lanes
from runtimes.tables import READS
from tests.models import tiny_density, tiny_files
from tests.tolerances import DENSITY_ABSOLUTE


class Meeting(Backend):
    """Answers when as many callers as it may have at once are there, which it counts."""

    def __init__(self, in_flight: int) -> None:
        super().__init__(
            BackendInfo("meeting", "0", "cpu", "none", "fp32", None, "none", in_flight=in_flight), Grid(8, 16)
        )
        self._all_here = threading.Barrier(in_flight, timeout=20)
        self.most = 0

    def _infer(self, batch: Batch) -> Output:
        self.most = max(self.most, self._lanes._inside)
        self._all_here.wait()
        density = np.zeros((len(batch), batch.shape[1] // 8, batch.shape[2] // 8), np.float32)
        return Output(density, density.sum(axis=(1, 2)))


@pytest.mark.parametrize("in_flight", [1, 2, 3])
def test_a_backend_works_on_as_many_batches_at_once_as_it_says_and_on_no_more(in_flight: int) -> None:
    backend = Meeting(in_flight)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(backend.run, [np.zeros((1, 16, 16, 3), np.uint8)] * 6))

    assert backend.most == in_flight


def test_closing_waits_for_those_inside_and_turns_away_those_who_wait() -> None:
    lanes, inside, go = Lanes(1), threading.Event(), threading.Event()

    def enter() -> bool:
        with lanes.turn() as entered:
            inside.set()
            return go.wait(20) and entered

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(enter)
        inside.wait(20)
        second, closing = pool.submit(enter), pool.submit(lanes.close)
        assert not second.done() or not second.result()
        assert not closing.done()
        go.set()
        assert (first.result(20), second.result(20), closing.result(20)) == (True, False, True)
    assert not lanes.close()


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_an_engine_answers_several_callers_at_once_each_its_own(engine: str) -> None:
    if not probe().engine(engine).usable:
        pytest.skip(f"not run: {engine} is not usable here")
    kind = READS[engine]
    candidate = Candidate(Variant(f"{kind}-fp32", kind, "fp32", opset=20), engine, "cpu", "fp32")
    draw = np.random.default_rng(3)
    batches = [draw.integers(0, 256, (1, 64, 16 * (1 + at % 5), 3), np.uint8) for at in range(24)]

    with load(candidate, tiny_files()[kind], LoadOptions(threads=2, in_flight=2)) as backend:
        assert backend.info().in_flight == 2
        assert backend.info().threads in (1, 2)  # openvino takes no more than the cores that it may use
        with ThreadPoolExecutor(4) as pool:
            outputs = list(pool.map(backend.run, batches))

    for batch, output in zip(batches, outputs, strict=True):
        np.testing.assert_allclose(output.density, tiny_density(batch), atol=DENSITY_ABSOLUTE, rtol=0)


def test_a_backend_closed_under_its_callers_tells_them() -> None:
    backend = Meeting(1)
    backend.close()

    with pytest.raises(InferenceError, match="this meeting backend is closed"):
        backend.run(np.zeros((1, 16, 16, 3), np.uint8))


def test_nothing_in_flight_is_refused() -> None:
    with pytest.raises(ConfigError, match="in_flight must be 1 or more, not 0"):
        LoadOptions(in_flight=0)
