"""The seam, without an engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

from runtimes import Backend, BackendInfo, FakeBackend, LoadOptions, Output
from runtimes.base import Batch, Grid, first_line
from runtimes.errors import ConfigError, InferenceError, InputError, OutOfMemory

ONE = np.zeros((1, 32, 48, 3), np.uint8)


def one_per_cell(batch: Batch) -> np.ndarray:
    return np.ones((len(batch), batch.shape[1] // 8, batch.shape[2] // 8), np.float32)


class Answering(Backend):
    """A backend that gives a fixed answer to any batch."""

    def __init__(self, output: Output) -> None:
        super().__init__(BackendInfo("answering", "1", "cpu", "", "fp32", None, "v"), Grid())
        self._output = output

    def _infer(self, batch: Batch) -> Output:  # noqa: ARG002
        return self._output


def test_a_fake_backend_counts_with_its_function() -> None:
    with FakeBackend(one_per_cell) as backend:
        assert backend.run(ONE).count == pytest.approx([24])


def test_a_fake_backend_has_the_stride_it_is_told() -> None:
    with FakeBackend(lambda batch: batch[:, ::4, ::4, 0], stride=4, multiple=4) as backend:
        assert backend.run(ONE).density.shape == (1, 8, 12)


def test_a_fake_backend_refuses_what_engines_refuse() -> None:
    with FakeBackend(one_per_cell) as backend, pytest.raises(InputError, match=r"these are 33 high, 48 wide .pad with"):
        backend.run(np.zeros((1, 33, 48, 3), np.uint8))


def test_an_error_inside_an_engine_names_the_engine_and_the_batch() -> None:
    def broken(batch: Batch) -> np.ndarray:
        raise RuntimeError("\nno such kernel\n  at line 3")

    with FakeBackend(broken) as backend, pytest.raises(InferenceError) as caught:
        backend.run(ONE)

    assert str(caught.value) == "fake failed on a batch (1, 32, 48, 3): no such kernel"
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_an_error_of_ours_passes_through_as_it_is() -> None:
    def refusing(batch: Batch) -> np.ndarray:
        raise InputError("too dark")

    with FakeBackend(refusing) as backend, pytest.raises(InputError, match=r"^too dark$"):
        backend.run(ONE)


def test_a_density_of_another_shape_is_refused() -> None:
    with (
        FakeBackend(lambda batch: one_per_cell(batch)[:, :2, :2]) as backend,
        pytest.raises(
            InferenceError, match=r"answered density and count of float32 \(1, 2, 2\).*expected float32 \(1, 4, 6"
        ),
    ):
        backend.run(ONE)


def test_a_count_in_double_precision_is_refused() -> None:
    with (
        Answering(Output(one_per_cell(ONE), np.zeros(1))) as backend,
        pytest.raises(InferenceError, match=r"float64 \(1,\); expected"),
    ):
        backend.run(ONE)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_answer_that_is_no_number_is_refused(value: float) -> None:
    with (
        FakeBackend(lambda batch: one_per_cell(batch) * value) as backend,
        pytest.raises(InferenceError, match=r"not finite .variant fake. .use the fp32 variant"),
    ):
        backend.run(ONE)


def test_closing_waits_for_the_run_in_another_thread() -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slow(batch: Batch) -> np.ndarray:
        inside.set()
        go_on.wait(5)
        return one_per_cell(batch)

    backend = FakeBackend(slow)
    runner = threading.Thread(target=backend.run, args=(ONE,))
    closer = threading.Thread(target=backend.close)
    runner.start()
    assert inside.wait(5)
    closer.start()
    closer.join(0.05)
    assert closer.is_alive()
    go_on.set()
    closer.join(5)
    runner.join(5)
    assert not closer.is_alive()


@pytest.mark.parametrize("threads", [0, -1])
def test_threads_below_one_are_refused(threads: int) -> None:
    with pytest.raises(ConfigError, match=rf"threads must be 1 or more, not {threads} .leave it out"):
        LoadOptions(threads=threads)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Exception from src/a.cpp:1:\nException from src/b.cpp:2:\nNo device\n", "No device"),
        ("Exception from src/a.cpp:1:\nCheck 'x' failed at src/b.cpp:2:\nToo many axes", "Too many axes"),
        ("Check 'x' failed at src/b.cpp:2:", "Check 'x' failed at src/b.cpp:2:"),
        ("", "ValueError"),
    ],
)
def test_the_telling_line_of_an_engines_message_is_kept(text: str, line: str) -> None:
    assert first_line(ValueError(text)) == line


def test_a_new_engine_has_one_thing_to_write() -> None:
    assert Backend.__abstractmethods__ == {"_infer"}


ORT_FULL = "Available memory of 1048576 is smaller than requested bytes of 67108864"  # of its pool on a GPU


@pytest.mark.parametrize(
    "error", [MemoryError(), *map(RuntimeError, ("CUDA out of memory. Tried", "bad_alloc", ORT_FULL))], ids=str
)
def test_a_lack_of_memory_has_its_own_error(error: Exception) -> None:
    def full(batch: Batch) -> np.ndarray:
        raise error

    with FakeBackend(full) as backend, pytest.raises(OutOfMemory, match="fake has not enough memory for a batch"):
        backend.run(ONE)


def test_a_fork_after_loading_is_told_and_does_not_hang() -> None:
    code = (
        "import os, numpy as np, sys\n"
        "from runtimes import Candidate, load\n"
        "from tests.models import tiny_files\n"
        "from tests.runtimes.machines import OPENVINO\n"
        "backend = load(Candidate(OPENVINO, 'openvino', 'cpu', 'fp32'), tiny_files()['openvino'])\n"
        "batch = np.zeros((1, 64, 64, 3), np.uint8)\n"
        "backend.run(batch)\n"
        "if child := os.fork():\n"
        "    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "try:\n    backend.run(batch)\n"
        "except Exception as error:\n    print(error, flush=True)\n"
        "os._exit(7)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 7, done.stderr
    assert done.stdout.startswith("this openvino backend was loaded before a fork, and engines do not survive one")


def test_closing_after_a_fork_waits_for_no_thread_of_the_parent() -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(batch: Batch) -> np.ndarray:
        entered.set()
        leave.wait(60)
        return np.zeros((1, 4, 4), np.float32)

    backend = FakeBackend(slow)
    running = threading.Thread(target=backend.run, args=(np.zeros((1, 32, 32, 3), np.uint8),))
    running.start()
    entered.wait(60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork while threads run, which is what this is about
        child = os.fork()
    if not child:
        signal.alarm(20)
        backend.close()
        os._exit(7)

    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    leave.set()
    running.join()

    assert ended == 7
