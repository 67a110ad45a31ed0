"""What several test files share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of published labelled sets, where this machine has it."""
    folder = Path(os.environ.get("SKT_DATASETS", Path(__file__).parents[2] / "shared" / "datasets"))
    if not folder.is_dir():
        pytest.skip("not run: no published data sets on this machine (set SKT_DATASETS to their folder)")
    return folder
