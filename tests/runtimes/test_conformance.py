"""Every engine of the load table against the one list of cases, in fp32 and in INT8."""

from __future__ import annotations

from itertools import product
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
CASES_OF = [pair for pair in product(BACKENDS, FILES) if pair != ("torch", "int8")]  # torch runs floats alone


@pytest.fixture(scope="session")
def machine() -> Environment:
    return probe()


@pytest.fixture(params=CASES_OF, ids="-".join)
def opener(request: pytest.FixtureRequest, machine: Environment) -> Opener:
    name, precision = request.param
    engine = machine.engine(name)
    if not engine.usable:
        pytest.skip(f"not run: {engine.reason}")
    kind = READS[name]
    variant = Variant(f"{kind}-{precision}", kind, precision, opset=20, gate_passed=True)
    candidate = Candidate(variant, name, "cpu", precision)

    def open_it(options: LoadOptions | None = None) -> Backend:
        return load(candidate, FILES[precision]()[kind], options)

    return Opener(open_it, name, precision)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_engine(case: Callable[[Opener], None], opener: Opener) -> None:
    case(opener)
