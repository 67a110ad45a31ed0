"""One run on several processes, started by `torchrun`: who this process is, and what all of them say together."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed

from sdk.errors import ConfigError

PATIENCE = timedelta(hours=4)  # that a process waits for the others: the first one also validates


@dataclass(frozen=True)
class Ranks:
    """A process among those of the run."""

    rank: int = 0
    world: int = 1  # processes, on all machines
    local: int = 0  # this process's number on its machine

    @property
    def leads(self) -> bool:
        """Whether this process writes the run's files and speaks."""
        return self.rank == 0


def ranks_of_environment() -> Ranks:
    """As torchrun says; a single process where nobody says anything."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    try:
        return Ranks(*(int(os.environ[name]) for name in names)) if "WORLD_SIZE" in os.environ else Ranks()
    except (KeyError, ValueError) as error:
        hint = "start it with torchrun, or unset WORLD_SIZE"
        raise ConfigError(f"of {', '.join(names)} in the environment one is no number", hint=hint) from error


def check_alone(command: str) -> None:
    """Refuse a command of one process that torchrun started several times: each would write the same files."""
    world = ranks_of_environment().world
    if world > 1:
        message = f"skt-distill {command} runs in one process, and torchrun started {world} (WORLD_SIZE)"
        raise ConfigError(message, hint="start it without torchrun; train and resume run on several")


@contextmanager
def process_group(ranks: Ranks, device: str) -> Iterator[None]:
    """Let the run's processes talk to each other: by NCCL on GPUs, by Gloo on CPUs."""
    if ranks.world == 1:
        yield
        return
    on_gpu = device != "cpu" and torch.cuda.is_available()
    distributed.init_process_group("nccl" if on_gpu else "gloo", timeout=PATIENCE)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def mean_over_ranks(values: Tensor, ranks: Ranks) -> Tensor:
    """The mean of each value over the processes; the same in all of them."""
    if ranks.world > 1:
        values = values.detach().clone()
        distributed.all_reduce(values)
        values /= ranks.world
    return values
