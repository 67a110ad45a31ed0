"""Which photos training crops come from, and in which order.

The crops of a step are a function of the seed and the step's number alone, so that a resumed run sees what an unbroken
one would have seen, whatever the number of loader threads, and of processes where the config says into how many shards
a step's crops are parted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distiller.augment import Crop, change_light, empty_crop, random_crop
from distiller.config import TrainConfig
from distiller.parallel import Ranks
from sdk.datasets import Sample, read_dataset
from sdk.errors import ConfigError, InputError
from sdk.frame import decode_bytes, read_bytes
from sdk.scenes import draw_empty

SCENES = 64  # drawn scenes without people
SCENE_WIDTH, SCENE_HEIGHT = 1024, 768  # pixels


@dataclass(frozen=True)
class LabelledSet:
    """One labelled set's photos: those to train on and those held out."""

    name: str
    weight: float
    training: Sequence[Sample]
    validation: Sequence[Sample]


def is_held_out(name: str, patterns: Sequence[str]) -> bool:
    """Whether a photo's name is one of the patterns, or begins like one that ends in *."""
    return any(_matches(name, pattern) for pattern in patterns)


def _matches(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def read_sets(config: TrainConfig, data: Path) -> list[LabelledSet]:
    """The config's labelled sets by name, each split as it says; refuses a held-out name that no photo has."""
    return [_read_set(config, name, data) for name in sorted(config.sets)]  # JSON and YAML may list them otherwise


def _read_set(config: TrainConfig, name: str, data: Path) -> LabelledSet:
    about = config.sets[name]
    samples = read_dataset(about.dataset, data / about.root, about.part, about.split)
    for pattern in about.validation:
        if not any(_matches(sample.name, pattern) for sample in samples):
            hint = f"its photos are named like {samples[0].name!r}" if samples else "the set is empty"
            raise ConfigError(f"sets.{name}.validation names {pattern!r}, and no photo is called that", hint=hint)
    held_out = [sample for sample in samples if is_held_out(sample.name, about.validation)]
    training = [sample for sample in samples if not is_held_out(sample.name, about.validation)]
    if not training:
        raise InputError(f"set {name} has no photo to train on: {len(samples)} read, {len(held_out)} held out")
    return LabelledSet(name, about.weight, training, held_out)


def read_photo(path: Path) -> NDArray[np.uint8]:
    """A labelled photo as (h, w, 3) uint8 BGR, as stored: labels refer to the stored pixels, before EXIF rotation."""
    return decode_bytes(read_bytes(path), str(path), upright=False)


class PhotoCache:
    """Decoded photos, kept while they fit into `limit` bytes; the others are decoded each time."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.held = 0
        self._photos: dict[Path, NDArray[np.uint8]] = {}

    def read(self, path: Path) -> NDArray[np.uint8]:
        """The photo (h, w, 3) uint8 BGR."""
        photo = self._photos.get(path)
        if photo is None:
            photo = read_photo(path)
            if self.held + photo.nbytes <= self.limit:
                self._photos[path] = photo
                self.held += photo.nbytes
        return photo


@lru_cache(SCENES)
def drawn_scene(seed: int) -> NDArray[np.uint8]:
    """A scene without people, (h, w, 3) uint8 BGR; drawn once, however many streams show it."""
    return draw_empty(seed, width=SCENE_WIDTH, height=SCENE_HEIGHT).photo


class CropStream:
    """The crops of each step: sets are drawn by weight, photos uniformly, `config.empty` of the crops show nobody."""

    def __init__(self, sets: Sequence[LabelledSet], config: TrainConfig, ranks: Ranks | None = None) -> None:
        self.ranks = ranks or Ranks()
        self.sets = list(sets)
        weights = np.array([one.weight for one in sets])
        self.weights = weights / weights.sum()
        self.config = config
        self.cache = PhotoCache(config.cache_gb * 1e9)

    def batch(self, step: int, size: int) -> list[Crop]:
        """The crops of one step, of all processes together."""
        return self._shards(step, size, range(self._parts()))

    def share(self, step: int) -> list[Crop]:
        """The crops of one step that are this process's."""
        each = self._parts() // self.ranks.world
        return self._shards(step, self.config.batch, range(each * self.ranks.rank, each * (self.ranks.rank + 1)))

    def _parts(self) -> int:
        return self.config.shards or self.ranks.world

    def _shards(self, step: int, size: int, chosen: range) -> list[Crop]:
        """The crops of some of a step's shards; each is drawn apart, so that no process waits for another's."""
        shards, crops = self._parts(), []
        for shard in chosen:
            rng = np.random.default_rng([self.config.seed, step, *([shard] if shards > 1 else [])])
            crops += [self._crop(rng) for _ in range(size // shards)]
        return crops

    def _crop(self, rng: np.random.Generator) -> Crop:
        if rng.random() < self.config.empty:
            return self._empty_crop(rng)
        chosen = self.sets[int(rng.choice(len(self.sets), p=self.weights))]
        sample = chosen.training[int(rng.integers(len(chosen.training)))]
        crop = random_crop(self.cache.read(sample.photo), sample.points, self.config.augment, rng)
        return Crop(change_light(crop.image, self.config.augment, rng), crop.points, f"{chosen.name}/{sample.name}")

    def _empty_crop(self, rng: np.random.Generator) -> Crop:
        if not self.config.empty_scenes or rng.random() >= self.config.empty_scenes:
            return empty_crop(self.config.augment.crop, rng)
        seed = int(rng.integers(SCENES))
        crop = random_crop(drawn_scene(seed), np.zeros((0, 2), np.float32), self.config.augment, rng)
        image = change_light(crop.image, self.config.augment, rng)
        return replace(crop, image=image, source=f"drawn scene {seed} without people", nobody=True)


def prefetch(
    stream: CropStream, steps: range, *, ahead: int = 4, threads: int = 1
) -> Generator[list[Crop], None, None]:
    """A process's crops of the given steps in order, prepared by threads that stay at most `ahead` steps in front."""
    with ThreadPoolExecutor(threads, "crops") as pool:
        waiting: deque[Future[list[Crop]]] = deque()
        try:
            for step in steps:
                waiting.append(pool.submit(stream.share, step))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
