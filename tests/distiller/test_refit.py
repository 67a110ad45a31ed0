"""Fitting the last convolution: it lowers errors on its photos, forgets crowds that are not there, and writes one layer."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from distiller import checkpoint as store
from distiller.commands import main
from distiller.config import TrainConfig, read_config
from distiller.networks import build
from distiller.refit import NOBODY, Fitting, Last, Photo, fit, refit, shares
from distiller.trainer import Trainer
from tests.tolerances import COUNT_RELATIVE


def photo(people: float, seed: int) -> Photo:
    features = 0.1 * torch.rand(400, 8, generator=torch.Generator().manual_seed(seed))
    features[:, 0] = people / 4  # a weight of 0.01 counts right
    return Photo(features.bfloat16(), people)


def error(last: Last, photos: list[Photo]) -> float:
    return sum(abs(float(last.count(one.features)) - one.people) for one in photos) / len(photos)


def test_the_fit_counts_its_photos_with_less_error_and_fewer_people_where_nobody_is() -> None:
    groups = {"crowd": [photo(people, people) for people in (20, 50, 90)], NOBODY: [photo(0, 7), photo(0, 8)]}
    start = Last(torch.full((8,), 0.01), torch.zeros(1))

    fitted = fit(start, groups, {"crowd": 0.75, NOBODY: 0.25}, Fitting(300), seed=1)

    assert error(fitted, groups["crowd"]) < error(start, groups["crowd"])
    assert error(fitted, groups[NOBODY]) < error(start, groups[NOBODY])


def test_pictures_of_nobody_count_for_more_where_they_weigh_more() -> None:
    groups = {"crowd": [photo(people, people) for people in (20, 50, 90)], NOBODY: [photo(0, 7), photo(0, 8)]}
    start, parts = Last(torch.full((8,), 0.01), torch.zeros(1)), {"crowd": 0.75, NOBODY: 0.25}

    light, heavy = (fit(start, groups, parts, Fitting(300, nobody), seed=1) for nobody in (0.1, 50))

    assert error(heavy, groups[NOBODY]) < error(light, groups[NOBODY])


def test_the_same_seed_fits_the_same() -> None:
    groups = {"crowd": [photo(30, 1)], NOBODY: [photo(0, 2)]}
    start, parts = Last(torch.full((8,), 0.01), torch.zeros(1)), {"crowd": 0.5, NOBODY: 0.5}

    one, other = (fit(start, groups, parts, Fitting(20), seed=4) for _ in range(2))

    assert torch.equal(one.weight, other.weight)
    assert torch.equal(one.bias, other.bias)


def test_a_photo_is_counted_as_the_network_sums_its_cells() -> None:
    network = build("googlenet", 16).eval()
    image = torch.randint(0, 256, (1, 64, 96, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    last = Last(network.head[-1].weight.detach().flatten(), network.head[-1].bias.detach())

    with torch.no_grad():
        features = network.head[:-1](network.enlarge(network.frontend(network.normalise(image))))
        assert float(last.count(features[0].flatten(1).T)) == pytest.approx(
            float(network(image).sum()), rel=COUNT_RELATIVE
        )


def test_parts_of_a_step_add_up_to_one() -> None:
    assert sum(shares(read_config("googlenet")).values()) == pytest.approx(1)


def start_of(config: TrainConfig, folder: Path) -> Path:
    """An untrained checkpoint of the config."""
    Trainer(config).save(folder / "start", {})
    return folder / "start"


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few pictures of nobody, so that a test takes seconds."""
    monkeypatch.setattr("distiller.refit.SCENES", 1)
    monkeypatch.setattr("distiller.refit.PATTERNS", 1)


@pytest.mark.usefixtures("small_groups")
def test_the_checkpoint_differs_in_its_last_convolution_alone(
    tiny: TrainConfig, drawn_set: Path, tmp_path: Path
) -> None:
    start = start_of(tiny, tmp_path)
    saved = store.load(start)

    scores = refit(start, drawn_set, tmp_path / "out", Fitting(3), stream=io.StringIO())

    before, after = saved.group("ema"), store.load(tmp_path / "out").group("model")
    changed = {key for key, value in before.items() if not torch.equal(value, after[key])}
    assert changed <= {"head.2.weight", "head.2.bias"}
    assert set(scores) == {"before", "after"}


@pytest.mark.usefixtures("small_groups")
def test_the_command_prints_both_scores(tiny: TrainConfig, drawn_set: Path, tmp_path: Path) -> None:
    start = start_of(tiny, tmp_path)
    arguments = ["refit", str(start), "--data", str(drawn_set), "--out", str(tmp_path / "o"), "--steps", "2"]

    result = CliRunner().invoke(main, [*arguments, "--json"])

    assert result.exit_code == 0, result.output
    assert set(json.loads(result.stdout)) == {"checkpoint", "before", "after"}
