"""A small labelled set of drawn scenes, and a network small enough to train in a test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from distiller.augment import Augment
from distiller.config import SetConfig, TrainConfig
from sdk.scenes import draw_scene, save_scenes


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Tests compare tensors bit for bit, and share the machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def drawn_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose set `crowd` has four photos, the last of which a config holds out."""
    folder = tmp_path_factory.mktemp("data")
    scenes = [draw_scene(seed, width=160, height=128, people=people) for seed, people in enumerate((12, 3, 0, 7))]
    save_scenes(folder / "crowd", scenes, names=["one", "two", "empty", "held"])
    return folder


@pytest.fixture
def tiny() -> TrainConfig:
    """A run of a few hundred weights and six steps."""
    crowd = SetConfig("points", "crowd", validation=("held.jpg",))
    return TrainConfig(
        architecture="bl",
        n=64,
        sets={"crowd": crowd},
        augment=Augment(crop=64),
        empty=0.2,
        batch=2,
        steps=6,
        warmup=2,
        decay=2,
        save_every=2,
        validate_every=100,
        device="cpu",
    )


@pytest.fixture(scope="session")
def shared_weights() -> Path:
    """The folder of published starting weights, where this machine has it."""
    folder = Path(os.environ.get("SKT_WEIGHTS", Path(__file__).parents[3] / "shared" / "weights"))
    if not folder.is_dir():
        pytest.skip("not run: no starting weights on this machine (set SKT_WEIGHTS to their folder)")
    return folder
