"""Starting weights: copied where they fit, brought to scale, and refused when they do not fit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from distiller.networks import Architecture, CountingNetwork, build
from distiller.pretrained import load_encoder, named_layers, rescale, start_head
from sdk.errors import ArtifactError, ConfigError
from tests.tolerances import DENSITY_ABSOLUTE


def photos() -> torch.Tensor:
    return torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))


def features(network: CountingNetwork) -> torch.Tensor:
    """What the network computes before its last convolution."""
    with torch.no_grad():
        return network.head[:-1](network.frontend(network.normalise(photos())))


def encoder_file(path: Path, network: CountingNetwork) -> Path:
    """The network's front end under the encoder's names."""
    tensors = {}
    for name, layer in named_layers(network):
        tensors |= {f"{name}.weight": layer.conv.weight.detach(), f"{name}.bias": layer.conv.bias.detach()}
    save_file({key: value.clone() for key, value in tensors.items()}, str(path))
    return path


@pytest.mark.parametrize("batch_norm", [False, True])
def test_rescaling_keeps_what_a_network_computes_up_to_a_factor(batch_norm: bool) -> None:
    torch.manual_seed(1)
    network = build("bl", 16, batch_norm=batch_norm).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
            torch.nn.init.uniform_(module.bias, -0.2, 0.2)
    before = features(network)

    rescale(network, photos())

    after = features(network.eval())
    torch.testing.assert_close(after / after.std(), before / before.std(), atol=DENSITY_ABSOLUTE, rtol=DENSITY_ABSOLUTE)


def test_after_rescaling_every_convolution_has_unit_deviation() -> None:
    torch.manual_seed(1)
    network = build("csrnet", 16)
    seen = []
    for module in network.head[:-1]:
        module.conv.register_forward_hook(lambda _module, _inputs, output: seen.append(output.std().item()))

    rescale(network, photos())
    seen.clear()
    features(network)

    assert seen == pytest.approx([1.0] * 6, rel=1e-3)


def test_rescaling_a_network_that_is_silent_leaves_numbers() -> None:
    network = build("bl", 64)
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)

    rescale(network, photos())

    assert all(torch.isfinite(parameter).all() for parameter in network.parameters())


def test_a_head_starts_alive_even_where_there_is_nobody() -> None:
    network = build("bl", 16)
    start_head(network, 0.0)

    with torch.no_grad():
        assert network(photos()).sum() > 0


def test_layers_are_named_like_vggs() -> None:
    names = [name for name, _ in named_layers(build("csrnet", 16))]

    assert names == [
        f"conv{block}{layer}" for block, layers in enumerate((2, 2, 3, 3), 1) for layer in range(1, layers + 1)
    ]


@pytest.mark.parametrize(("architecture", "layers"), [("bl", 13), ("csrnet", 10)])
def test_the_published_encoder_fits_the_quarter_width_networks(architecture: str, layers: int) -> None:
    folder = Path(os.environ.get("SKT_WEIGHTS", Path(__file__).parents[3] / "shared" / "weights"))
    if not (folder / "vgg19_quarter_encoder.safetensors").is_file():
        pytest.skip("not run: no starting weights on this machine (set SKT_WEIGHTS to their folder)")

    assert (
        load_encoder(
            build(architecture, 4),
            Architecture(architecture, 4),
            folder / "vgg19_quarter_encoder.safetensors",
            photos(),
        )
        == layers
    )


def test_an_encoders_first_layer_is_brought_to_normalised_pixels(tmp_path: Path) -> None:
    source, network = build("bl", 64), build("bl", 64)
    load_encoder(network, Architecture("bl", 64), encoder_file(tmp_path / "encoder.safetensors", source), photos())

    raw = photos().permute(0, 3, 1, 2) - network.normalise.mean  # 0..255 minus the mean: what the encoder takes
    with torch.no_grad():
        torch.testing.assert_close(
            network.frontend(network.normalise(photos())),
            source.frontend(raw),
            atol=DENSITY_ABSOLUTE,
            rtol=DENSITY_ABSOLUTE,
        )


def test_an_encoder_of_another_width_is_refused(tmp_path: Path) -> None:
    path = encoder_file(tmp_path / "encoder.safetensors", build("bl", 32))

    with pytest.raises(ArtifactError, match=r"conv11 has shape \(2, 3, 3, 3\), the network's layer has \(1, 3, 3, 3\)"):
        load_encoder(build("bl", 64), Architecture("bl", 64), path, photos())


def test_an_encoder_that_is_missing_damaged_or_another_file_is_refused(tmp_path: Path) -> None:
    network = build("bl", 64)
    (tmp_path / "damaged.safetensors").write_bytes(b"no tensors here")
    save_file({"layer1.weight": torch.zeros(1)}, str(tmp_path / "other.safetensors"))

    with pytest.raises(ConfigError, match=r"no encoder .*gone\.safetensors"):
        load_encoder(network, Architecture("bl", 64), tmp_path / "gone.safetensors", photos())
    with pytest.raises(ArtifactError, match=r"encoder .*damaged\.safetensors cannot be read"):
        load_encoder(network, Architecture("bl", 64), tmp_path / "damaged.safetensors", photos())
    with pytest.raises(ArtifactError, match=r"other\.safetensors holds none of the network's layers"):
        load_encoder(network, Architecture("bl", 64), tmp_path / "other.safetensors", photos())
