"""`skt-export trust`: the calibration it stores, and what becomes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from exporters.commands import main
from exporters.trust import with_trust
from sdk import CrowdCounter
from sdk.errors import ArtifactError, CalibrationError
from sdk.manifest import FileEntry
from sdk.package import Package, write_package
from sdk.trust.calibration import TRUST_NAME, TrustCalibration, read_trust
from sdk.zones import Zone, Zones
from tests.tiny_package import noise_photo

PHOTOS = 45
RIGHT = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))


def labelled(folder: Path, photos: int = PHOTOS) -> str:
    """A set of noise, lighter or darker; what its heads are does not matter here."""
    folder.mkdir()
    lines = ["photo,x,y"]
    for at in range(photos):
        photo = (noise_photo(64, 96 + 16 * (at % 3), seed=at) * (0.5 + at / 100)).astype(np.uint8)
        cv2.imwrite(str(folder / f"{at}.png"), photo)
        lines += [f"{at}.png,{5 + head},{7 + head}" for head in range(4 + at % 5)]
    (folder / "points.csv").write_text("\n".join(lines))
    return f"points:{folder / 'points.csv'}"


def skt_export(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def told(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    folder = tmp_path_factory.mktemp("trust")
    words = ("trust", tiny, "--photos", labelled(folder / "set"), "-o", folder / "told.skt", "--json")
    return folder / "told.skt", skt_export(*words)


def test_the_package_comes_with_a_calibration_and_is_whole(told: tuple[Path, Result]) -> None:
    path, result = told

    assert result.exit_code == 0, result.stderr
    said = json.loads(result.stdout)
    assert (said["photos"], said["sets"], said["splits"]) == (PHOTOS, ["points"], 200)
    with Package.open(path) as package:
        package.verify()
        found = read_trust(package)
        assert found is not None
        assert found.measured.coverage.mean == said["coverage"]["mean"]
        assert f"it held in {found.measured.coverage.mean:.1%}" in package.model_card
        assert f"{found.measured.false_alarms:.1%} were told to be unlike" in package.model_card


def test_every_result_has_the_interval_and_state_and_a_package_without_one_has_none(
    told: tuple[Path, Result], tiny: Path
) -> None:
    photo = noise_photo(64, 96, seed=3)

    with CrowdCounter(told[0]) as counter, CrowdCounter(tiny) as bare:
        result, plain = counter.count(photo), bare.count(photo)

    assert result.interval is not None
    assert result.interval[0] <= result.count <= result.interval[1]
    assert result.to_json()["interval"] == [round(end, 3) for end in result.interval]
    assert (plain.interval, plain.to_json()["interval"]) == (None, None)
    assert plain.count == result.count


def test_an_interval_is_around_what_masks_leave(told: tuple[Path, Result]) -> None:
    with CrowdCounter(told[0]) as counter:
        whole = counter.count(noise_photo(64, 96))
    half = whole.with_zones(Zones((Zone("trees", RIGHT, "exclude"),)))

    assert whole.interval is not None
    assert half.interval is not None
    assert half.interval[1] < whole.interval[1]
    assert half.interval[0] <= half.count <= half.interval[1]


def test_a_photo_unlike_the_set_says_so(told: tuple[Path, Result]) -> None:
    stripes = np.tile(np.repeat(np.array([40, 220], np.uint8), 12), (100, 8))

    with CrowdCounter(told[0]) as counter:
        result = counter.count(cv2.cvtColor(stripes, cv2.COLOR_GRAY2BGR))

    assert result.state == "untrusted"
    assert result.reasons[0].startswith("unlike the training data: ")
    assert result.note.startswith("untrusted: unlike")


def test_a_package_is_calibrated_anew_in_its_place(told: tuple[Path, Result], tmp_path: Path) -> None:
    path = tmp_path / "again.skt"
    path.write_bytes(told[0].read_bytes())

    result = skt_export("trust", path, "--photos", labelled(tmp_path / "set", 40))

    assert result.exit_code == 0
    assert "40 photos, split 200 times: " in result.stdout
    with Package.open(path) as package:
        found = read_trust(package)
        assert found is not None
        assert (found.measured.photos, len(package.manifest.reports)) == (40, 1)


def test_what_cannot_be_calibrated_on_is_refused_and_nothing_written(tiny: Path, tmp_path: Path) -> None:
    before = tiny.read_bytes()
    (tmp_path / "plain").mkdir()
    cv2.imwrite(str(tmp_path / "plain" / "a.png"), noise_photo(64, 64))

    few = skt_export("trust", tiny, "--photos", labelled(tmp_path / "few", 8), "-o", tmp_path / "x.skt")
    bare = skt_export("trust", tiny, "--photos", tmp_path / "plain", "-o", tmp_path / "x.skt")
    taken = skt_export("trust", tiny, "--photos", tmp_path / "plain", "-o", tmp_path / "plain")

    assert (few.exit_code, bare.exit_code, taken.exit_code) == (7, 7, 6)
    assert "8 labelled photos are too few for an interval" in few.stderr
    assert "photo a has no head points" in bare.stderr
    assert "already exists" in taken.stderr
    assert tiny.read_bytes() == before
    assert not (tmp_path / "x.skt").exists()


def with_file(path: Path, target: Path, data: bytes) -> Path:
    """The package with other bytes as its calibration."""
    with Package.open(path) as package:
        files = package.read_all() | {TRUST_NAME: data}
        manifest = replace(package.manifest, reports=(FileEntry.of(TRUST_NAME, data),))
    write_package(target, manifest, files).close()
    return target


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _: b"{", "it is no JSON"),
        (lambda _: b"[]", r"setting version is missing"),
        (lambda data: data.replace(b"skt-trust/1", b"skt-trust/9"), "schema is 'skt-trust/9', this SDK reads"),
        (lambda data: data.replace(b'"version": "1.0"', b'"version": "0.9"'), "is of model 0.9, the package of 1.0"),
        (lambda data: data.replace(b'"limit"', b'"limits"'), "unknown setting likeness.limits"),
    ],
)
def test_a_calibration_that_cannot_be_used_is_refused(
    told: tuple[Path, Result], tmp_path: Path, change: object, said: str
) -> None:
    with Package.open(told[0]) as package:
        data = package.read_report(TRUST_NAME)
    assert data is not None
    broken = with_file(told[0], tmp_path / "broken.skt", change(data))  # type: ignore[operator]

    with pytest.raises(ArtifactError, match=said):
        CrowdCounter(broken)


def test_a_calibration_survives_writing_and_reading(told: tuple[Path, Result]) -> None:
    with Package.open(told[0]) as package:
        found = read_trust(package)
        assert found is not None
        again, files = with_trust(package.manifest, package.read_all(), found)

    assert TrustCalibration.from_json_bytes(files[TRUST_NAME]) == found
    assert again == package.manifest
    with pytest.raises(CalibrationError, match="schema is 'skt-trust/0'"):
        replace(found, schema="skt-trust/0")


def test_a_package_exported_again_keeps_it(package: Path, tmp_path: Path) -> None:
    told, again = tmp_path / "told.skt", tmp_path / "again.skt"

    first = skt_export("trust", package, "--photos", labelled(tmp_path / "set"), "-o", told)
    second = skt_export("-m", told, "--format", "onnx", "--precision", "fp32", "-o", again)

    assert (first.exit_code, second.exit_code) == (0, 0), first.stderr + second.stderr
    with Package.open(told) as one, Package.open(again) as other:
        assert read_trust(one) == read_trust(other) is not None
        assert "## Trust" in other.model_card
