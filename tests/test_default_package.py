"""The model that ships with the SDK: it loads, answers alike everywhere, and counts what it should."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sdk import CrowdCounter
from sdk.doctor import diagnose
from sdk.scenes import SceneStyle, draw_empty
from sdk.shipped import DEFAULT_PACKAGE
from tests.tiny_package import ENGINES, noise_photo
from tests.tolerances import COUNT_RELATIVE, EMPTY_PEOPLE, SAMPLE_RELATIVE

SAMPLES = Path(__file__).parents[1] / "samples" / "photos"
SIZES = [(64, 64), (480, 640), (431, 777), (1080, 1920)]
FRAMES = {"black": 0, "white": 255, "grey": 128}
EMPTY = [(1, "plaza"), (2, "street"), (3, "stop"), (4, "park"), (5, "plaza"), (6, "street")]


@pytest.fixture(scope="module")
def counter() -> Iterator[CrowdCounter]:
    with CrowdCounter() as counter:
        yield counter


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("colour", FRAMES)
def test_a_blank_frame_holds_nobody(counter: CrowdCounter, colour: str, size: tuple[int, int]) -> None:
    assert counter.count(np.full((*size, 3), FRAMES[colour], np.uint8)).count < EMPTY_PEOPLE


@pytest.mark.parametrize("size", SIZES)
def test_noise_holds_nobody(counter: CrowdCounter, size: tuple[int, int]) -> None:
    assert counter.count(noise_photo(*size)).count < EMPTY_PEOPLE


@pytest.mark.parametrize(("seed", "background"), EMPTY)
def test_an_empty_scene_holds_nobody(counter: CrowdCounter, seed: int, background: str) -> None:
    scene = draw_empty(seed, style=SceneStyle(background=background))

    assert counter.count(scene.photo).count < EMPTY_PEOPLE


@pytest.mark.parametrize("name", ["plaza.jpg", "street.jpg", "bus_stop.jpg"])
def test_a_sample_photo_is_counted_about_right(counter: CrowdCounter, name: str) -> None:
    people = json.loads((SAMPLES / "counts.json").read_text())[name]

    assert counter.count(SAMPLES / name).count == pytest.approx(people, rel=SAMPLE_RELATIVE)


def test_it_answers_its_golden_photo_on_every_engine() -> None:
    diagnosis = diagnose(DEFAULT_PACKAGE)

    assert diagnosis.healthy, diagnosis.replays
    assert {replay.engine for replay in diagnosis.replays} == set(ENGINES)


def test_tiles_change_nothing(counter: CrowdCounter) -> None:
    from sdk import CountOptions

    scene = draw_empty(7, width=900, height=700).photo
    halo = counter.manifest.receptive_halo

    with CrowdCounter(options=CountOptions(tile=2 * (halo + 16) + 160)) as tiled:
        result = tiled.count(scene)
        assert result.tiles > 1
        assert result.count == pytest.approx(counter.count(scene).count, rel=COUNT_RELATIVE, abs=COUNT_RELATIVE)


def test_it_is_small_enough_to_ship() -> None:
    size = sum(file.stat().st_size for file in (DEFAULT_PACKAGE, *DEFAULT_PACKAGE.rglob("*")) if file.is_file())

    assert 0 < size < 32 * 2**20
