"""`skt-doctor`: this machine's engines, and how a package would run here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdk.commands.common import engine_options, friendly, json_option, print_json
from sdk.errors import BackendError

if TYPE_CHECKING:
    from runtimes import Environment, Plan
    from sdk.doctor import Diagnosis, Replay

TICK, CROSS = "✓", "✗"


@click.command()
@click.argument("package", type=click.Path(path_type=Path), required=False)
@json_option
@engine_options
@friendly
def main(package: Path | None, as_json: bool, device: str, backend: str, precision: str, threads: int | None) -> None:
    """Say what this machine can run, and with PACKAGE ("default" or "quick" for a shipped one) what would be chosen.

    Replays the package's golden photo on every variant that may run here. Exit code 5 when no engine is usable or a
    variant does not answer as it should.
    """
    from runtimes import Request
    from sdk.doctor import diagnose
    from sdk.shipped import shipped

    chosen = None if package is None else shipped(package)
    diagnosis = diagnose(chosen, Request(device=device, backend=backend, precision=precision), threads)
    if as_json:
        print_json(diagnosis.to_json())
    else:
        show(diagnosis)
    if not diagnosis.healthy:
        sys.exit(BackendError.exit_code)


def show(diagnosis: Diagnosis) -> None:
    """The diagnosis in words."""
    show_machine(diagnosis.environment)
    click.echo(f"  cache     {diagnosis.cache or 'none: no folder can be written, so models compile at every start'}")
    for warning in diagnosis.warnings:
        click.echo(f"  {CROSS} {warning}")
    if diagnosis.plan is not None:
        click.echo(f"\npackage {diagnosis.package}")
        show_int8(diagnosis)
        show_plan(diagnosis.plan, diagnosis.replays)


def show_machine(environment: Environment) -> None:
    """The machine and its engines."""
    click.echo(f"machine   {environment.os} {environment.arch}, Python {environment.python}")
    flags = ", ".join(environment.cpu_flags) or "no extensions that matter"
    click.echo(f"  cpu       {environment.cpu}, {environment.cores} cores ({flags})")
    click.echo(f"  gpu       {', '.join(environment.gpus) or 'no CUDA device'}")
    if environment.jetson:
        click.echo(f"  jetson    {environment.jetson}")
    for engine in environment.engines:
        if engine.usable:
            click.echo(f"  {TICK} {engine.name} {engine.version}: {', '.join(engine.devices)}")
        else:
            fix = f" -> {engine.fix}" if engine.fix else ""
            click.echo(f"  {CROSS} {engine.name} {engine.version}".rstrip() + f": {engine.reason}{fix}")


def show_int8(diagnosis: Diagnosis) -> None:
    """The gates of the variants that have or need one, and what INT8 was calibrated on."""
    for variant in diagnosis.variants:
        if variant.gate != "none":
            plain = {name: value for name, value in variant.figures.items() if isinstance(value, (int, float))}
            figures = ", ".join(f"{name} {value}" for name, value in plain.items() if not isinstance(value, bool))
            mark = TICK if variant.gate == "passed" else CROSS
            click.echo(f"  {mark} {variant.id}: gate {variant.gate}" + (f" ({figures})" if figures else ""))
    if (known := diagnosis.calibration) is not None:
        densest = f"up to {known['densest']:.0f} people"
        click.echo(f"  calibrated on {known['photos']} photos of {densest}, {known['method']}")


def show_plan(plan: Plan, replays: tuple[Replay, ...]) -> None:
    """What would be chosen, how each candidate counted the golden photo, and why not the others."""
    from runtimes.tables import READS

    if not plan.candidates:
        click.echo(f"  {CROSS} nothing in it can run here")
    for place, replay in enumerate(replays):
        click.echo(f"  {TICK if replay.ok else CROSS} {'chosen' if place == 0 else 'usable'}  {replayed(replay)}")
    for discard in plan.discarded:
        if READS[discard.engine] != discard.variant.format:
            continue  # another engine reads it
        where = f"{discard.engine} {discard.device}".strip()
        click.echo(f"  - {discard.variant.id} on {where}: {discard.reason} -> {discard.fix}")


def replayed(replay: Replay) -> str:
    """One candidate in a line."""
    label = f"{replay.variant} on {replay.engine} {replay.device}"
    if replay.counted is None or replay.ms is None:
        return f"{label}: {replay.said}"
    said = f" ({replay.said})" if replay.said else ""
    int8 = "" if replay.int8 is None else ", {} of {} convolutions in INT8".format(*replay.int8)
    counts = f"golden photo {replay.counted:.2f}, expected {replay.expected:.2f}, {replay.ms:.0f} ms"
    return f"{label}: {counts}{int8}{said}"


if __name__ == "__main__":
    main()
