"""What lint finds, and the rules for what is no ONNX file: an engine's sizes. Needs no onnx, for devices have none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runtimes.tensorrt_options import Profile
from sdk.errors import ConfigError


@dataclass(frozen=True)
class Finding:
    """One thing that an engine would refuse or get wrong, and what to do about it."""

    code: str  # L101 and so on; docs/tensorrt.md lists them
    what: str  # with the value that is wrong
    where: str  # a node, a tensor, a profile
    fix: str
    level: str = "error"  # or warning

    def __str__(self) -> str:
        return f"{self.code} {self.where}: {self.what}"

    def to_json(self) -> dict[str, str]:
        """Its parts by name."""
        return {"code": self.code, "level": self.level, "what": self.what, "where": self.where, "fix": self.fix}


def lint_profiles(profiles: Sequence[Profile], multiple: int) -> list[Finding]:
    """L130 to L132: what is wrong with optimisation profiles for a model whose sides are multiples of `multiple`."""
    if not profiles:
        fix = "name at least one size"
        return [Finding("L130", "there are none, and the input's sides are dynamic", "profiles", fix)]
    return [finding for at, profile in enumerate(profiles) for finding in _profile(profile, f"profile {at}", multiple)]


def check_profiles(profiles: Sequence[Profile], multiple: int) -> None:
    """Refuse sizes that the model cannot take."""
    if found := lint_profiles(profiles, multiple):
        raise ConfigError(f"{found[0].where} is not for this model: {found[0].what}", hint=found[0].fix)


def _profile(profile: Profile, where: str, multiple: int) -> Iterator[Finding]:
    shapes = (profile.least, profile.best, profile.most)
    for sides in zip(*shapes, strict=True):
        if not 1 <= sides[0] <= sides[1] <= sides[2]:
            told = " <= ".join(str(side) for side in sides)
            yield Finding("L131", f"expected 1 <= {told}", where, "give the least, the best and the most in this order")
    for n, height, width, channels in shapes:
        if height % multiple or width % multiple or channels != 3:
            what = f"{n} x {height} x {width} x {channels}, expected sides that are multiples of {multiple}, and 3"
            yield Finding("L132", what, where, f"round the sides up to multiples of {multiple}")
