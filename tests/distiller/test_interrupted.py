"""Commands of several parts, killed at any moment and given again, end where an unbroken one does, bit for bit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from click.testing import CliRunner, Result

from distiller import checkpoint as store
from distiller.commands import main
from distiller.config import TrainConfig
from distiller.finetune import finetune_config
from distiller.qat import qat_config
from distiller.trainer import Trainer
from sdk.config import to_plain
from sdk.scenes import draw_scene, save_scenes
from tests.students import save_student

SMALL = tuple(
    part
    for setting in ("augment.crop=64", "batch=2", "empty=0", "device=cpu", "save_every=1")
    for part in ("--set", setting)
)


def distill(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def unbroken(*arguments: object) -> None:
    result = distill(*arguments)
    assert result.exit_code == 0, result.output


def killed_on_the_way(*arguments: object) -> int:
    """Times that the command was killed before it came to its end."""
    script, root = Path(__file__).with_name("killed_commands.py"), Path(__file__).parents[2]
    command = [sys.executable, str(script), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return int(done.stdout.splitlines()[-1])


def assert_same(one: Path, other: Path) -> None:
    """Both runs' reports and checkpoints; and nothing is left of what only an unfinished run needs."""
    assert (one / "report.json").read_text() == (other / "report.json").read_text()
    expected, found = store.load(one / "last"), store.load(other / "last")
    assert expected.facts["metrics"] == found.facts["metrics"]
    assert expected.tensors.keys() == found.tensors.keys()
    assert [key for key, value in expected.tensors.items() if not torch.equal(value, found.tensors[key])] == []
    assert {path.name for path in one.iterdir()} == {path.name for path in other.iterdir()}


@pytest.fixture(scope="session")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV of five small photos."""
    folder = tmp_path_factory.mktemp("frames")
    save_scenes(folder, [draw_scene(seed, width=128, height=96, people=seed) for seed in range(5)])
    return folder / "points.csv"


@pytest.fixture
def checkpoint(tiny: TrainConfig, drawn_set: Path, tmp_path: Path) -> Path:
    Trainer(tiny).save(tmp_path / "trained", {})
    return tmp_path / "trained"


def test_fine_tuning_goes_on_after_kills(frames: Path, tmp_path: Path) -> None:
    package = save_student(tmp_path / "student", n=64)
    command = ("finetune", package, "--data", frames, "--steps", 2, "--threads", 1, *SMALL, "--out")
    unbroken(*command, tmp_path / "one")

    assert killed_on_the_way(*command, tmp_path / "other") > 3
    assert_same(tmp_path / "one", tmp_path / "other")


def test_rounded_training_goes_on_after_kills(checkpoint: Path, drawn_set: Path, tmp_path: Path) -> None:
    command = ("qat", checkpoint, "--data", drawn_set, "--steps", 3, "--threads", 1, *SMALL, "--out")
    unbroken(*command, tmp_path / "one")

    assert killed_on_the_way(*command, tmp_path / "other") > 2
    assert_same(tmp_path / "one", tmp_path / "other")


def test_folds_that_are_done_are_not_done_again(frames: Path, tmp_path: Path) -> None:
    package, run = save_student(tmp_path / "student", n=64), tmp_path / "run"
    command = ("finetune", package, "--data", frames, "--out", run, "--steps", 1, "--threads", 1, *SMALL)
    unbroken(*command)
    kept = json.loads((run / "finetune.json").read_text())
    del kept["found"]["fold 4"]
    (run / "finetune.json").write_text(json.dumps(kept))

    result = distill(*command)

    assert result.exit_code == 0, result.output
    assert [line for line in result.stderr.splitlines() if line.startswith("fold")] == [
        "fold 4: 4 frames to learn from"
    ]


def test_a_folder_of_other_frames_or_weights_is_refused(frames: Path, tmp_path: Path) -> None:
    package, other = save_student(tmp_path / "student", n=64), save_student(tmp_path / "other", n=64)
    saved = store.load(other)
    store.save(other, store.Checkpoint({key: 2 * value for key, value in saved.tensors.items()}, saved.facts))
    command = ("--out", tmp_path / "run", "--steps", 1, "--threads", 1, *SMALL)
    unbroken("finetune", package, "--data", frames, *command)

    weights = distill("finetune", other, "--data", frames, *command)
    settings = distill("finetune", package, "--data", frames, *command, "--set", "lr=0.1")
    changed = Path(shutil.copytree(frames.parent, tmp_path / "frames")) / frames.name
    changed.write_text(frames.read_text() + "scene_001.jpg,3,3\n")
    labels = distill("finetune", package, "--data", changed, *command)

    assert [result.exit_code for result in (weights, settings, labels)] == [2, 2, 2]
    assert "holds a run of another package" in weights.stderr
    assert "holds a run with another config (lr: 1e-05, not 0.1)" in settings.stderr
    assert "holds a run of another file of frames" in labels.stderr


def test_rounded_training_of_another_checkpoint_is_refused(checkpoint: Path, drawn_set: Path, tmp_path: Path) -> None:
    command = ("--data", drawn_set, "--out", tmp_path / "run", "--steps", 1, "--threads", 1, *SMALL)
    unbroken("qat", checkpoint, *command)
    saved = store.load(checkpoint)
    store.save(checkpoint, store.Checkpoint({key: 2 * value for key, value in saved.tensors.items()}, saved.facts))

    result = distill("qat", checkpoint, *command)

    assert result.exit_code == 2
    assert "holds a run of another checkpoint" in result.stderr


def test_findings_that_are_damaged_are_refused(frames: Path, tmp_path: Path) -> None:
    package, run = save_student(tmp_path / "student", n=64), tmp_path / "run"
    command = ("finetune", package, "--data", frames, "--out", run, "--steps", 1, "--threads", 1, *SMALL)
    unbroken(*command)
    (run / "finetune.json").write_text("{}")

    result = distill(*command)

    assert result.exit_code == 2
    assert "finetune.json is damaged: no findings in it" in result.stderr


def test_resume_names_the_command_that_goes_on(frames: Path, tmp_path: Path) -> None:
    package, run = save_student(tmp_path / "student", n=64), tmp_path / "run"
    unbroken("finetune", package, "--data", frames, "--out", run, "--steps", 1, "--threads", 1, *SMALL)

    result = distill("resume", run)

    assert result.exit_code == 2
    assert "holds a run of skt-distill finetune" in result.stderr


def test_settings_of_another_network_leave_no_folder(frames: Path, tmp_path: Path) -> None:
    package = save_student(tmp_path / "student", n=64)

    result = distill("finetune", package, "--data", frames, "--out", tmp_path / "run", "--set", "n=32", *SMALL)

    assert result.exit_code == 2
    assert "the checkpoint to start from holds bl 1/64, the config asks for bl 1/32" in result.stderr
    assert not (tmp_path / "run").exists()


def test_long_trainings_are_saved_long_before_their_end(tiny: TrainConfig, frames: Path, checkpoint: Path) -> None:
    saved = store.load(checkpoint)

    assert finetune_config(saved, frames, 200).save_every == 25
    assert qat_config(saved, None, 300).save_every == 25


def test_a_run_killed_in_its_first_writes_starts_again(tiny: TrainConfig, drawn_set: Path, tmp_path: Path) -> None:
    recipe, run = tmp_path / "tiny.yaml", tmp_path / "run"
    recipe.write_text(yaml.safe_dump(to_plain(replace(tiny, steps=1, decay=1))))
    command = ("train", "--recipe", recipe, "--data", drawn_set, "--threads", 1, "--out", run)
    run.mkdir()
    (run / ".config.yaml.0.tmp").write_bytes(b"half")

    unbroken(*command)
    (run / "last" / "facts.json").unlink()  # as if killed before the first checkpoint was whole

    unbroken(*command)
    assert store.load(run / "last").facts["step"] == 1
    assert not list(run.glob(".*"))
