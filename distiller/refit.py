"""Fits a network's last convolution anew on whole photos, so that their counts are right, and pictures of nobody.

A network trained on crops may count whole photos too low or too high on average, and see a little of a crowd where
there is none. Its features seldom are at fault: the last convolution's few weights are fitted on them, by the absolute
error of each photo's count, in units of what the set's photos are off by at the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from distiller import checkpoint as store
from distiller.augment import empty_crop
from distiller.config import TrainConfig, with_settings
from distiller.data import LabelledSet, drawn_scene, read_photo, read_sets
from distiller.device import autocast
from distiller.evaluation import config_of
from distiller.networks import CountingNetwork
from distiller.validation import Scores, validate_sets

NOBODY = "nobody"
PHOTOS = 200  # of each set
SCENES, PATTERNS, PATTERN_SIDE = 40, 60, 512  # pictures of nobody; pixels
PLAIN = (0, 8, 32, 64, 128, 192, 255)  # brightness of plain pictures of nobody: a covered lens, a camera at night
NOBODY_PART = 0.25  # of the photos of a step
BATCH = 12  # photos a step
RATE = 5e-5  # learning rate at the start, beside weights of about 0.01
LEAST_ERROR = 0.25  # people: the least unit of a set's errors


@dataclass(frozen=True)
class Fitting:
    """How the last convolution is fitted."""

    steps: int = 3000
    nobody: float = 8.0  # what errors in pictures of nobody weigh, in units of what those are off by at the start
    settings: tuple[str, ...] = ()  # of the config: a set's weight is its share of the photos


@dataclass(frozen=True)
class Photo:
    """The last convolution's inputs (places, channels) in bfloat16, and the true number of people."""

    features: Tensor
    people: float


@dataclass(frozen=True)
class Last:
    """The last convolution: weight (channels,) and bias (1,)."""

    weight: Tensor
    bias: Tensor

    def count(self, features: Tensor) -> Tensor:
        """People in a photo, as the network sums its cells."""
        return torch.relu(features.float() @ self.weight + self.bias).sum()


def refit(checkpoint: Path, data: Path, out: Path, how: Fitting, *, stream: TextIO) -> dict[str, dict[str, Scores]]:
    """Write the checkpoint with its last convolution fitted anew; held-out photos' scores before and after."""
    saved = store.load(checkpoint)
    config = with_settings(config_of(saved), how.settings)
    network = store.network_of(saved).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    sets = read_sets(config, data)
    before = validate_sets(network, sets)
    groups = read_groups(network, sets, config, stream)
    last = network.head[-1]
    start = Last(last.weight.detach().flatten(), last.bias.detach())
    fitted = fit(start, groups, shares(config), how, seed=config.seed)
    with torch.no_grad():
        last.weight.copy_(fitted.weight.view_as(last.weight))
        last.bias.copy_(fitted.bias)
    after = validate_sets(network, sets)
    tensors = {f"model.{key}": value for key, value in network.state_dict().items()}
    store.save(
        out,
        store.Checkpoint(
            tensors,
            {**saved.facts, "refit": asdict(how), "metrics": after},
        ),
    )
    return {"before": before, "after": after}


def shares(config: TrainConfig) -> dict[str, float]:
    """Each group's part of a step's photos."""
    total = sum(about.weight for about in config.sets.values())
    parts = {name: (1 - NOBODY_PART) * about.weight / total for name, about in config.sets.items()}
    return {**parts, NOBODY: NOBODY_PART}


def read_groups(
    network: CountingNetwork, sets: Sequence[LabelledSet], config: TrainConfig, stream: TextIO
) -> dict[str, list[Photo]]:
    """Features of training photos of each set, evenly chosen, and of pictures of nobody."""
    groups = {}
    for one in sets:
        chosen = [
            one.training[i] for i in np.linspace(0, len(one.training) - 1, min(PHOTOS, len(one.training)), dtype=int)
        ]
        stream.write(f"{one.name}: {len(chosen)} photos\n")
        groups[one.name] = [read_features(network, read_photo(s.photo), s.points, config) for s in chosen]
    rng, nothing = np.random.default_rng(config.seed), np.zeros((0, 2), np.float32)
    pictures = [drawn_scene(seed) for seed in range(SCENES)]
    pictures += [empty_crop(PATTERN_SIDE, rng).image for _ in range(PATTERNS)]
    pictures += [np.full((PATTERN_SIDE, PATTERN_SIDE, 3), brightness, np.uint8) for brightness in PLAIN]
    groups[NOBODY] = [read_features(network, picture, nothing, config) for picture in pictures]
    return groups


@torch.no_grad()
def read_features(
    network: CountingNetwork, image: NDArray[np.uint8], points: NDArray[np.float32], config: TrainConfig
) -> Photo:
    """A photo's, cut to whole multiples of the network's sides; image (h, w, 3) uint8 BGR, points (n, 2)."""
    height, width = (side // network.multiple * network.multiple for side in image.shape[:2])
    x = torch.from_numpy(np.ascontiguousarray(image[:height, :width]))[None]
    with autocast(x.device, config.autocast):
        maps = network.head[:-1](network.enlarge(network.frontend(network.normalise(x))))
    inside = (points[:, 0] < width) & (points[:, 1] < height)
    return Photo(maps[0].flatten(1).T.contiguous().bfloat16(), float(inside.sum()))


def fit(
    start: Last,
    groups: dict[str, list[Photo]],
    parts: dict[str, float],
    how: Fitting,
    *,
    seed: int,
) -> Last:
    """The last convolution that counts the groups' photos with the least error, groups drawn by their parts."""
    units = {name: _mean_error(start, photos) for name, photos in groups.items()}
    units[NOBODY] /= how.nobody
    last = Last(*(nn.Parameter(value.clone()) for value in (start.weight, start.bias)))
    optimizer = torch.optim.Adam([last.weight, last.bias], RATE)
    rng, names = np.random.default_rng(seed), list(groups)
    for step in range(how.steps):
        optimizer.param_groups[0]["lr"] = RATE * (1 - step / how.steps)
        costs = []
        for name in rng.choice(names, BATCH, p=[parts[name] for name in names]):
            photo = groups[name][int(rng.integers(len(groups[name])))]
            true, slack = torch.tensor(photo.people), 0.1 * photo.people + 1  # squared below it, absolute above
            costs.append(F.smooth_l1_loss(last.count(photo.features), true, beta=slack) / units[name])
        optimizer.zero_grad()
        torch.stack(costs).mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return Last(last.weight.detach(), last.bias.detach())


@torch.no_grad()
def _mean_error(last: Last, photos: Sequence[Photo]) -> float:
    errors = [abs(float(last.count(photo.features)) - photo.people) for photo in photos]
    return max(LEAST_ERROR, float(np.mean(errors)))
