"""Every engine of the load table against the one list of cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runtimes import Candidate, Environment, LoadOptions, Variant, load, probe
from runtimes.load import BACKENDS
from runtimes.tables import READS
from tests.models import tiny_files
from tests.runtimes.conformance import CASES, Opener

if TYPE_CHECKING:
    from collections.abc import Callable

    from runtimes.base import Backend


@pytest.fixture(scope="session")
def machine() -> Environment:
    return probe()


@pytest.fixture(params=BACKENDS)
def opener(request: pytest.FixtureRequest, machine: Environment) -> Opener:
    engine = machine.engine(request.param)
    if not engine.usable:
        pytest.skip(f"not run: {engine.reason}")
    kind = READS[engine.name]
    candidate = Candidate(Variant(f"{kind}-fp32", kind, "fp32", opset=20), engine.name, "cpu", "fp32")

    def open_it(options: LoadOptions | None = None) -> Backend:
        return load(candidate, tiny_files()[kind], options)

    return Opener(open_it, engine.name)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_engine(case: Callable[[Opener], None], opener: Opener) -> None:
    case(opener)
