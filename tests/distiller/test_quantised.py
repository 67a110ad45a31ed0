"""Networks rounded as INT8 engines round them, and trained so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import nn

from distiller import checkpoint as store
from distiller.commands import main
from distiller.config import TrainConfig
from distiller.quantised import Quantised, Range, measure_ranges, quantised_convolutions, rounded, rounded_weights
from distiller.trainer import Trainer
from sdk.config import to_plain
from sdk.errors import ConfigError
from tests.students import student


def photos() -> torch.Tensor:
    return torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("low", "high"), [(0.0, 2.0), (-1.3, 2.7), (-2.0, 0.0)])
def test_values_go_to_the_nearest_of_256_levels_and_zero_stays(low: float, high: float) -> None:
    x, within = torch.linspace(low, high, 5001), Range(low, high)

    y = rounded(x, within)

    assert len(y.unique()) <= 256
    assert (y - x).abs().max() <= within.scale * 0.51 + abs(within.zero_point * within.scale + low)
    assert rounded(torch.zeros(1), within).item() == 0


def test_values_beyond_the_range_are_cut_off_and_their_gradients_too() -> None:
    x = torch.tensor([-1.0, 0.3, 5.0], requires_grad=True)

    y = rounded(x, Range(0.0, 1.0))
    y.sum().backward()

    assert y.tolist() == pytest.approx([0, 0.3, 1], abs=0.002)
    assert x.grad.tolist() == [0, 1, 0]


def test_weights_have_levels_of_each_output_channel() -> None:
    weight = torch.randn(4, 3, 3, 3) * torch.tensor([0.01, 1, 5, 0]).view(4, 1, 1, 1)

    error = (rounded_weights(weight) - weight).abs().amax((1, 2, 3))

    assert (error <= weight.abs().amax((1, 2, 3)) / 127 * 0.51).all()


def test_a_rounded_network_is_its_layers_one_by_one_on_rounded_values() -> None:
    network = student("csrnet", batch_norm=False)
    ranges = measure_ranges(network, [photos()])
    with torch.no_grad():
        found = Quantised(network, ranges)(photos())
        x = network.normalise(photos())
        names = iter(quantised_convolutions(network))
        for layer in [*network.frontend, *network.head[:-1]]:
            if isinstance(layer, nn.MaxPool2d):
                x = layer(x)
                continue
            conv, within = layer.conv, ranges[next(names)]
            x = (x / within.scale + within.zero_point).round().clamp(0, 255)
            scale = conv.weight.abs().amax((1, 2, 3), keepdim=True) / 127
            weight = (conv.weight / scale).round()
            padding = {"padding": conv.padding, "dilation": conv.dilation}
            sums = nn.functional.conv2d(x - within.zero_point, weight, **padding)  # of whole numbers
            x = (sums * scale.view(1, -1, 1, 1) * within.scale + conv.bias.view(1, -1, 1, 1)).relu()
        expected = network.head[-1](x).relu().squeeze(1)

    torch.testing.assert_close(found, expected, rtol=2e-2, atol=1e-4)


def test_rounding_changes_answers_a_little_and_not_the_network() -> None:
    network = student("bl", batch_norm=False)
    before = network(photos())

    density = Quantised(network, measure_ranges(network, [photos()]))(photos())

    assert 0 < (density - before).abs().max() < 0.1 * before.max()
    assert torch.equal(network(photos()), before)
    assert not any(part._forward_pre_hooks for part in network.modules())


def test_the_last_convolution_and_the_normalisation_of_pixels_stay_in_float() -> None:
    names = list(quantised_convolutions(student("bl", batch_norm=False)))

    assert (names[0], names[-1], len(names)) == ("frontend.0.conv", "head.1.conv", 18)


def test_batch_normalisation_is_folded_first() -> None:
    with pytest.raises(ConfigError, match="a network with batch normalisation cannot be trained quantised"):
        Quantised(student("bl"), {})


@pytest.fixture
def checkpoint(tiny: TrainConfig, drawn_set: Path, tmp_path: Path) -> Path:
    """A network that somebody trained, with batch normalisation."""
    trainer = Trainer(replace(tiny, n=16))
    trainer.network.load_state_dict(student("bl").state_dict())
    trainer.average.load_state_dict(student("bl").state_dict())
    trainer.save(tmp_path / "trained", {})
    return tmp_path / "trained"


def test_the_command_trains_a_checkpoint_that_can_be_exported_as_any(
    checkpoint: Path, drawn_set: Path, tmp_path: Path
) -> None:
    words = ["qat", checkpoint, "--data", drawn_set, "--out", tmp_path / "run", "--steps", 6, "--threads", 1]
    result = CliRunner().invoke(main, [*map(str, words), "--set", "lr=0.0001"])

    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    saved = store.load(tmp_path / "run" / "last")
    network = store.network_of(saved)
    assert saved.facts["architecture"] == to_plain({"name": "bl", "n": 16, "batch_norm": False})
    assert [report[name]["crowd"]["photos"] for name in ("float", "before", "after")] == [1, 1, 1]
    assert "rounded, after" in result.stdout
    assert not torch.equal(network.frontend[0].conv.weight, student("bl", batch_norm=False).frontend[0].conv.weight)


def test_rounded_training_brings_the_answers_nearer_to_the_floats() -> None:
    torch.manual_seed(1)
    network, teacher = student("bl", batch_norm=False), student("bl", batch_norm=False)
    for part in network.modules():  # channels of very unequal size are hard to round
        if isinstance(part, nn.Conv2d):
            part.weight.data[0] *= 8
    teacher.load_state_dict(network.state_dict())
    taught = teacher(photos()).detach()
    rounded_network = Quantised(network, measure_ranges(network, [photos()]))
    optimizer = torch.optim.Adam(network.parameters(), 2e-4)
    errors = []
    for _ in range(40):
        optimizer.zero_grad()
        error = ((rounded_network(photos()) - taught) ** 2).mean()
        error.backward()
        optimizer.step()
        errors.append(error.item())

    assert min(errors[20:]) < 0.7 * errors[0]
