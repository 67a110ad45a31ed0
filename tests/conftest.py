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


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of the tiny model that really runs, on both engines."""
    pytest.importorskip("openvino", reason="not run: openvino is not installed")
    from tests.tiny_package import write_tiny

    return write_tiny(tmp_path_factory.mktemp("packages") / "tiny.skt")


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compiled models go to a folder of this run, never to the user's."""
    os.environ["SKT_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))
