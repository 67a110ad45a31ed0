"""GoogLeNet's weights under Caffe's names: on its own pixels, with its normalisation as near as factors come."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from distiller.counting import CountingNetwork
from distiller.googlenet import BLOCKS, CAFFE_MEAN_BGR, FOLLOWS_NORMALISATION, _names, load_googlenet
from distiller.networks import Architecture, build, count_macs, count_parameters
from distiller.pretrained import load_encoder
from sdk.errors import ArtifactError
from sdk.scenes import draw_scene

FAR_FROM_CAFFE = 0.55  # least correlation of block 3b's output with Caffe's: factors stand for a normalisation


def photos(side: int = 128) -> torch.Tensor:
    photo = draw_scene(3, people=40, width=256, height=side).photo
    return torch.from_numpy(photo[None, :, :side].copy())


def published(network: CountingNetwork) -> dict[str, torch.Tensor]:
    """The front end's weights under Caffe's names, as large as Caffe's, for activations of some tens."""
    tensors = {}
    for theirs, ours in _names(network).items():
        for item, value in network.get_submodule(f"frontend.{ours}.conv").state_dict().items():
            tensors[f"{theirs}.{item}"] = value.clone()
    return tensors


def caffe(weights: dict[str, torch.Tensor], image: torch.Tensor) -> torch.Tensor:
    """Block 3b's output by the layers' definitions, pools of 2x2; (n, h, w, 3) uint8 BGR."""

    def conv(name: str, x: torch.Tensor, stride: int = 1) -> torch.Tensor:
        weight = weights[f"{name}.weight"].float()
        padding = weight.shape[2] // 2
        answer: torch.Tensor = torch.conv2d(x, weight, weights[f"{name}.bias"], stride=stride, padding=padding)
        return answer.relu()

    def block(name: str, x: torch.Tensor) -> torch.Tensor:
        three = conv(f"{name}/3x3", conv(f"{name}/3x3_reduce", x))
        five = conv(f"{name}/5x5", conv(f"{name}/5x5_reduce", x))
        pool = conv(f"{name}/pool_proj", F.max_pool2d(x, 3, 1, 1))
        return torch.cat([conv(f"{name}/1x1", x), three, five, pool], 1)

    def normalised(x: torch.Tensor) -> torch.Tensor:
        return F.local_response_norm(x, 5, 1e-4, 0.75, 1.0)

    x = (image.float() - torch.tensor(CAFFE_MEAN_BGR)).permute(0, 3, 1, 2)
    x = normalised(F.max_pool2d(conv("conv1/7x7_s2", x, stride=2), 2))
    x = F.max_pool2d(normalised(conv("conv2/3x3", conv("conv2/3x3_reduce", x))), 2)
    return block("inception_3b", block("inception_3a", x))


def features(network: CountingNetwork, image: torch.Tensor) -> torch.Tensor:
    x = network.normalise(image)
    for name, layer in network.frontend.named_children():
        if name == "join":
            break
        x = layer(x)
    return x


def correlation(one: torch.Tensor, other: torch.Tensor) -> float:
    both = torch.stack([one[..., 2:-2, 2:-2].flatten(), other[..., 2:-2, 2:-2].flatten()])
    return torch.corrcoef(both)[0, 1].item()


@torch.no_grad()
def test_copied_weights_answer_nearly_as_caffes_network_and_about_one() -> None:
    torch.manual_seed(1)
    source, network = build("googlenet", 4), build("googlenet", 4)
    weights = published(source)

    load_googlenet(network, weights, photos(), "file")

    own = features(network, photos())
    assert correlation(own, caffe(weights, photos())) > 0.99  # activations are small: the normalisation does little
    assert own.std().item() == pytest.approx(1, rel=1e-3)


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    weights = published(build("googlenet", 8))
    network, architecture = build("googlenet", 8), Architecture("googlenet", 8)
    save_file({k: v for k, v in weights.items() if k != "inception_3b/5x5.bias"}, str(tmp_path / "short.safetensors"))

    with pytest.raises(ArtifactError, match=r"short\.safetensors holds no inception_3b/5x5\.bias of the network's"):
        load_encoder(network, architecture, tmp_path / "short.safetensors", photos())
    weights["conv2/3x3.weight"] = torch.zeros(1, 2, 3, 3)
    with pytest.raises(ArtifactError, match=r"file: conv2/3x3\.weight has shape \(1, 2, 3, 3\), the network's has"):
        load_googlenet(network, weights, photos(), "file")


@pytest.mark.parametrize(
    ("name", "convolutions"), [("googlenet-tiny", 9), ("googlenet-quick", 21), ("googlenet-deep", 45)]
)
def test_every_depth_takes_the_same_weights(name: str, convolutions: int) -> None:
    network = build(name, 8)

    assert load_googlenet(network, published(build("googlenet-deep", 8)), photos(), "file") == convolutions
    assert network.eval()(photos()).shape == (1, 16, 16)


def test_every_layer_behind_a_normalisation_holds_its_factors() -> None:
    names = _names(build("googlenet", 8))

    assert set(FOLLOWS_NORMALISATION) <= set(names)
    assert len(names) == 3 + 6 * len(("3a", "3b", "4a"))


def test_the_quick_one_costs_a_third() -> None:
    assert count_macs(build("googlenet-quick"), 576, 864) < 0.34 * count_macs(build("googlenet"), 576, 864)
    assert count_parameters(build("googlenet-quick")) < 1.35e6


def test_blocks_have_the_published_channels() -> None:
    assert [BLOCKS[name].outputs for name in ("3a", "3b", "4a", "4e")] == [256, 480, 512, 832]
    assert count_parameters(build("googlenet")) == pytest.approx(1.29e6, rel=0.01)
    assert count_parameters(build("googlenet-tiny")) < 0.35e6


@torch.no_grad()
def test_the_published_file_fits(shared_weights: Path) -> None:
    path = shared_weights / "googlenet_imagenet.safetensors"
    network = build("googlenet")

    assert load_encoder(network, Architecture("googlenet"), path, photos(256)) == 21
    assert correlation(features(network, photos(256)), caffe(load_file(str(path)), photos(256))) > FAR_FROM_CAFFE
