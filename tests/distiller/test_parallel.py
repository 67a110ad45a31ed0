"""One run on several processes is the run on one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from distiller import checkpoint as store
from distiller.commands import main
from distiller.config import TeacherConfig, TrainConfig
from distiller.data import CropStream, read_sets
from distiller.parallel import Ranks, ranks_of_environment
from distiller.trainer import Trainer
from sdk.config import to_plain
from sdk.errors import ConfigError
from tests.students import save_student

ROOT = Path(__file__).parents[2]
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def run(*command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_two_processes_take_the_steps_of_one(drawn_set: Path, tiny: TrainConfig, tmp_path: Path) -> None:
    """With a teacher, and crops of nobody in unequal numbers on both sides."""
    teacher = TeacherConfig(soft=1.0, intra=2.0, inter=5.0, autocast="off")
    config = replace(tiny, batch_norm=False, autocast="off", empty=0.3, batch=8, steps=4, shards=2, teacher=teacher)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(to_plain(config)))
    save_student(tmp_path / "teacher", "csrnet")
    places = ("--data", str(drawn_set), "--teacher", str(tmp_path / "teacher"))
    train = ("-m", "distiller.commands", "train", "--recipe", str(tmp_path / "tiny.yaml"), *places, "--threads", "1")

    run(sys.executable, *train, "--out", str(tmp_path / "one"))
    said = run(*TORCHRUN, *train, "--out", str(tmp_path / "two"), "--json")

    assert json.loads(said)["step"] == 4  # one of them speaks
    logs = [(tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("one", "two")]
    one, two = (json.loads(log[0]) for log in logs)
    assert len(logs[0]) == len(logs[1])
    assert two["loss"] == pytest.approx(one["loss"], rel=1e-5)
    assert two["parts"] == pytest.approx(one["parts"], rel=1e-4, abs=1e-7)
    tensors = [store.load(tmp_path / name / "last").group("model") for name in ("one", "two")]
    for key, value in tensors[0].items():
        torch.testing.assert_close(tensors[1][key], value, rtol=1e-3, atol=1e-4)


def test_processes_share_out_a_steps_crops(drawn_set: Path, tiny: TrainConfig) -> None:
    config = replace(tiny, batch=4, shards=4)
    sets = read_sets(config, drawn_set)

    whole = CropStream(sets, config).batch(3, 4)
    shares = [CropStream(sets, config, Ranks(rank, 2)).share(3) for rank in range(2)]

    assert [len(share) for share in shares] == [2, 2]
    for one, other in zip(whole, shares[0] + shares[1], strict=True):
        assert (one.image == other.image).all()


def test_without_a_word_a_step_has_as_many_shards_as_processes(drawn_set: Path, tiny: TrainConfig) -> None:
    sets = read_sets(tiny, drawn_set)
    config = replace(tiny, shards=2)

    for rank in range(2):
        alone, told = (CropStream(sets, one, Ranks(rank, 2)).share(5) for one in (tiny, config))
        assert (alone[0].image == told[0].image).all()


def test_batches_that_processes_cannot_share_are_refused(tiny: TrainConfig) -> None:
    with pytest.raises(ConfigError, match="setting batch is 2, expected a multiple that makes 3 processes of 1 parts"):
        Trainer(tiny, ranks=Ranks(0, 3))
    with pytest.raises(ConfigError, match="setting shards is 3, expected a multiple of the 2 processes"):
        Trainer(replace(tiny, batch=6, shards=3), ranks=Ranks(0, 2))


def test_an_environment_that_says_half_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ranks_of_environment() == Ranks()
    monkeypatch.setenv("WORLD_SIZE", "2")

    with pytest.raises(ConfigError, match="of RANK, WORLD_SIZE, LOCAL_RANK in the environment one is no number"):
        ranks_of_environment()


@pytest.mark.parametrize("command", ["finetune", "qat", "refit", "mean"])
def test_commands_of_one_process_refuse_several(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    data = [] if command == "mean" else ["--data", str(tmp_path)]

    with pytest.raises(SystemExit) as end:
        main([command, str(tmp_path), *data, "--out", str(tmp_path / "out")])

    said = f"error: skt-distill {command} runs in one process, and torchrun started 2 (WORLD_SIZE) (start it without"
    assert (end.value.code, capsys.readouterr().err.startswith(said)) == (2, True)
    assert not (tmp_path / "out").exists()


def test_torchrun_s_processes_of_finetune_write_nothing(tmp_path: Path) -> None:
    line = [*TORCHRUN, "-m", "distiller.commands", "finetune", "default", "--data", "points.csv", "--out", "out"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

    done = subprocess.run(line, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode != 0
    assert done.stderr.count("error: skt-distill finetune runs in one process, and torchrun started 2") >= 1
    assert not list(tmp_path.iterdir())
