"""Weights of one GoogLeNet as the start of another: what both have is kept, and nothing has to be learned again."""

from __future__ import annotations

from torch import Tensor

from distiller.googlenet import at_half_the_size, without_rim
from distiller.networks import Architecture, CountingNetwork
from sdk.errors import ConfigError

CONV1 = "frontend.conv1.conv.weight"
QUICK, TINY = "googlenet-quick", "googlenet-tiny"


def start_state(source: CountingNetwork, held: Architecture, wanted: Architecture) -> dict[str, Tensor]:
    """What of a network without batch normalisation is to be copied into another architecture: all of it, or a part.

    googlenet -> googlenet-quick: answers each photo nearly as the other does one of half its size.
    googlenet-quick -> googlenet-tiny: the front end up to inception 3a; the head is left to be started afresh.
    Raises ConfigError for any other pair.
    """
    state = source.state_dict()
    if held == wanted:
        return state
    pair = (held.name, wanted.name)
    if (held.n, held.batch_norm) == (wanted.n, wanted.batch_norm) and pair == ("googlenet", QUICK):
        return {**state, CONV1: without_rim(at_half_the_size(state[CONV1]))}
    if (held.n, held.batch_norm) == (wanted.n, wanted.batch_norm) and pair == (QUICK, TINY):
        own = wanted.build().frontend.state_dict()
        return {f"frontend.{name}": state[f"frontend.{name}"] for name in own}
    raise ConfigError(f"the checkpoint to start from holds {held}, the config asks for {wanted}")
