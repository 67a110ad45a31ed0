"""What a run would do, before it does it."""

from __future__ import annotations

from typing import Any

import numpy as np

from distiller.augment import Crop
from distiller.checkpoint import Checkpoint
from distiller.config import TrainConfig
from distiller.data import read_sets
from distiller.networks import count_macs, count_parameters
from distiller.packaged import load_start
from distiller.run import Places
from distiller.teacher import load_teacher
from distiller.trainer import Trainer
from sdk.config import to_plain
from sdk.timing import Stopwatch

FEW_CROPS = 2  # by which a step is timed on a CPU
PAPER_SIZE = (576, 864)  # height and width at which published figures are stated


def make_plan(config: TrainConfig, places: Places, saved: Checkpoint | None = None) -> dict[str, Any]:
    """The resolved config, the network's size, the device and the photos; refuses what training would refuse."""
    teacher = load_teacher(places.teacher) if places.teacher is not None else None
    trainer = Trainer(config, teacher)
    if saved is not None:
        trainer.resume(saved)
    first = trainer.step
    origin = "a checkpoint" if saved is not None else start_of(trainer, places)
    sets = {
        one.name: {"training": len(one.training), "held_out": len(one.validation)}
        for one in read_sets(config, places.data)
    }
    crop = config.augment.crop
    seconds = step_seconds(trainer)
    return {
        "network": str(trainer.architecture),
        "parameters": count_parameters(trainer.network),
        "macs": count_macs(trainer.network, *PAPER_SIZE),
        "macs_a_step": config.batch * count_macs(trainer.network, crop, crop),
        "device": str(trainer.device),
        "first_step": first,
        "seconds_a_step": seconds,
        "hours": seconds * max(0, config.steps - first) / 3600,
        "teacher": None if trainer.teacher is None else trainer.teacher.facts,
        "starts_from": origin,
        "photos": sets,
        "config": to_plain(config),
    }


def start_of(trainer: Trainer, places: Places) -> str:
    """Whose weights a fresh run has at first; refuses a start of another network, and an encoder that is not there."""
    if places.start is not None:
        held = load_start(places.start)
        trainer.start_from(held, [])  # without photos, whose statistics would take long
        return f"{places.start.name}, step {held.facts.get('step', 0)}"
    encoder = places.encoder(trainer.config)
    return "random weights" if encoder is None else encoder.name


def step_seconds(trainer: Trainer) -> float:
    """Seconds of a step of this trainer, which is of no use afterwards: the second of two on grey crops.

    A CPU, which takes crops one after the other, is given a few of a batch's, so that a plan for a large teacher does
    not take minutes.
    """
    config, side = trainer.config, trainer.config.augment.crop
    grey = Crop(np.full((side, side, 3), 128, np.uint8), np.full((1, 2), side / 2, np.float32))
    few = min(config.batch, max(config.accumulate, FEW_CROPS))
    crops = [grey] * (few if trainer.device.type == "cpu" else config.batch)
    trainer.start(crops, None)
    trainer.train_step(crops)
    watch = Stopwatch()
    trainer.train_step(crops)
    return watch.seconds() * config.batch / len(crops)


def plan_lines(plan: dict[str, Any]) -> list[str]:
    """The plan for people; the config itself is printed as YAML."""
    photos = [f"  {name}: {n['training']} to train on, {n['held_out']} held out" for name, n in plan["photos"].items()]
    macs = f"{plan['macs'] / 1e9:.2f} GMAC at {PAPER_SIZE[0]}x{PAPER_SIZE[1]}"
    return [
        f"network     {plan['network']}, {plan['parameters'] / 1e6:.3f} M parameters, {macs}",
        f"one step    {plan['macs_a_step'] / 1e9:.2f} GMAC forward, on {plan['device']}",
        f"steps       {plan['first_step']} to {plan['config']['steps']}",
        f"time        {plan['seconds_a_step']:.2g} s a step, about {plan['hours']:.1f} hours without validation",
        f"starts from {plan['starts_from']}",
        *([] if plan["teacher"] is None else [f"teacher     {plan['teacher']['parameters'] / 1e6:.3f} M parameters"]),
        "photos",
        *photos,
    ]
