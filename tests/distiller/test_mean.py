"""The mean of checkpoints: weight by weight, of one network alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from distiller import checkpoint as store
from distiller.mean import write_mean
from distiller.networks import Architecture
from sdk.config import to_plain
from sdk.errors import ConfigError


def saved(path: Path, seed: int, architecture: Architecture) -> Path:
    torch.manual_seed(seed)
    tensors = {f"model.{name}": value for name, value in architecture.build().state_dict().items()}
    store.save(path, store.Checkpoint(tensors, {"architecture": to_plain(architecture), "step": seed}))
    return path


def test_every_weight_is_the_mean(tmp_path: Path) -> None:
    paths = [saved(tmp_path / str(seed), seed, Architecture("bl", 64)) for seed in (1, 2, 3)]

    write_mean(paths, tmp_path / "mean")

    found = store.load(tmp_path / "mean")
    parts = [store.load(path).tensors for path in paths]
    for name, value in found.tensors.items():
        torch.testing.assert_close(value, sum(part[name] for part in parts) / 3)
    assert found.facts["mean_of_steps"] == [1, 2, 3]


def test_each_checkpoint_has_its_part(tmp_path: Path) -> None:
    paths = [saved(tmp_path / str(seed), seed, Architecture("bl", 64)) for seed in (1, 2)]

    write_mean(paths, tmp_path / "mean", [3, 1])

    found = store.load(tmp_path / "mean")
    one, other = (store.load(path).tensors for path in paths)
    for name, value in found.tensors.items():
        torch.testing.assert_close(value, 0.75 * one[name] + 0.25 * other[name])
    assert found.facts["mean_parts"] == [0.75, 0.25]


def test_parts_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    paths = [saved(tmp_path / str(seed), seed, Architecture("bl", 64)) for seed in (1, 2)]

    with pytest.raises(ConfigError, match="1 --part for 2 checkpoints, expected one for each, or none"):
        write_mean(paths, tmp_path / "mean", [1])
    with pytest.raises(ConfigError, match="--part is 0, expected more than 0"):
        write_mean(paths, tmp_path / "mean", [1, 0])


def test_what_has_no_mean_is_refused(tmp_path: Path) -> None:
    one = saved(tmp_path / "one", 1, Architecture("bl", 64))
    other = saved(tmp_path / "other", 1, Architecture("bl", 32))
    normalised = saved(tmp_path / "normalised", 1, Architecture("bl", 64, batch_norm=True))

    with pytest.raises(ConfigError, match="1 checkpoint to take the mean of, expected 2 or more"):
        write_mean([one], tmp_path / "mean")
    with pytest.raises(ConfigError, match=r"other holds bl 1/32 and .*one bl 1/64, expected the same network"):
        write_mean([one, other], tmp_path / "mean")
    with pytest.raises(ConfigError, match=r"holds bl 1/64 with batch normalisation, whose statistics have no mean"):
        write_mean([normalised, normalised], tmp_path / "mean")
    assert not (tmp_path / "mean").exists()
