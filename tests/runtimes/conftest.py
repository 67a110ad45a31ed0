"""What tests of the TensorRT backend share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runtimes.tensorrt_store import SIDECAR
from tests.runtimes.engines import opened


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with an engine in it."""
    cache = tmp_path_factory.mktemp("built")
    opened(cache).close()
    return cache


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    """Where the engine is kept, in a cache of the test's own."""
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    (sidecar,) = tmp_path.glob(f"engines/*/{SIDECAR}")
    return sidecar.parent
