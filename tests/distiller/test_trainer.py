"""Training: the same whether interrupted or not, and stopped before weights that are no numbers are kept."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from distiller import checkpoint as store
from distiller.config import SetConfig, TrainConfig
from distiller.data import CropStream, prefetch, read_sets
from distiller.folder import RunFolder
from distiller.run import Places, train, train_from
from distiller.schedule import learning_rate
from distiller.trainer import Trainer
from sdk.errors import ArtifactError, BackendError, ConfigError, InferenceError


def fresh_trainer(config: TrainConfig, stream: CropStream) -> Trainer:
    trainer = Trainer(config)
    trainer.start(stream.batch(0, 8), None)
    return trainer


def take_steps(trainer: Trainer, stream: CropStream, last: int) -> list[float]:
    return [trainer.train_step(batch) for batch in prefetch(stream, range(trainer.step, last))]


def state(trainer: Trainer, path: Path) -> dict[str, torch.Tensor]:
    trainer.save(path, {})
    return store.load(path).tensors


@pytest.mark.parametrize("settings", [{}, {"batch_norm": False, "autocast": "off"}, {"objective": "density-mse"}])
def test_a_resumed_run_is_an_unbroken_one_bit_for_bit(
    drawn_set: Path, tiny: TrainConfig, tmp_path: Path, settings: dict[str, object]
) -> None:
    config = replace(tiny, **settings)
    stream = CropStream(read_sets(config, drawn_set), config)
    unbroken = fresh_trainer(config, stream)
    losses = take_steps(unbroken, stream, 6)

    first = fresh_trainer(config, stream)
    before = take_steps(first, stream, 3)
    first.save(tmp_path / "last", {})
    second = Trainer(config)
    second.resume(store.load(tmp_path / "last"))
    after = take_steps(second, stream, 6)

    assert before + after == losses
    expected, found = state(unbroken, tmp_path / "a"), state(second, tmp_path / "b")
    assert expected.keys() == found.keys()
    assert [key for key, value in expected.items() if not torch.equal(value, found[key])] == []


@pytest.mark.parametrize("objective", ["bayesian", "density-mse"])
def test_training_lowers_the_loss(drawn_set: Path, tiny: TrainConfig, objective: str) -> None:
    config = replace(tiny, n=16, steps=60, objective=objective, batch=4, lr=3e-3)
    stream = CropStream(read_sets(config, drawn_set), config)
    losses = take_steps(fresh_trainer(config, stream), stream, 60)

    assert sum(losses[-15:]) < sum(losses[:15])


def test_a_loss_that_is_no_number_stops_and_names_the_photos(drawn_set: Path, tiny: TrainConfig) -> None:
    config = replace(tiny, empty=0.0, batch=40)
    stream = CropStream(read_sets(config, drawn_set), config)
    trainer = fresh_trainer(config, stream)
    torch.nn.init.constant_(trainer.network.head[-1].bias, float("nan"))

    with pytest.raises(InferenceError, match=r"loss is nan at step 0, on crops of .*crowd/one\.jpg"):
        trainer.train_step(stream.batch(0, 40))


def test_a_gradient_that_is_no_number_leaves_the_weights_as_they_were(drawn_set: Path, tiny: TrainConfig) -> None:
    stream = CropStream(read_sets(tiny, drawn_set), tiny)
    trainer = fresh_trainer(tiny, stream)
    torch.nn.init.constant_(trainer.network.head[-1].weight, 1e30)
    torch.nn.init.zeros_(trainer.network.head[-2].norm.weight)
    torch.nn.init.constant_(trainer.network.head[-2].norm.bias, 1e-30)
    before = [parameter.detach().clone() for parameter in trainer.network.parameters()]

    with pytest.raises(InferenceError, match="gradient norm is inf at step 0, on crops of "):
        trainer.train_step(stream.batch(0, 2))

    assert all(torch.equal(one, two) for one, two in zip(before, trainer.network.parameters(), strict=True))


def test_a_run_that_fails_keeps_its_last_good_checkpoint(drawn_set: Path, tiny: TrainConfig, tmp_path: Path) -> None:
    folder, places = RunFolder(tmp_path / "run"), Places(drawn_set)
    train(tiny, folder, places, io.StringIO())
    saved = store.load(folder.path / "last")
    broken = store.Checkpoint({**saved.tensors, "model.head.2.bias": torch.tensor([float("nan")])}, saved.facts)

    with pytest.raises(InferenceError, match="the last checkpoint is kept"):
        train_from(broken, replace(tiny, steps=20), folder, places, io.StringIO())

    assert all(torch.equal(store.load(folder.path / "last").tensors[key], saved.tensors[key]) for key in saved.tensors)


def test_a_run_without_held_out_photos_has_no_scores(drawn_set: Path, tiny: TrainConfig, tmp_path: Path) -> None:
    config = replace(tiny, sets={"crowd": SetConfig("points", "crowd")})

    assert train(config, RunFolder(tmp_path / "run"), Places(drawn_set), io.StringIO())["validation"] == {}


def test_the_learning_rate_rises_stays_and_falls(tiny: TrainConfig) -> None:
    config = replace(tiny, steps=20, warmup=4, decay=5, lr=1.0)

    assert [learning_rate(config, step) for step in (0, 1, 3, 4, 15, 16, 19)] == pytest.approx(
        [0.25, 0.5, 1, 1, 1, 0.8, 0.2]
    )


def test_a_cosine_falls_from_the_warm_up_to_nearly_nothing(tiny: TrainConfig) -> None:
    config = replace(tiny, schedule="cosine", steps=24, warmup=4, lr=1.0)

    assert [learning_rate(config, step) for step in (0, 1, 4, 9, 14, 19)] == pytest.approx(
        [0.25, 0.5, 1, 0.853553, 0.5, 0.146447], rel=1e-5
    )
    assert 0 < learning_rate(config, 23) < 0.01


def test_a_checkpoint_of_another_network_is_not_resumed(tiny: TrainConfig, tmp_path: Path) -> None:
    Trainer(tiny).save(tmp_path / "last", {})

    with pytest.raises(
        ConfigError, match="the checkpoint holds bl 1/64 with batch normalisation, the config asks for bl 1/32"
    ):
        Trainer(replace(tiny, n=32)).resume(store.load(tmp_path / "last"))


def test_a_checkpoint_without_what_training_needs_is_not_resumed(tiny: TrainConfig, tmp_path: Path) -> None:
    Trainer(tiny).save(tmp_path / "last", {})
    saved = store.load(tmp_path / "last")
    weights_only = store.Checkpoint(saved.group("ema"), saved.facts)

    with pytest.raises(ArtifactError, match="the checkpoint cannot be resumed"):
        Trainer(tiny).resume(weights_only)


def test_a_crop_that_the_network_cannot_take_is_refused(tiny: TrainConfig) -> None:
    with pytest.raises(ConfigError, match=r"setting augment.crop is 72, expected a multiple of 16"):
        Trainer(replace(tiny, augment=replace(tiny.augment, crop=72)))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA GPU")
def test_a_gpu_that_is_not_there_is_refused(tiny: TrainConfig) -> None:
    with pytest.raises(BackendError, match="device cuda was asked for, and PyTorch finds no CUDA GPU"):
        Trainer(replace(tiny, device="cuda"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="not run: no CUDA GPU")
def test_a_step_on_the_gpu_is_a_step_on_the_cpu(drawn_set: Path, tiny: TrainConfig) -> None:
    losses = []
    for device in ("cpu", "cuda"):
        config = replace(tiny, device=device, autocast="off")
        stream = CropStream(read_sets(config, drawn_set), config)
        losses.append(take_steps(fresh_trainer(tiny, stream), stream, 1))

    assert losses[0] == pytest.approx(losses[1], rel=1e-2)


def test_the_last_convolution_can_take_smaller_steps(drawn_set: Path, tiny: TrainConfig) -> None:
    stream = CropStream(read_sets(tiny, drawn_set), tiny)
    trainer = fresh_trainer(replace(tiny, last_lr=0.1), stream)

    trainer.train_step(stream.batch(0, 2))

    trunk, last = trainer.optimizer.param_groups
    assert last["lr"] == pytest.approx(0.1 * trunk["lr"])
    assert [parameter.shape[0] for parameter in last["params"]] == [1, 1]
