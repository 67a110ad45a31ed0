"""Corrections of a camera: found where they help, refused where they do not, and shown in every result."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from sdk import CrowdCounter
from sdk.errors import CalibrationError, ConfigError, InputError
from sdk.frame import rescale
from sdk.scenes import Scene, draw_scene, save_scenes
from sdk.sinks import reading_of
from sdk.streams.camera import CameraConfig
from sdk.streams.cameras import Cameras, CamerasConfig
from sdk.trust.camera_fit import SCALES, fit_camera
from sdk.trust.correction import Correction, Measured
from sdk.trust.interval import DensityBin, Intervals
from tests import terminal
from tests.sinks.records import NOON
from tests.streams.videos import red, write_video
from tests.tiny_package import noise_photo
from tests.tolerances import EXACT

SAMPLE = Path(__file__).parents[2] / "samples" / "calibrate_camera.py"
MEASURED = Measured(4, 90, 9.5, 1.5, "tiny 1.0", 160, 96)


def counted(*columns: list[float]) -> np.ndarray:
    """(frames, scales): what was counted at each scale; at those left out as at the first."""
    return np.array([*columns, *[columns[0]] * (len(SCALES) - len(columns))]).T


def test_a_factor_is_found_where_all_frames_are_counted_too_low() -> None:
    fitted = fit_camera(counted([10, 20, 31, 39]), [20, 40, 60, 80])

    assert (fitted.scale, fitted.factor) == (1.0, 2.0)
    assert fitted.error_before == 25
    assert fitted.error_after < 2


def test_a_scale_is_found_at_which_the_frames_are_counted_right() -> None:
    fitted = fit_camera(counted([10, 3, 31, 39], [20, 40, 61, 79]), [20, 40, 60, 80])

    assert (fitted.scale, fitted.factor) == (SCALES[1], 1.0)
    assert fitted.error_after == pytest.approx(0.5)


def test_what_only_remembers_its_frames_is_refused() -> None:
    """Half of the frames are counted double, half by half: a factor for some is wrong for the others."""
    with pytest.raises(
        CalibrationError, match=r"no correction helps: the error is 15.0 people a frame without one and"
    ):
        fit_camera(counted([40, 10, 40, 10]), [20, 20, 20, 20])


def test_a_camera_that_is_counted_right_needs_none() -> None:
    with pytest.raises(CalibrationError, match="no correction helps"):
        fit_camera(counted([20, 41, 59, 80]), [20, 40, 60, 80])


def test_too_few_frames_and_frames_without_anybody_are_refused() -> None:
    with pytest.raises(CalibrationError, match="2 labelled frames are too few for a correction, expected 3"):
        fit_camera(counted([1, 2]), [2, 4])
    with pytest.raises(CalibrationError, match="no frame shows anybody"):
        fit_camera(counted([1, 2, 3]), [0, 0, 0])


@pytest.mark.parametrize(("values", "said"), [({"factor": 9.0}, "factor of a .* is 9.0"), ({"scale": 0.0}, "scale of")])
def test_a_correction_beyond_reason_is_refused(values: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Correction(**values)


def test_a_correction_survives_its_file_and_a_mistake_in_it_is_named(tmp_path: Path) -> None:
    first = Correction(1.25, 0.71, MEASURED)
    first.write(tmp_path / "gate.yaml")
    (tmp_path / "bad.yaml").write_text("facter: 2")

    assert Correction.read(tmp_path / "gate.yaml") == first
    with pytest.raises(ConfigError, match=r"unknown setting facter .*did you mean factor"):
        Correction.read(tmp_path / "bad.yaml")
    with pytest.raises(ConfigError, match="cannot write"):
        first.write(tmp_path / "no" / "gate.yaml")


def test_a_corrected_count_keeps_the_raw_one_and_the_sum_of_its_density(tiny: Path) -> None:
    photo = noise_photo(96, 160)

    with CrowdCounter(tiny) as plain, CrowdCounter(tiny, correction=Correction(1.5, measured=MEASURED)) as counter:
        raw, result = plain.count(photo), counter.count(photo)

    assert result.raw_count == pytest.approx(raw.count, rel=EXACT)
    assert result.count == pytest.approx(1.5 * raw.count, rel=EXACT)
    assert result.density.sum() == pytest.approx(result.count, rel=EXACT)
    assert result.to_json()["correction"] == {"factor": 1.5, "scale": 1.0, "error_before": 9.5, "error_after": 1.5}
    assert result.warnings == raw.warnings
    said = reading_of(result, "gate", NOON).reasons[-1]
    assert said == "corrected for this camera: counts times 1.500, frames scaled by 1.000"


def test_an_interval_is_corrected_with_its_count(tiny: Path) -> None:
    intervals = Intervals(0.9, (DensityBin(0, 40, 1.0),))

    with CrowdCounter(tiny) as counter:
        raw = replace(counter.count(noise_photo(96, 160)), intervals=intervals)
        fixed = replace(counter.count(noise_photo(96, 160), Correction(2.0)), intervals=intervals)

    assert raw.interval is not None
    assert fixed.interval == pytest.approx([2 * end for end in raw.interval], rel=EXACT)


def test_frames_are_counted_at_the_scale_of_the_correction(tiny: Path) -> None:
    photo = noise_photo(96, 160)
    large = cv2.resize(photo, (320, 192), interpolation=cv2.INTER_CUBIC)

    with CrowdCounter(tiny) as counter:
        result, expected = counter.count(photo, Correction(scale=2.0)), counter.count(large)

    assert (result.scale, result.photo.shape) == (2.0, photo.shape)
    assert result.count == pytest.approx(expected.count, rel=EXACT)
    assert result.overlay().shape == photo.shape


def test_a_frame_that_would_be_too_large_is_refused_before_it_is_made() -> None:
    huge = np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (10_000, 10_000, 3))

    with pytest.raises(InputError, match="the frame scaled by 2 is 20000 x 20000"):
        rescale(huge, 2.0)


def test_a_correction_of_another_model_or_frame_size_says_so(tiny: Path) -> None:
    other = Correction(1.2, measured=replace(MEASURED, model="tiny 0.9"))

    with CrowdCounter(tiny) as counter:
        warnings = counter.count(noise_photo(64, 64), other).warnings

    assert warnings[-2:] == (
        "the correction was measured with model tiny 0.9, this is tiny 1.0",
        "the correction was measured on frames of 160 x 96 pixels",
    )


def test_each_camera_has_its_own_correction(tiny: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "walk.avi", [red(9)] * 2)
    Correction(2.0).write(tmp_path / "gate.yaml")
    cameras = {"gate": CameraConfig(str(video), correction=tmp_path / "gate.yaml"), "door": CameraConfig(str(video))}

    with CrowdCounter(tiny) as counter, Cameras(counter.count, CamerasConfig(cameras)) as both:
        counts = {taken.camera: taken.stream.result.count for taken in both if taken.stream.result}

    assert counts["gate"] == pytest.approx(2 * counts["door"], rel=EXACT)


def test_the_sample_finds_that_people_are_too_small_and_corrects_for_it(tmp_path: Path) -> None:
    save_scenes(tmp_path / "frames", [shrunk(people) for people in (25, 40, 60)])

    line = [sys.executable, str(SAMPLE), str(tmp_path / "frames")]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    found = Correction.read(tmp_path / "camera.yaml")
    assert found.scale > 1
    assert found.factor >= 1
    before, after = (float(part.split()[-1 if at == 0 else 0]) for at, part in enumerate(errors(done.stdout)))
    assert after < before / 2


def errors(said: str) -> list[str]:
    """What stands before and after the arrow."""
    return said.splitlines()[0].split(" people a frame")[0].split(" -> ")


def shrunk(people: int) -> Scene:
    """A scene whose people are half as large as the model knows them."""
    scene = draw_scene(21, width=640, height=360, people=people)
    photo = np.asarray(cv2.resize(scene.photo, (320, 180), interpolation=cv2.INTER_AREA), np.uint8)
    return replace(scene, photo=photo, points=(scene.points / 2).astype(np.float32))


def calibrate(*words: object) -> subprocess.CompletedProcess[str]:
    return terminal.run("calibrate", *words)


@pytest.fixture
def frames(tiny: Path, tmp_path: Path) -> dict[str, float]:
    """What the tiny model counts in some frames, by their names."""
    counts = {}
    with CrowdCounter(tiny) as counter:
        for at in range(4):
            photo = (noise_photo(96, 160, seed=at) * (0.4 + 0.15 * at)).astype(np.uint8)
            cv2.imwrite(str(tmp_path / f"{at}.png"), photo)
            counts[f"{at}.png"] = counter.count(photo).count
    return counts


def write_counts(path: Path, counts: dict[str, float]) -> Path:
    path.write_text("photo,count\n" + "".join(f"{name},{round(count)}\n" for name, count in counts.items()))
    return path


def test_the_command_corrects_by_plain_head_counts(tiny: Path, frames: dict[str, float], tmp_path: Path) -> None:
    counts = write_counts(tmp_path / "counts.csv", {name: 3 * count for name, count in frames.items()})

    done = calibrate(
        tmp_path, "--counts", counts, "--camera", "gate", "-o", tmp_path / "gate.yaml", "-m", tiny, "--json"
    )

    assert done.returncode == 0, done.stderr
    said, found = json.loads(done.stdout), Correction.read(tmp_path / "gate.yaml")
    assert (said["camera"], said["factor"], said["measured"]["frames"]) == ("gate", found.factor, 4)
    assert found.measured is not None
    assert found.measured.error_after < 0.1 * found.measured.error_before
    assert (found.measured.model, found.measured.width, found.measured.height) == ("tiny 1.0", 160, 96)


def test_the_command_writes_nothing_where_it_does_not_help(
    tiny: Path, frames: dict[str, float], tmp_path: Path
) -> None:
    counts = write_counts(tmp_path / "counts.csv", frames)

    done = calibrate(tmp_path, "--counts", counts, "-o", tmp_path / "gate.yaml", "-m", tiny)

    assert done.returncode == 7
    assert "no correction helps" in done.stderr
    assert not (tmp_path / "gate.yaml").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("photo,people\n", "expected the header photo,count"),
        ("photo,count\n0.png,-1\n", "line 2 is '0.png,-1' (expected a photo and a whole number"),
        ("photo,count\n0.png,1\n0.png,2\n", "line 3: 0.png is counted twice"),
        ("photo,count\nnobody.png,1\n", "no such photo"),
        ("photo,count\n0.png,1\nsmall.png,2\n", "frame small.png is 64 x 64 pixels, the first is 160 x 96"),
    ],
)
def test_labels_with_a_mistake_are_refused(
    tiny: Path, frames: dict[str, float], tmp_path: Path, text: str, said: str
) -> None:
    cv2.imwrite(str(tmp_path / "small.png"), noise_photo(64, 64))
    (tmp_path / "counts.csv").write_text(text)

    done = calibrate(tmp_path, "--counts", tmp_path / "counts.csv", "-m", tiny)

    assert (done.returncode, done.stdout) == (3, "")
    assert said in done.stderr


def test_points_or_counts_are_expected_and_points_are_counted(
    tiny: Path, frames: dict[str, float], tmp_path: Path
) -> None:
    rows = [f"{name},{at},{at}" for name, count in frames.items() for at in range(round(3 * count))]
    (tmp_path / "points.csv").write_text("\n".join(["photo,x,y", *rows]))

    neither = calibrate(tmp_path, "-m", tiny)
    points = calibrate(tmp_path, "--points", tmp_path / "points.csv", "-o", tmp_path / "gate.yaml", "-m", tiny)

    assert (neither.returncode, points.returncode) == (2, 0), points.stderr
    assert "expected either --points or --counts" in neither.stderr
    assert "each of 4 frames left out once" in points.stdout
