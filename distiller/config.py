"""The settings of a training run.

A key's meaning never changes; a new key has a default that keeps old runs as they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distiller.augment import Augment
from distiller.device import AUTOCAST, DEVICES
from distiller.limits import check_choice, check_limits
from distiller.networks import ARCHITECTURES
from distiller.objectives import OBJECTIVES
from distiller.targets import Spread
from sdk.config import parse, read_yaml, to_plain, with_overrides
from sdk.errors import ConfigError

SCHEDULES = ("linear", "cosine")
RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class SetConfig:
    """One labelled set: its reader, where it lies, how often its photos are drawn, which are held out."""

    dataset: str
    root: str  # relative to the data folder
    part: str = ""
    split: str = "train"
    weight: float = 1.0  # this set's share of the crops, relative to the other sets
    validation: tuple[str, ...] = ()  # names of photos, or beginnings that end in *

    def __post_init__(self) -> None:
        check_limits("sets.*.", {"weight": self.weight}, {"weight": (1e-9, 1e9)})


@dataclass(frozen=True)
class TeacherConfig:
    """What the student learns from a teacher beside the labels: weights, 0 for nothing. See distiller.transfer."""

    soft: float = 0.0  # of the teacher's density as a target
    soft_loss: str = "density-mse"  # or poisson: see poisson_squares
    intra: float = 0.0  # of Intra-Layer Pattern Transfer
    inter: float = 0.0  # of Inter-Layer Relation Transfer
    taps: str = "full"  # full: each at its own resolution; pooled: all pooled to the smallest before they are adapted
    autocast: str = "auto"  # number format of the teacher's convolutions: bfloat16, off, or bfloat16 where it pays

    def __post_init__(self) -> None:
        weights = {"soft": self.soft, "intra": self.intra, "inter": self.inter}
        check_limits("teacher.", weights, dict.fromkeys(weights, (0.0, 1e9)))
        check_choice("teacher.soft_loss", self.soft_loss, ("density-mse", "poisson"))
        check_choice("teacher.taps", self.taps, ("full", "pooled"))
        check_choice("teacher.autocast", self.autocast, AUTOCAST)

    @property
    def tapped(self) -> bool:
        """Whether the student learns from features."""
        return self.intra > 0 or self.inter > 0

    @property
    def used(self) -> bool:
        """Whether the student learns anything from a teacher."""
        return self.tapped or self.soft > 0


@dataclass(frozen=True)
class TrainConfig:
    """A training run, whole."""

    architecture: str
    n: int  # every layer keeps 1/n of its channels
    sets: dict[str, SetConfig]
    batch_norm: bool = True
    encoder: str = ""  # ImageNet weights to start from, relative to the weights folder
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    augment: Augment = field(default_factory=Augment)
    empty: float = 0.05  # part of the crops that show nobody
    empty_scenes: float = 0.0  # part of those that are cut from drawn scenes; the others are plain patterns
    objective: str = "bayesian"  # what the density is trained against: see distiller.objectives
    balance: float = 0.0  # 0 to 1: how far sparse crops are raised to the weight of dense ones; see crop_weight
    seed: int = 1
    batch: int = 6  # crops a step, over all processes
    accumulate: int = 1  # parts in which a process takes its crops of a step, to need less memory
    shards: int = 0  # parts of a step's crops that are drawn apart, for as many processes; 0: as many as there are
    steps: int = 14000
    warmup: int = 300  # steps over which the learning rate rises
    schedule: str = "linear"  # or cosine: how the learning rate falls; see learning_rate
    decay: int = 4000  # linear: steps at the end over which it falls to zero
    lr: float = 1e-3
    last_lr: float = 1.0  # of lr, the part for the last convolution: its weights are small, people per cell
    weight_decay: float = 1e-4
    clip: float = 5.0  # greatest gradient norm, in units of its running mean
    ema: float = 0.999  # of the averaged weights, the part that a step keeps
    sigma: float = 8.0  # pixels; bayesian: see bayesian_loss
    margin: float = 48.0  # pixels; bayesian: see bayesian_loss
    target: Spread = field(default_factory=Spread)  # density-mse: how target maps spread each head
    save_every: int = 250  # steps
    validate_every: int = 1000  # steps
    device: str = "auto"  # auto: a GPU where there is one
    autocast: str = "auto"  # number format of the convolutions: bfloat16, off, or bfloat16 where it pays
    cache_gb: float = 8.0  # decoded photos kept in memory

    def __post_init__(self) -> None:
        check_choice("architecture", self.architecture, ARCHITECTURES)
        check_choice("objective", self.objective, OBJECTIVES)
        check_choice("schedule", self.schedule, SCHEDULES)
        check_choice("device", self.device, DEVICES)
        check_choice("autocast", self.autocast, AUTOCAST)
        check_limits("", {name: getattr(self, name) for name in LIMITS}, LIMITS)
        for name in ("accumulate", "shards"):
            if self.batch % max(1, getattr(self, name)):
                raise ConfigError(f"setting {name} is {getattr(self, name)}, expected a divisor of batch, {self.batch}")
        if not self.sets:
            raise ConfigError("setting sets is empty", hint="name at least one labelled set")


LIMITS: Mapping[str, tuple[float, float]] = {
    "n": (1, 512),
    "empty": (0, 1),
    "empty_scenes": (0, 1),
    "balance": (0, 1),
    "seed": (0, 2**63 - 1),
    "batch": (1, 65536),
    "accumulate": (1, 65536),
    "shards": (0, 65536),
    "steps": (1, 1e9),
    "warmup": (0, 1e9),
    "decay": (0, 1e9),
    "lr": (1e-9, 10),
    "last_lr": (1e-6, 1),
    "weight_decay": (0, 10),
    "clip": (1e-3, 1e6),
    "ema": (0, 1),
    "sigma": (0.1, 1000),
    "margin": (0.1, 10000),
    "save_every": (1, 1e9),
    "validate_every": (1, 1e9),
    "cache_gb": (0, 1e6),
}


def recipe_names() -> list[str]:
    """The recipes that ship with the package."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def read_config(recipe: str, settings: Iterable[str] = ()) -> TrainConfig:
    """The config of a shipped recipe's name or a YAML file, with each `a.b=value` set."""
    path = Path(recipe)
    if not recipe.endswith((".yaml", ".yml")):
        check_choice("--recipe", recipe, recipe_names(), hint="or give a file that ends with .yaml")
        path = RECIPES / f"{recipe}.yaml"
    return parse(TrainConfig, with_overrides(read_recipe(path), settings))


def read_recipe(path: Path) -> dict[str, Any]:
    """A recipe's settings; one that has a `base` changes those of that shipped recipe, and null takes one out."""
    own = read_yaml(path)
    base = own.pop("base", None)
    if base is None:
        return own
    if base not in recipe_names() or path.stem == base:
        others = [name for name in recipe_names() if name != path.stem]
        raise ConfigError(f"config {path} has base {base!r}", hint=f"known: {', '.join(others)}")
    return merged(read_recipe(RECIPES / f"{base}.yaml"), own)


def merged(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with the changes in their place, group by group; a change to null takes a setting out."""
    result = dict(settings)
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = value
    return result


def with_settings(config: TrainConfig, settings: Iterable[str]) -> TrainConfig:
    """The config with each `a.b=value` set."""
    return parse(TrainConfig, with_overrides(to_plain(config), settings))


def differing_settings(one: TrainConfig, other: TrainConfig) -> list[str]:
    """Each setting that differs, as `a.b: value, not other value`."""
    here, there = _flat(to_plain(one)), _flat(to_plain(other))
    keys = [*here, *(key for key in there if key not in here)]
    return [f"{key}: {here.get(key)}, not {there.get(key)}" for key in keys if here.get(key) != there.get(key)]


def _flat(data: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """Nested settings by their dotted names."""
    flat: dict[str, Any] = {}
    for key, value in data.items():
        flat |= _flat(value, f"{where}{key}.") if isinstance(value, Mapping) else {f"{where}{key}": value}
    return flat
