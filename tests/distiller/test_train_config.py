"""Settings: strict, checked, and the shipped recipes among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from distiller.config import (
    RECIPES,
    SetConfig,
    TrainConfig,
    differing_settings,
    read_config,
    recipe_names,
    with_settings,
)
from sdk.config import parse, to_plain
from sdk.errors import ConfigError

MINIMAL = "architecture: bl\nn: 4\nsets: {crowd: {dataset: points, root: crowd}}\n"


def recipe(folder: Path, text: str) -> str:
    (folder / "recipe.yaml").write_text(text)
    return str(folder / "recipe.yaml")


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_is_a_config(path: Path) -> None:
    config = read_config(path.stem)

    assert config == read_config(str(path))
    assert parse(TrainConfig, to_plain(config)) == config


def test_the_shipped_recipes_hold_photos_out_of_every_set() -> None:
    for name in recipe_names():
        assert all(about.validation for about in read_config(name).sets.values())


def test_a_config_from_before_a_key_means_the_same() -> None:
    config = TrainConfig("bl", 4, {"own": SetConfig("points", "own")})

    assert (config.objective, config.autocast, config.empty_scenes) == ("bayesian", "auto", 0.0)
    assert (config.balance, config.last_lr) == (0.0, 1.0)
    assert (config.schedule, config.accumulate, config.shards, config.teacher.used) == ("linear", 1, 0, False)


def test_settings_override_the_recipe() -> None:
    config = read_config("bl-quarter", ["steps=7", "augment.crop=64", "lr=1"])

    assert (config.steps, config.augment.crop, config.lr) == (7, 64, 1.0)
    assert with_settings(config, ["steps=8"]).steps == 8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stepz: 5\n", r"unknown setting stepz \(did you mean steps\?\)"),
        ("augment: {crops: 5}\n", r"unknown setting augment\.crops \(did you mean augment\.crop\?\)"),
        ("target: {sigmas: 5}\n", r"unknown setting target\.sigmas \(did you mean target\.sigma\?\)"),
        ("steps: many\n", "setting steps is 'many', expected int"),
        ("steps: 0\n", "setting steps is 0, expected 1 to 1e"),
        ("batch: 0\n", "setting batch is 0, expected 1 to 65536"),
        ("empty: 1.5\n", "setting empty is 1.5, expected 0 to 1"),
        ("lr: .nan\n", "setting lr is nan, expected 1e-09 to 10"),
        ("objective: mse\n", r"unknown objective 'mse' \(known: bayesian, .*density-mse.*\)"),
        ("schedule: step\n", r"unknown schedule 'step' \(known: cosine, linear\)"),
        ("batch: 6\naccumulate: 4\n", "setting accumulate is 4, expected a divisor of batch, 6"),
        ("batch: 6\nshards: 4\n", "setting shards is 4, expected a divisor of batch, 6"),
        ("teacher: {soft: -1}\n", "setting teacher.soft is -1.0, expected 0 to 1e"),
        ("teacher: {soft_loss: l1}\n", r"unknown teacher.soft_loss 'l1' \(known: density-mse, poisson\)"),
        ("teacher: {taps: half}\n", r"unknown teacher.taps 'half' \(known: full, pooled\)"),
        ("device: tpu\n", r"unknown device 'tpu' \(known: auto, cpu, cuda\)"),
        ("autocast: int8\n", r"unknown autocast 'int8' \(known: auto, bfloat16, off\)"),
        ("augment: {crop: 8}\n", "setting augment.crop is 8, expected 16 to 8192"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_config(recipe(tmp_path, MINIMAL + text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n: 4\nsets: {}\n", "setting architecture is missing"),
        ("architecture: bl\nn: 4\nsets: {}\n", "setting sets is empty"),
        ("architecture: vgg\nn: 4\nsets: {}\n", r"unknown architecture 'vgg' \(known: bl, csrnet, .*sanet\)"),
        (MINIMAL.replace("root", "rood"), r"unknown setting sets\.crowd\.rood \(did you mean sets\.crowd\.root\?\)"),
        (
            MINIMAL.replace("root: crowd", "root: crowd, weight: 0"),
            r"setting sets\.\*\.weight is 0(\.0)?, expected 1e-09",
        ),
    ],
)
def test_a_recipe_that_is_no_run_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_config(recipe(tmp_path, text))


def test_an_unknown_recipe_is_refused_with_the_shipped_ones() -> None:
    with pytest.raises(ConfigError, match=r"unknown --recipe 'bl-third' \(known: .*bl-quarter.*; or give a file"):
        read_config("bl-third")


def test_a_recipe_changes_its_bases_settings(tmp_path: Path) -> None:
    text = "base: bl-quarter\nsteps: 5\nsets: {beijing-brt: null}\naugment: {crop: 64}\n"
    base, config = read_config("bl-quarter"), read_config(recipe(tmp_path, text))

    assert (config.steps, config.augment.crop, config.augment.smallest) == (5, 64, base.augment.smallest)
    assert config.sets.keys() == base.sets.keys() - {"beijing-brt"}
    with pytest.raises(ConfigError, match=r"has base 'bl' .known: .*bl-quarter"):
        read_config(recipe(tmp_path, "base: bl\n"))


def test_the_transfer_recipes_train_the_published_students() -> None:
    for name, architecture in (("bl-quarter-skt", "bl"), ("csrnet-quarter-skt", "csrnet")):
        config = read_config(name)
        assert (config.architecture, config.n) == (architecture, 4)
        assert min(config.teacher.soft, config.teacher.intra, config.teacher.inter) > 0


def test_configs_that_differ_are_told_apart_by_their_settings() -> None:
    config = read_config("bl-quarter", ["steps=10"])

    assert differing_settings(config, config) == []
    assert differing_settings(config, read_config("bl-quarter", ["steps=9"])) == ["steps: 10, not 9"]
