"""Every engine of the load table against the one list of cases, in fp32 and in INT8."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runtimes import Candidate, Environment, LoadOptions, Variant, load, probe
from runtimes.load import BACKENDS
from runtimes.tables import READS
from tests.int8_tiny import int8_files
from tests.models import tiny_files
from tests.runtimes.conformance import CASES, Opener

if TYPE_CHECKING:
    from collections.abc import Callable

    from runtimes.base import Backend

FILES = {"fp32": tiny_files, "int8": int8_files}
ON_CPU = [(engine, "cpu", precision) for engine, precision in product(("onnxruntime", "openvino"), FILES)]
ON_GPU = [(engine, "cuda:0", "fp32") for engine in BACKENDS if engine != "openvino"]
PLACES = [*ON_CPU, ("torch", "cpu", "fp32"), *(pytest.param(place, marks=pytest.mark.gpu) for place in ON_GPU)]


@pytest.fixture(scope="session")
def machine() -> Environment:
    return probe()


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where engines that take long to build are kept between the cases."""
    return tmp_path_factory.mktemp("engines")


@pytest.fixture(params=PLACES, ids="-".join)
def opener(request: pytest.FixtureRequest, machine: Environment, kept: Path) -> Opener:
    name, device, precision = request.param
    engines = machine.all_of(name)
    if not any(engine.usable and device in engine.devices for engine in engines):
        pytest.skip(f"not run: {engines[-1].reason or f'{name} has no {device} here'}")
    kind = READS[name]
    variant = Variant(f"{kind}-{precision}", kind, precision, opset=20, gate_passed=True)
    candidate = Candidate(variant, name, device, precision)

    def open_it(options: LoadOptions | None = None) -> Backend:
        if options is None and device != "cpu":
            options = LoadOptions(cache_dir=kept)
        return load(candidate, FILES[precision]()[kind], options)

    return Opener(open_it, name, precision, device)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_engine(case: Callable[[Opener], None], opener: Opener) -> None:
    case(opener)
