"""Tiny students, made on the spot from a seed: untrained, but of a scale that counts some people."""

from __future__ import annotations

from pathlib import Path

import torch

from distiller import checkpoint as store
from distiller.networks import CountingNetwork, build, convolutions

FACTS = {
    "step": 7,
    "config": {
        "architecture": "bl",
        "empty_scenes": 0.1,
        "encoder": "/home/somebody/weights/vgg19_quarter_encoder.safetensors",
        "sets": {
            "a": {
                "dataset": "shanghaitech",
                "root": "/data/shanghaitech",
                "part": "A",
                "split": "train",
                "validation": ["IMG_1"],
            },
            "own": {"dataset": "points", "root": "C:\\own", "part": "", "split": "train", "validation": []},
        },
    },
}


def student(architecture: str = "bl", n: int = 16, *, batch_norm: bool = True) -> CountingNetwork:
    """A network with He's weights and batch statistics of its own, in evaluation mode; a cell counts up to about 0.1."""
    network = build(architecture, n, batch_norm=batch_norm)
    random = torch.Generator().manual_seed(3)
    for conv in convolutions(network):
        torch.nn.init.kaiming_normal_(conv.weight, nonlinearity="relu", generator=random)
        torch.nn.init.uniform_(conv.bias, -0.1, 0.1, generator=random)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2, generator=random)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5, generator=random)
    with torch.no_grad():
        convolutions(network)[-1].weight.abs_().mul_(0.02)
    return network.eval()


def save_student(folder: Path, architecture: str = "bl", n: int = 16) -> Path:
    """A checkpoint folder of such a student, as the trainer writes it."""
    tensors = {f"ema.{name}": value for name, value in student(architecture, n).state_dict().items()}
    about = {"name": architecture, "n": n, "batch_norm": True}
    store.save(folder, store.Checkpoint(tensors, {**FACTS, "architecture": about}))
    return folder
