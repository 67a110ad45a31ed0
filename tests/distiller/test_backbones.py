"""ImageNet weights of ResNet-50 and DenseNet-169: under their published names, on their own pixels, folded or not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from distiller.backbones import CAFFE_MEAN_BGR, load_backbone, rename
from distiller.layers import IMAGENET_MEAN_RGB, IMAGENET_STD_RGB
from distiller.networks import Architecture, CountingNetwork
from distiller.pretrained import load_encoder
from sdk.errors import ArtifactError
from tests.students import student

PUBLISHED = {  # our names -> torchvision's, in the order in which they are tried
    "resnet50": [(r"conv(\d)\.norm\.", r"bn\1."), (r"\.conv\.", "."), (r"downsample\.norm", "downsample.1")],
    "densenet169": [
        (r"(denselayer\d+)\.first\.norm", r"\1.norm1"),
        (r"(denselayer\d+)\.conv1\.norm", r"\1.norm2"),
        (r"(transition\d)\.first\.norm", r"\1.norm"),
        (r"^conv0\.norm", "norm0"),
        (r"(conv\d)\.conv\.", r"\1."),
    ],
}
FAMILIES = sorted(PUBLISHED)


def published_name(family: str, key: str) -> str:
    for pattern, theirs in PUBLISHED[family]:
        key = re.sub(pattern, theirs, key)
    key = re.sub(r"downsample\.(?!1)", "downsample.0.", key)
    return key if family == "resnet50" else f"features.{key}"


def published(network: CountingNetwork, family: str) -> dict[str, torch.Tensor]:
    """The front end's weights as the files have them: no biases beside normalisations, no counters."""
    tensors = {}
    for key, value in network.frontend.state_dict().items():
        bias_of_conv = key.endswith("bias") and ".norm" not in key
        if not bias_of_conv and not key.endswith("num_batches_tracked"):
            tensors[published_name(family, key)] = value.clone()
    return tensors


def without_biases(family: str) -> CountingNetwork:
    network = student(family, batch_norm=True)
    for module in network.frontend.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.zeros_(module.bias)
    return network


def their_pixels(family: str, image: torch.Tensor) -> torch.Tensor:
    """(n, h, w, 3) uint8 BGR as the published network takes it."""
    if family == "resnet50":
        return (image.float() - torch.tensor(CAFFE_MEAN_BGR)).permute(0, 3, 1, 2)
    rgb = image.flip(3).float() / 255
    return ((rgb - torch.tensor(IMAGENET_MEAN_RGB)) / torch.tensor(IMAGENET_STD_RGB)).permute(0, 3, 1, 2)


def photos() -> torch.Tensor:
    return torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_published_weights_compute_what_they_did_on_their_own_pixels(
    family: str, batch_norm: bool, tmp_path: Path
) -> None:
    source, architecture = without_biases(family), Architecture(family, 16, batch_norm)
    save_file(published(source, family), str(tmp_path / "weights.safetensors"))
    network = architecture.build().eval()

    load_encoder(network, architecture, tmp_path / "weights.safetensors", photos())

    with torch.no_grad():
        found = network.frontend(network.normalise(photos()))
        expected = source.frontend(their_pixels(family, photos()))
    inner = (..., slice(1, -1), slice(1, -1))  # the border's padding is another colour, a hair apart
    torch.testing.assert_close(found[inner], expected[inner], rtol=0.02, atol=0.02 * expected.std().item())


@pytest.mark.parametrize("family", FAMILIES)
def test_names_go_there_and_back(family: str) -> None:
    keys = without_biases(family).frontend.state_dict()

    assert [key for key in keys if rename(published_name(family, key)) != key] == []


def test_weights_that_do_not_fit_are_refused() -> None:
    weights = published(without_biases("resnet50"), "resnet50")
    network, architecture = student("resnet50"), Architecture("resnet50", 16, batch_norm=True)

    with pytest.raises(ArtifactError, match=r"file holds no layer1\.0\.conv1\.conv\.weight of the network's front end"):
        load_backbone(network, architecture, {k: v for k, v in weights.items() if k != "layer1.0.conv1.weight"}, "file")
    weights["layer1.0.conv1.weight"] = torch.zeros(2, 2, 1, 1)
    with pytest.raises(ArtifactError, match=r"layer1\.0\.conv1\.conv\.weight has shape \(2, 2, 1, 1\), the network's"):
        load_backbone(network, architecture, weights, "file")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "file"),
    [("resnet50", "resnet50_imagenet_to_layer3"), ("densenet169", "densenet169_imagenet_to_transition3")],
)
def test_the_published_files_fit(family: str, file: str, shared_weights: Path) -> None:
    architecture = Architecture(family, batch_norm=True)
    network = architecture.build().eval()

    load_encoder(network, architecture, shared_weights / f"{file}.safetensors", photos())

    with torch.no_grad():
        features = network.frontend(network.normalise(photos()))
    assert torch.isfinite(features).all()
    assert features.std() > 0.01
