"""Checkpoints: whole or not at all, whatever happens while one is written; refused when they are not whole."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import safetensors.torch
import torch

from distiller.checkpoint import Checkpoint, fill, load, network_of, save
from distiller.networks import build
from sdk.errors import ArtifactError

ROOT = Path(__file__).parents[2]
ARCHITECTURE = {"name": "bl", "n": 64, "batch_norm": True}


def tiny_checkpoint(step: int = 1) -> Checkpoint:
    torch.manual_seed(step)
    tensors = {f"model.{key}": value for key, value in build("bl", 64, batch_norm=True).state_dict().items()}
    return Checkpoint(tensors, {"architecture": ARCHITECTURE, "step": step})


def with_facts(path: Path, text: str) -> Path:
    save(path, tiny_checkpoint())
    (path / "facts.json").write_text(text)
    return path


@contextmanager
def disk_that_fills_up_at(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_checkpoint_survives_saving_and_loading(tmp_path: Path) -> None:
    saved = tiny_checkpoint()
    save(tmp_path / "last", saved)
    loaded = load(tmp_path / "last")

    assert loaded.facts["step"] == 1
    assert loaded.tensors.keys() == saved.tensors.keys()
    assert all(torch.equal(loaded.tensors[key], value) for key, value in saved.tensors.items())


def test_a_newer_checkpoint_takes_the_place_of_the_older(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        save(tmp_path / "last", tiny_checkpoint(step))

    assert load(tmp_path / "last").facts["step"] == 3
    assert len(list((tmp_path / "last").iterdir())) == 2


def test_kill_9_before_any_file_operation_leaves_the_old_checkpoint_or_the_new(tmp_path: Path) -> None:
    command = [sys.executable, str(Path(__file__).parent / "killed_saves.py"), str(tmp_path)]
    environment = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    output = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert output.returncode == 0, output.stderr
    outcomes = [line.split() for line in output.stdout.splitlines()]
    assert len(outcomes) > 10
    assert all(step == value for step, value in outcomes)
    assert {step for step, _ in outcomes} == {"1", "2"}


def test_a_disk_that_fills_up_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    save(tmp_path / "last", tiny_checkpoint(1))

    with disk_that_fills_up_at(1000), pytest.raises(ArtifactError, match=r"last cannot be written: .*is kept"):
        save(tmp_path / "last", tiny_checkpoint(2))

    assert load(tmp_path / "last").facts["step"] == 1
    assert len(list((tmp_path / "last").iterdir())) == 2


def test_a_checkpoint_of_schema_1_is_read_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "last"
    path.mkdir()
    safetensors.torch.save_file(tiny_checkpoint(1).tensors, str(path / "tensors.safetensors"))
    (path / "facts.json").write_text(
        json.dumps({"schema": "skt-checkpoint/1", "architecture": ARCHITECTURE, "step": 1})
    )
    loaded = load(path)

    assert loaded.facts["step"] == 1
    assert network_of(loaded).head[-1].out_channels == 1
    save(path, tiny_checkpoint(2))
    assert load(path).facts["step"] == 2
    assert not (path / "tensors.safetensors").exists()


def test_averaged_weights_are_used_where_there_are_any() -> None:
    plain = tiny_checkpoint(1)
    averaged = {key.replace("model.", "ema."): value for key, value in tiny_checkpoint(2).tensors.items()}
    network = network_of(Checkpoint(plain.tensors | averaged, plain.facts))

    assert not network.training
    assert torch.equal(network.head[-1].weight, averaged["ema.head.2.weight"])


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"gone is not a checkpoint: no facts.json"):
        load(tmp_path / "gone")


def test_a_checkpoint_without_its_tensors_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "last", tiny_checkpoint())
    next((tmp_path / "last").glob("*.safetensors")).unlink()

    with pytest.raises(ArtifactError, match="last is not a checkpoint: no "):
        load(tmp_path / "last")


def test_damaged_tensors_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "last", tiny_checkpoint())
    file = next((tmp_path / "last").glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:-10])

    with pytest.raises(ArtifactError, match="last cannot be read"):
        load(tmp_path / "last")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "facts.json holds list, expected an object"),
        ('{"schema": "other/9"}', "has schema 'other/9', expected 'skt-checkpoint/2'"),
        ('{"schema": "skt-checkpoint/2"}', "names None as its file of tensors"),
        ('{"schema": "skt-checkpoint/2", "tensors": "../other"}', "names '../other' as its file of tensors"),
    ],
)
def test_damaged_facts_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        load(with_facts(tmp_path / "last", text))


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (None, "states the architecture None, expected name, n and batch_norm"),
        ({"name": "vgg"}, "a network that this version cannot build: unknown architecture 'vgg'"),
        ({"name": "bl", "n": "4"}, "cannot build: setting architecture.n is '4', expected int"),
        ({"name": "bl", "n": 32, "batch_norm": True}, "does not fit bl 1/32 with batch normalisation: .* has shape"),
    ],
)
def test_a_network_that_the_tensors_do_not_fit_is_refused(architecture: object, message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        network_of(Checkpoint(tiny_checkpoint().tensors, {"architecture": architecture}))


def test_a_tensor_that_is_missing_or_unknown_is_named() -> None:
    network, tensors = build("bl", 64), build("bl", 64).state_dict()

    with pytest.raises(ArtifactError, match=r"x: it has no head\.2\.bias"):
        fill(network, {name: value for name, value in tensors.items() if name != "head.2.bias"}, "x")
    with pytest.raises(ArtifactError, match=r"x: the network has no head\.9\.bias"):
        fill(network, tensors | {"head.9.bias": tensors["head.2.bias"]}, "x")
