"""A run that starts from another run's weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from distiller import checkpoint as store
from distiller.config import TrainConfig
from distiller.data import CropStream, read_sets
from distiller.networks import fused
from distiller.plan import make_plan
from distiller.pretrained import measure_statistics
from distiller.run import STATISTICS_BATCHES, Places, statistics_batches
from distiller.trainer import Trainer
from sdk.errors import ConfigError


@pytest.fixture
def saved(drawn_set: Path, tiny: TrainConfig, tmp_path: Path) -> store.Checkpoint:
    stream = CropStream(read_sets(tiny, drawn_set), tiny)
    trainer = Trainer(tiny)
    trainer.start(stream.batch(0, 8), None)
    trainer.train_step(stream.batch(0, 2))
    trainer.save(tmp_path / "first", {})
    return store.load(tmp_path / "first")


def test_batch_normalisation_is_measured_afresh_and_folded(
    saved: store.Checkpoint, drawn_set: Path, tiny: TrainConfig
) -> None:
    stream = CropStream(read_sets(tiny, drawn_set), tiny)
    batches = [stream.batch(step, 4) for step in range(3)]
    photos = [torch.from_numpy(np.stack([crop.image for crop in batch])) for batch in batches]
    source = store.network_of(saved)
    measure_statistics(source, photos)

    plain = Trainer(replace(tiny, batch_norm=False))
    plain.start_from(saved, batches)

    torch.testing.assert_close(plain.network.eval()(photos[0]), fused(source)(photos[0]))
    assert plain.step == 0


def test_statistics_are_the_mean_over_the_batches(saved: store.Checkpoint) -> None:
    network = store.network_of(saved)
    photos = torch.randint(0, 256, (4, 64, 64, 3), dtype=torch.uint8)

    measure_statistics(network, [photos])

    first = network.frontend[0].norm
    seen = network.frontend[0].conv(network.normalise(photos))
    torch.testing.assert_close(first.running_mean, seen.mean((0, 2, 3)), rtol=1e-3, atol=1e-4)


def test_another_network_is_refused(saved: store.Checkpoint, tiny: TrainConfig) -> None:
    with pytest.raises(ConfigError, match=r"checkpoint to start from holds bl 1/64.*the config asks for bl 1/32"):
        Trainer(replace(tiny, n=32)).start_from(saved, [])


def test_statistics_are_measured_on_scenes_alone(tiny: TrainConfig, drawn_set: Path) -> None:
    config = replace(tiny, empty=0.5)
    crops = CropStream(read_sets(config, drawn_set), config)

    measured = [crop for batch in statistics_batches(crops) for crop in batch]

    assert any(crop.nobody for step in range(STATISTICS_BATCHES) for crop in crops.batch(step, config.batch))
    assert measured
    assert not any(crop.nobody for crop in measured)


def test_a_plan_says_what_it_starts_from_and_needs_no_encoder_then(
    saved: store.Checkpoint, drawn_set: Path, tiny: TrainConfig, tmp_path: Path
) -> None:
    config = replace(tiny, encoder="weights.safetensors")

    assert make_plan(config, Places(drawn_set, start=tmp_path / "first"))["starts_from"] == "first, step 1"
    with pytest.raises(ConfigError, match=r"starts from encoder weights\.safetensors"):
        make_plan(config, Places(drawn_set))
