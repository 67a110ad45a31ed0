"""`skt-distill` from recipe to checkpoint, and back again after a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from click.testing import CliRunner, Result

from distiller import checkpoint as store
from distiller.commands import main
from distiller.config import TrainConfig
from sdk.config import to_plain
from tests.students import save_student

ROOT = Path(__file__).parents[2]


def distill(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def recipe(tiny: TrainConfig, tmp_path: Path) -> Path:
    """A run of two steps."""
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(to_plain(replace(tiny, steps=2, decay=1))))
    return path


@pytest.fixture
def trained(recipe: Path, drawn_set: Path, tmp_path: Path) -> Path:
    """A finished run's folder."""
    result = distill("train", "--recipe", recipe, "--data", drawn_set, "--out", tmp_path / "run", "--threads", 1)
    assert result.exit_code == 0, result.output
    return tmp_path / "run"


def metrics(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_two_steps_are_logged_scored_and_saved(trained: Path) -> None:
    log = metrics(trained)

    assert {path.name for path in trained.iterdir()} >= {"config.yaml", "environment.json", "last", "before-decay"}
    assert [record["step"] for record in log] == [2, 2]
    assert log[0]["loss"] > 0
    assert log[1]["validation"]["crowd"].keys() == {"mae", "rmse", "bias", "photos"}
    assert store.load(trained / "last").facts["metrics"] == log[1]["validation"]


def test_the_run_folder_says_what_it_was_computed_with(trained: Path, drawn_set: Path) -> None:
    facts = json.loads((trained / "environment.json").read_text())

    assert facts["versions"]["torch"] == torch.__version__
    assert (facts["threads"], facts["device"]) == (1, "cpu")
    assert facts["places"] == {"data": str(drawn_set)}


def test_a_finished_run_goes_on_with_more_steps(trained: Path) -> None:
    result = distill("resume", trained, "--set", "steps=4", "--threads", 1, "--json")

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["step"] == 4
    assert [record["step"] for record in metrics(trained)] == [2, 2, 4, 4]
    assert yaml.safe_load((trained / "config.yaml").read_text())["steps"] == 4


def test_going_on_from_an_earlier_checkpoint_forgets_what_came_after(trained: Path) -> None:
    result = distill("resume", trained, "--from", "before-decay", "--set", "steps=3", "--threads", 1)

    assert result.exit_code == 0, result.output
    assert [record["step"] for record in metrics(trained)] == [3, 3]


def test_the_same_command_again_goes_on_with_its_run(trained: Path, recipe: Path, drawn_set: Path) -> None:
    result = distill("train", "--recipe", recipe, "--data", drawn_set, "--out", trained, "--json")

    assert result.exit_code == 0, result.output
    assert "from step 2 to 2" in result.stderr
    assert json.loads(result.stdout)["step"] == 2


def test_a_folder_with_another_config_is_refused(trained: Path, recipe: Path, drawn_set: Path) -> None:
    result = distill("train", "--recipe", recipe, "--data", drawn_set, "--out", trained, "--set", "lr=0.1")

    assert result.exit_code == 2
    assert "holds a run with another config (lr: 0.001, not 0.1)" in result.stderr


def test_a_run_written_before_runs_had_a_config_file_is_known_by_its_checkpoint(trained: Path, drawn_set: Path) -> None:
    for name in ("config.yaml", "environment.json"):
        (trained / name).unlink()

    assert "does not say where its data lies" in distill("resume", trained).stderr
    assert distill("resume", trained, "--data", drawn_set, "--set", "steps=3", "--threads", 1).exit_code == 0


def test_a_folder_with_something_else_in_it_is_refused(recipe: Path, drawn_set: Path) -> None:
    result = distill("train", "--recipe", recipe, "--data", drawn_set, "--out", recipe.parent)

    assert result.exit_code == 2
    assert "is not empty and holds no run" in result.stderr


def test_a_checkpoint_is_scored_on_its_held_out_photos(trained: Path, drawn_set: Path) -> None:
    table = distill("evaluate", trained / "last", "--data", drawn_set, "--threads", 1)
    record = json.loads(distill("evaluate", trained / "last", "--data", drawn_set, "--threads", 1, "--json").stdout)

    assert table.stdout.splitlines()[0].split() == ["set", "photos", "MAE", "RMSE", "bias"]
    assert record["validation"]["crowd"]["photos"] == 1
    assert f"{record['validation']['crowd']['mae']:.2f}" in table.stdout


def test_a_dry_run_shows_the_plan_and_writes_nothing(recipe: Path, drawn_set: Path, tmp_path: Path) -> None:
    arguments = ("train", "--recipe", recipe, "--data", drawn_set, "--out", tmp_path / "none", "--dry-run")
    plan = json.loads(distill(*arguments, "--json").stdout)
    text = distill(*arguments).stdout

    assert plan["photos"] == {"crowd": {"training": 3, "held_out": 1}}
    assert plan["config"]["steps"] == 2
    assert plan["macs"] > plan["parameters"] > 0
    assert "M parameters" in text
    assert plan["hours"] == pytest.approx(2 * plan["seconds_a_step"] / 3600)
    assert "hours without validation" in text
    assert "starts from random weights" in text
    assert not (tmp_path / "none").exists()


def test_a_plan_names_the_start_and_the_teacher(recipe: Path, drawn_set: Path, tmp_path: Path) -> None:
    start, teacher = save_student(tmp_path / "start", n=64), save_student(tmp_path / "teacher", "csrnet", n=32)
    arguments = ("train", "--recipe", recipe, "--data", drawn_set, "--out", tmp_path / "none", "--dry-run")
    settings = ("--set", "teacher.soft=1", "--teacher", teacher, "--start", start)

    text = distill(*arguments, *settings).stdout
    other = distill(*arguments, *settings, "--set", "n=32")

    assert "starts from start, step 7\nteacher     0.0" in text
    assert other.exit_code == 2
    assert "the checkpoint to start from holds bl 1/64" in other.stderr


def test_what_is_missing_is_said_in_one_line(recipe: Path, drawn_set: Path, tmp_path: Path) -> None:
    train = ("train", "--recipe", recipe, "--out", tmp_path / "run", "--data")
    encoder = ("--set", "encoder=gone.safetensors")
    cases = [
        ((*train, tmp_path / "gone"), 2, "no data at"),
        (("train", "--recipe", "gone", "--data", drawn_set, "--out", tmp_path / "run"), 2, "unknown --recipe 'gone'"),
        ((*train, drawn_set, "--set", "sets.crowd.root=gone"), 3, "gone"),
        ((*train, drawn_set, *encoder), 2, "give its folder: --weights DIR"),
        ((*train, drawn_set, *encoder, "--weights", tmp_path), 2, "no encoder"),
        ((*train, drawn_set, "--set", "stepz=1"), 2, "did you mean steps?"),
        (("resume", tmp_path / "gone"), 2, "holds no run"),
        (("evaluate", tmp_path / "gone", "--data", drawn_set), 4, "is not a checkpoint"),
    ]
    for arguments, code, message in cases:
        result = distill(*arguments)
        assert (result.exit_code, len(result.stderr.splitlines())) == (code, 1), result.output
        assert message in result.stderr


def test_a_checkpoint_without_held_out_photos_cannot_be_scored(trained: Path, drawn_set: Path) -> None:
    saved = store.load(trained / "last")
    config = {**saved.facts["config"], "sets": {"crowd": {"dataset": "points", "root": "crowd"}}}
    store.save(trained / "last", store.Checkpoint(saved.tensors, {**saved.facts, "config": config}))

    assert "holds photos out" in distill("evaluate", trained / "last", "--data", drawn_set).stderr


def test_a_damaged_environment_file_or_config_is_refused(trained: Path, drawn_set: Path) -> None:
    (trained / "environment.json").write_text("{}")
    assert "environment.json is damaged" in distill("resume", trained).stderr

    saved = store.load(trained / "last")
    store.save(trained / "last", store.Checkpoint(saved.tensors, {**saved.facts, "config": {"n": 1}}))
    assert "config cannot be read" in distill("evaluate", trained / "last", "--data", drawn_set).stderr


def test_a_folder_that_cannot_be_written_is_refused(recipe: Path, drawn_set: Path, trained: Path) -> None:
    result = distill("train", "--recipe", recipe, "--data", drawn_set, "--out", recipe / "below_a_file")
    assert (result.exit_code, "cannot write to the run's folder" in result.stderr) == (2, True)

    (trained / "metrics.jsonl").unlink()
    (trained / "metrics.jsonl").mkdir()
    assert "cannot write to the run's folder" in distill("resume", trained, "--set", "steps=3").stderr


def test_a_killed_run_goes_on_to_the_result_of_an_unbroken_one(recipe: Path, drawn_set: Path, tmp_path: Path) -> None:
    train = ("train", "--recipe", str(recipe), "--data", str(drawn_set), "--threads", "1", "--set", "steps=60")
    killed, unbroken = tmp_path / "killed", tmp_path / "unbroken"
    command = [sys.executable, "-m", "distiller.commands", *train, "--out", str(killed)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and not (killed / "last" / "facts.json").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)

    step = store.load(killed / "last").facts["step"]
    assert step < 60
    assert distill("resume", killed, "--threads", 1).exit_code == 0
    assert distill(*train, "--out", unbroken).exit_code == 0
    one, other = (store.load(folder / "last").tensors for folder in (killed, unbroken))
    assert [key for key in one if not torch.equal(one[key], other[key])] == []
