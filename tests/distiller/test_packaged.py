"""A package is a starting point for more training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from distiller import checkpoint as store
from distiller.config import TrainConfig
from distiller.packaged import load_start
from distiller.trainer import Trainer
from sdk.errors import ArtifactError
from sdk.package import Package, write_package
from sdk.shipped import DEFAULT_PACKAGE
from tests.sdk.packages import FILES, MANIFEST


def test_training_goes_on_from_the_shipped_package(tiny: TrainConfig) -> None:
    start = load_start(DEFAULT_PACKAGE)
    trainer = Trainer(replace(tiny, architecture="googlenet", n=1, batch_norm=False))
    with Package.open(DEFAULT_PACKAGE) as package:
        golden = package.golden()

    trainer.start_from(start, [])

    with torch.no_grad():
        density = trainer.network.eval()(torch.from_numpy(golden.image)[None])[0]
    torch.testing.assert_close(density, torch.from_numpy(golden.density), rtol=1e-3, atol=1e-4)


def test_a_package_that_does_not_name_its_network_is_refused(tmp_path: Path) -> None:
    write_package(tmp_path / "other.skt", MANIFEST, FILES).close()

    with pytest.raises(ArtifactError, match=r"does not say which network it holds .start from its checkpoint"):
        load_start(tmp_path / "other.skt")


def test_a_checkpoint_folder_is_one_too(tmp_path: Path, tiny: TrainConfig) -> None:
    Trainer(tiny).save(tmp_path / "last", {})

    assert store.architecture_of(load_start(tmp_path / "last")).n == tiny.n
