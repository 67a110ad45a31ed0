"""How drawn people differ: build, skin, hair, headwear, clothes and pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sdk.scenes.camera import Array
from sdk.scenes.light import Random, linear

SKINS = (
    (241, 208, 184), (229, 190, 160), (218, 173, 138), (200, 152, 117), (168, 117, 84), (128, 84, 58),
    (90, 58, 42),
)  # fmt: skip
HAIRS = (
    (26, 22, 20), (34, 27, 23), (48, 36, 28), (72, 50, 34), (104, 72, 46), (150, 112, 70), (188, 156, 106),
    (150, 148, 146),
)  # fmt: skip
CALM = (
    (28, 29, 32), (44, 46, 50), (70, 72, 76), (118, 119, 120), (166, 166, 164), (214, 213, 208),
    (228, 228, 226), (24, 24, 27), (36, 38, 46), (30, 38, 62), (42, 56, 92), (72, 60, 48), (122, 102, 80),
    (196, 182, 156), (62, 70, 58), (84, 38, 44),
)  # fmt: skip
VIVID = (
    (158, 42, 46), (190, 92, 100), (206, 156, 160), (52, 88, 142), (96, 136, 182), (158, 186, 208),
    (58, 104, 84), (124, 140, 92), (204, 176, 96), (196, 116, 70), (104, 78, 116), (70, 128, 136),
    (222, 208, 188), (150, 30, 50),
)  # fmt: skip
LEGS = (
    (30, 32, 38), (40, 48, 70), (56, 72, 104), (84, 104, 138), (120, 138, 164), (26, 26, 28), (62, 60, 58),
    (140, 124, 98), (174, 160, 136), (92, 94, 90), (36, 42, 58), (34, 34, 36), (48, 58, 84),
)  # fmt: skip
BAGS = ((52, 54, 60), (60, 66, 86), (84, 84, 80), (92, 78, 62), (70, 82, 70), (118, 52, 50), (128, 128, 126))
SHOES = ((24, 24, 26), (40, 34, 30), (70, 50, 38), (210, 210, 208), (235, 235, 235), (120, 40, 40), (60, 70, 90))


@dataclass(frozen=True)
class Looks:
    """One person's looks; colours are linear BGR (3,)."""

    height: float  # metres
    broad: float  # shoulders' half width, metres
    skin: Array
    hair: Array
    hair_style: str  # "short", "long", "bun", "bald"
    headwear: str  # "", "cap", "beanie", "brim", "scarf", "hood"
    headwear_colour: Array
    top: Array
    under: Array  # what an open jacket shows
    pattern: str  # "plain", "stripes", "check", "print", "open"
    sleeve: float  # 0 bare arms, 1 to the elbow, 2 to the wrist
    lower: str  # "trousers", "shorts", "skirt", "dress", "coat"
    bottom: Array
    shoes: Array
    bag: str  # "", "backpack", "shoulder"
    bag_colour: Array
    beard: bool
    stride: float  # how far the legs swing, metres
    arms: tuple[float, float]  # how far each forearm is raised, 0 to 1


def choose_looks(random: Random, warm: float) -> Looks:
    """A person by chance; `warm` from 0 (winter clothes) to 1 (summer clothes)."""
    woman, child = random.random() < 0.5, random.random() < 0.05
    height = random.normal(1.64, 0.055) if woman else random.normal(1.75, 0.065)
    top, under, pattern = _top(random)
    lower = _choice(random, _lowers(woman, warm))
    return Looks(
        height=float(np.clip(height, 1.5, 1.92)) * (0.78 if child else 1.0),
        broad=float(random.normal(0.19 if woman else 0.215, 0.012)) * (0.75 if child else 1.0),
        skin=_colour(random, SKINS, 0.05),
        hair=_colour(random, HAIRS, 0.15),
        hair_style=_choice(
            random, {"long": 5, "bun": 2, "short": 2} if woman else {"short": 17, "bald": 2, "bun": 0.5}
        ),
        headwear=_choice(random, _headwears(woman, warm)),
        headwear_colour=_colour(random, CALM + VIVID, 0.1),
        top=top,
        under=under,
        pattern=pattern,
        sleeve=2.0
        if lower == "coat"
        else float(_choice(random, {"0": 0.25 * warm * woman, "1": warm, "2": 1.15 - warm})),
        lower=lower,
        bottom=_colour(random, LEGS if lower in ("trousers", "shorts") else CALM + VIVID, 0.1),
        shoes=_colour(random, SHOES, 0.1),
        bag=_choice(random, {"": 6, "backpack": 1.6, "shoulder": 1.8}),
        bag_colour=_colour(random, BAGS, 0.1),
        beard=not woman and random.random() < 0.3,
        stride=float(random.choice([random.uniform(0, 0.08), random.uniform(0.2, 0.38)])),
        arms=(float(random.beta(0.6, 2.2)), float(random.beta(0.6, 2.2))),
    )


def _top(random: Random) -> tuple[Array, Array, str]:
    colours = CALM if random.random() < 0.68 else VIVID
    pattern = _choice(random, {"plain": 6, "stripes": 0.8, "check": 0.8, "print": 1.4, "open": 2.2})
    return _colour(random, colours, 0.12), _colour(random, CALM + VIVID, 0.1), pattern


def _lowers(woman: bool, warm: float) -> dict[str, float]:
    skirts = 1.0 if woman else 0.0
    return {
        "trousers": 5.0,
        "shorts": 2.2 * warm,
        "skirt": skirts * 1.3,
        "dress": skirts * 1.5 * warm,
        "coat": 1.6 * (1 - warm),
    }


def _headwears(woman: bool, warm: float) -> dict[str, float]:
    return {
        "": 14.0,
        "cap": 1.6,
        "beanie": 3.0 * (1 - warm),
        "brim": 0.9 * warm,
        "scarf": 1.2 * woman,
        "hood": 0.8 * (1 - warm),
    }


def _choice(random: Random, weights: dict[str, float]) -> str:
    share = np.asarray(list(weights.values()))
    return str(random.choice(list(weights), p=share / share.sum()))


def _colour(random: Random, colours: tuple[tuple[int, ...], ...], spread: float) -> Array:
    """One of the colours, a little lighter or darker, a little off in tint."""
    colour = linear(*colours[int(random.integers(len(colours)))]) * np.exp(random.normal(0, spread * 1.6))
    return np.asarray(colour * np.exp(random.normal(0, spread / 2, 3)), np.float32).clip(0.014, 0.86)
