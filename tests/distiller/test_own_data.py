"""Training and fine-tuning on anybody's own file of points."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from distiller import checkpoint as store
from distiller.commands import main
from distiller.finetune import FrameScore, folds, make_report, report_lines
from sdk.scenes import draw_scene, save_scenes
from tests.students import save_student

SMALL = ("--set", "augment.crop=64", "--set", "empty=0", "--set", "device=cpu", "--threads", "1")


def distill(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="session")
def points(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV of six small photos."""
    folder = tmp_path_factory.mktemp("own")
    scenes = [draw_scene(seed, width=128, height=96, people=people) for seed, people in enumerate((4, 0, 9, 2, 6, 3))]
    save_scenes(folder, scenes)
    return folder / "points.csv"


def test_a_csv_of_points_is_enough_to_train_the_packaged_student_further(points: Path, tmp_path: Path) -> None:
    settings = ("--set", "steps=1", "--set", "batch=1", *SMALL)
    result = distill("train", "--data", points, "--out", tmp_path / "run", *settings, "--json")

    assert result.exit_code == 0, result.output
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert config["sets"] == {
        "own": {
            "dataset": "points",
            "root": "points.csv",
            "part": "",
            "split": "train",
            "weight": 1.0,
            "validation": ["scene_005.jpg"],
        }
    }
    assert json.loads(result.stdout)["validation"]["own"]["photos"] == 1
    built = {"name": "googlenet", "n": 1, "batch_norm": False}  # the packaged student's
    assert store.load(tmp_path / "run" / "last").facts["architecture"] == built
    assert distill("resume", tmp_path / "run", "--set", "steps=2", "--threads", 1).exit_code == 0


def test_a_recipe_can_be_had_with_ones_own_photos(points: Path, tmp_path: Path) -> None:
    dry = (
        "train",
        "--recipe",
        "bl-quarter-features",
        "--data",
        points,
        "--out",
        tmp_path / "run",
        "--dry-run",
        "--json",
    )
    plan = json.loads(distill(*dry, "--set", "encoder=''").stdout)

    assert plan["photos"] == {"own": {"training": 5, "held_out": 1}}
    assert plan["config"]["batch_norm"]


def test_the_recipe_of_ones_own_photos_starts_from_the_packaged_student_when_it_is_named_too(
    points: Path, tmp_path: Path
) -> None:
    dry = ("train", "--recipe", "own-points", "--data", points, "--out", tmp_path / "run", "--dry-run", "--json")

    plan = json.loads(distill(*dry, *SMALL, "--set", "batch=1").stdout)

    assert plan["starts_from"].startswith("default.skt, step ")


def test_a_folder_of_sets_needs_a_recipe(points: Path, tmp_path: Path) -> None:
    result = distill("train", "--data", points.parent, "--out", tmp_path / "run")

    assert result.exit_code == 2
    assert "no recipe is given for the sets in" in result.stderr


def test_fine_tuning_reports_frames_that_it_did_not_learn_from(points: Path, tmp_path: Path) -> None:
    student, run = save_student(tmp_path / "student"), tmp_path / "run"
    result = distill("finetune", student, "--data", points, "--out", run, "--steps", 2, *SMALL)

    assert result.exit_code == 0, result.output
    report = json.loads((run / "report.json").read_text())
    assert (report["folds"], len(report["frames"])) == (6, 6)
    assert [frame["true"] for frame in report["frames"]] == [4, 0, 9, 2, 6, 3]
    assert result.stdout == (run / "report.txt").read_text()
    assert f"MAE {report['before']['mae']:.2f} before, {report['after']['mae']:.2f} after" in result.stdout
    assert store.load(run / "last").facts["step"] == 2
    assert result.stderr.count("fold") == 6


def test_fewer_than_five_frames_are_refused(points: Path, tmp_path: Path) -> None:
    few = points.with_name("few.csv")
    lines = [line for line in points.read_text().splitlines() if not line.startswith(("scene_004", "scene_005"))]
    few.write_text("\n".join(lines) + "\n")

    result = distill("finetune", save_student(tmp_path / "student"), "--data", few, "--out", tmp_path / "run", *SMALL)

    assert (result.exit_code, len(result.stderr.splitlines())) == (3, 1)
    assert "few.csv has 4 labelled frames, expected at least 5" in result.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("frames", "parts"), [(5, 5), (20, 20), (21, 5), (50, 5)])
def test_every_frame_is_left_out_once_alone_or_with_its_neighbours(frames: int, parts: int) -> None:
    left_out = folds(frames)

    assert len(left_out) == parts
    assert [index for part in left_out for index in part] == list(range(frames))


def test_a_report_says_when_it_did_not_help() -> None:
    worse = make_report([FrameScore("a", 10, 11.0, 13.0), FrameScore("b", 4, 4.0, 3.0)], 2)
    better = make_report([FrameScore("a", 10, 14.0, 11.0), FrameScore("b", 4, 4.0, 5.0)], 2)

    assert (worse["before"]["mae"], worse["after"]["mae"], worse["helps"], worse["better"]) == (0.5, 2.0, False, 0)
    assert (better["before"]["bias"], better["after"]["bias"], better["helps"], better["better"]) == (2, 1, True, 1)
    assert "did not help" in report_lines(worse)[-1]
    assert "did not help" not in report_lines(better)[-1]
