"""Training with a teacher: what is learned from it, and that nothing of it is trained, resumed wrongly or exported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from distiller import checkpoint as store
from distiller.augment import Crop, empty_crop
from distiller.config import TeacherConfig, TrainConfig
from distiller.data import CropStream, read_sets
from distiller.objectives import batch_loss
from distiller.taps import run_tapped
from distiller.teacher import digest, load_teacher
from distiller.trainer import Trainer
from distiller.transfer import inter_layer, intra_layer, pooled, soft_target
from sdk.errors import ArtifactError, ConfigError
from tests.distiller.test_taps import Own
from tests.students import save_student, student
from tests.tolerances import EXACT

ALL = TeacherConfig(soft=0.3, intra=2.0, inter=5.0, autocast="off")
FAMILIES = ["bl", "csrnet", "densenet169", "resnet50", "sanet"]


@pytest.fixture
def config(tiny: TrainConfig) -> TrainConfig:
    """A student that learns from a teacher, in exact arithmetic."""
    return replace(tiny, teacher=ALL, batch_norm=False, autocast="off", empty=0.0)


@pytest.fixture
def stream(config: TrainConfig, drawn_set: Path) -> CropStream:
    return CropStream(read_sets(config, drawn_set), config)


def started(config: TrainConfig, stream: CropStream, teacher: nn.Module | None) -> Trainer:
    trainer = Trainer(config, teacher)
    trainer.start(stream.batch(0, 8), None)
    return trainer


def images(crops: list[Crop]) -> torch.Tensor:
    return torch.stack([torch.from_numpy(crop.image) for crop in crops])


@pytest.mark.parametrize("taps", ["full", "pooled"])
def test_the_loss_is_the_weighted_sum_of_its_parts(config: TrainConfig, stream: CropStream, taps: str) -> None:
    config = replace(config, teacher=replace(ALL, taps=taps))
    teacher, crops = student("csrnet", batch_norm=False), stream.batch(0, 2)
    trainer = started(config, stream, teacher)
    with torch.no_grad():
        own, taught = run_tapped(trainer.network.train(), images(crops)), run_tapped(teacher, images(crops))
        maps, targets = (pooled(one.maps) if taps == "pooled" else one.maps for one in (own, taught))
        maps = [adapt(one) for adapt, one in zip(trainer.task.adapters, maps, strict=True)]
        densities = ([*maps, own.density[:, None]], [*targets, taught.density[:, None]])
        expected = [
            batch_loss(own.density, crops, config),
            0.3 * soft_target(own.density, taught.density),
            2 * intra_layer(maps, targets),
            5 * inter_layer(*densities),
        ]

    loss = trainer.train_step(crops)

    assert list(trainer.parts.values()) == pytest.approx([part.item() for part in expected], rel=EXACT * 10)
    assert loss == pytest.approx(sum(trainer.parts.values()))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_student_learns_from_a_teacher_of_any_family(config: TrainConfig, stream: CropStream, family: str) -> None:
    config = replace(config, n=16, steps=100, warmup=1, lr=3e-3)
    trainer = started(config, stream, student(family, batch_norm=False))
    crops, parts = stream.batch(0, 2), []
    for _ in range(15):
        trainer.train_step(crops)
        parts.append(trainer.parts)

    assert parts[-1]["intra"] < parts[0]["intra"]
    assert all(parts[0][name] > 0 for name in ("hard", "soft", "intra", "inter"))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_student_may_be_of_any_family_too(config: TrainConfig, stream: CropStream, family: str) -> None:
    # oneDNN crashes on a CPU with no more than AVX2 in the gradient of a 1x1 convolution of stride 2 on 4 channels: n of 8
    trainer = started(replace(config, architecture=family, n=8), stream, student("bl", batch_norm=False))

    assert trainer.train_step(stream.batch(0, 2)) > 0


def test_a_module_of_ones_own_teaches_as_many_taps(config: TrainConfig, stream: CropStream) -> None:
    with pytest.raises(ConfigError, match="the student names 6 taps and its teacher 2, expected as many"):
        Trainer(config, Own())

    own = Own()
    own.taps = ("first",) * 3 + ("second",) * 3
    assert started(config, stream, own).train_step(stream.batch(0, 2)) > 0


def test_the_same_network_has_nothing_to_learn(config: TrainConfig, stream: CropStream) -> None:
    trainer = started(config, stream, student("bl", 64, batch_norm=False))
    trainer.network.load_state_dict(trainer.teacher.network.state_dict())

    trainer.train_step(stream.batch(0, 2))

    assert all(isinstance(adapter, nn.Identity) for adapter in trainer.task.adapters)
    assert trainer.parts["soft"] == pytest.approx(0, abs=EXACT)
    assert trainer.parts["inter"] == pytest.approx(0, abs=EXACT)


def test_the_teacher_stays_as_it_is(config: TrainConfig, stream: CropStream) -> None:
    teacher = student("csrnet", batch_norm=True)
    trainer = started(config, stream, teacher)
    before = digest(trainer.teacher.network)

    trainer.train_step(stream.batch(0, 2))

    assert digest(trainer.teacher.network) == before == digest(teacher)
    assert not any(parameter.requires_grad for parameter in trainer.teacher.network.parameters())


def test_there_is_nothing_to_learn_from_a_teacher_in_a_pattern(config: TrainConfig, stream: CropStream) -> None:
    trainer = started(config, stream, student("csrnet", batch_norm=False))
    pattern = empty_crop(64, np.random.default_rng(1))
    scene = stream.batch(0, 1)

    trainer.train_step([pattern, pattern])
    assert [trainer.parts[name] for name in ("soft", "intra", "inter")] == [0, 0, 0]

    other = started(config, stream, student("csrnet", batch_norm=False))
    other.train_step(scene)
    mixed = started(config, stream, student("csrnet", batch_norm=False))
    mixed.train_step([pattern, *scene])
    assert mixed.parts["intra"] == pytest.approx(other.parts["intra"] / 2, rel=1e-4)


@pytest.mark.parametrize("settings", [{}, {"batch_norm": True, "autocast": "bfloat16"}])
def test_a_run_with_a_teacher_resumes_bit_for_bit_adapters_included(
    config: TrainConfig, drawn_set: Path, tmp_path: Path, settings: dict[str, object]
) -> None:
    config = replace(config, **settings)
    stream, teacher = CropStream(read_sets(config, drawn_set), config), student("csrnet")
    unbroken = started(config, stream, teacher)
    losses = [unbroken.train_step(stream.share(step)) for step in range(4)]
    first = started(config, stream, teacher)
    before = [first.train_step(stream.share(step)) for step in range(2)]
    first.save(tmp_path / "last", {})

    second = Trainer(config, teacher)
    second.resume(store.load(tmp_path / "last"))
    after = [second.train_step(stream.share(step)) for step in range(2, 4)]

    assert before + after == losses
    assert any(key.startswith("adapters.") for key in store.load(tmp_path / "last").tensors)
    for one, other in zip(unbroken.task.state_dict().values(), second.task.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_another_teacher_is_refused_when_a_run_goes_on(config: TrainConfig, stream: CropStream, tmp_path: Path) -> None:
    started(config, stream, student("csrnet")).save(tmp_path / "last", {})

    with pytest.raises(ConfigError, match="the checkpoint learned from another teacher than the one given"):
        Trainer(config, student("bl")).resume(store.load(tmp_path / "last"))


def test_adapters_are_no_part_of_the_student(config: TrainConfig, stream: CropStream, tmp_path: Path) -> None:
    trainer = started(config, stream, student("csrnet"))
    trainer.save(tmp_path / "last", {})

    network = store.network_of(store.load(tmp_path / "last"))

    assert network.state_dict().keys() == trainer.network.state_dict().keys()


def test_parts_of_a_step_add_up_to_the_step(config: TrainConfig, drawn_set: Path) -> None:
    config = replace(config, batch=4, empty=0.3)
    stream, teacher = CropStream(read_sets(config, drawn_set), config), student("csrnet", batch_norm=False)
    whole, parted = (started(replace(config, accumulate=count), stream, teacher) for count in (1, 4))

    losses = [trainer.train_step(stream.share(0)) for trainer in (whole, parted)]

    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    for one, other in zip(whole.network.parameters(), parted.network.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-3, atol=1e-4)


def test_a_teacher_too_many_or_too_few_is_refused(tiny: TrainConfig, config: TrainConfig) -> None:
    with pytest.raises(ConfigError, match=r"the config learns from a teacher, and none is given .give it: --teacher"):
        Trainer(config)
    with pytest.raises(ConfigError, match="a teacher is given, and the config gives no weight to what it knows"):
        Trainer(tiny, student())


def test_a_teacher_of_another_shape_or_kind_is_refused(tmp_path: Path) -> None:
    saved = store.load(save_student(tmp_path / "teacher"))
    facts = {"architecture": {"name": "bl", "n": 8, "batch_norm": True}}
    store.save(tmp_path / "other", store.Checkpoint(saved.tensors, facts))
    (tmp_path / "model.pth").write_bytes(b"")

    assert digest(load_teacher(tmp_path / "teacher"))
    with pytest.raises(ArtifactError, match="checkpoint does not fit bl 1/8 with batch normalisation"):
        load_teacher(tmp_path / "other")
    with pytest.raises(ArtifactError, match=r"model\.pth is a pickle.*skt-distill import"):
        load_teacher(tmp_path / "model.pth")
