"""`skt-distill`: train, resume, evaluate, import; the commands that tune a trained network are in command_tune."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from distiller.command_options import Command, DataPath, existing, tune_options, use_threads
from distiller.command_tune import finetune, mean, qat, refit
from sdk.commands.common import friendly, json_option, print_json
from sdk.errors import ConfigError
from sdk.shipped import DEFAULT_PACKAGE, shipped

if TYPE_CHECKING:
    from distiller.checkpoint import Checkpoint
    from distiller.config import TrainConfig
    from distiller.run import Places


def run_options(command: Command) -> Command:
    """Add what every command takes that trains by a recipe."""
    return click.option("--dry-run", is_flag=True, help="Print the resolved plan and stop.")(tune_options(command))


@click.group()
def main() -> None:
    """Train counting networks. A run writes its config, environment, metrics and checkpoints into one folder."""


@main.command()
@click.option("--recipe", metavar="NAME|FILE", help="A shipped recipe's name, or a YAML file.")
@click.option(
    "--data", type=DataPath, required=True, help="The folder of the recipe's labelled sets, or a CSV of points."
)
@click.option("--weights", type=DataPath, help="The folder that holds the recipe's starting weights.")
@click.option(
    "--start",
    type=DataPath,
    metavar="CHECKPOINT|PACKAGE",
    help="Start from these weights, or the shipped package's: default.",
)
@click.option("--teacher", type=DataPath, metavar="CHECKPOINT|PACKAGE", help="Learn from this network, too.")
@click.option("--out", type=DataPath, required=True, help="The run's folder.")
@run_options
@friendly
def train(
    recipe: str | None,
    data: Path,
    weights: Path | None,
    start: Path | None,
    teacher: Path | None,
    out: Path,
    settings: tuple[str, ...],
    threads: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train a network; the same command goes on with a run of the same config that was interrupted.

    With a CSV of points (photo,x,y) as --data one photo in five is held out; without --recipe the packaged student is
    trained further on it.
    """
    from distiller.folder import RunFolder
    from distiller.own import RECIPE
    from distiller.run import Places, train

    config, folder = chosen_config(recipe, settings, data), RunFolder(out)
    if recipe in (None, RECIPE) and start is None:
        start = DEFAULT_PACKAGE
    start, teacher = (None if path is None else shipped(path) for path in (start, teacher))
    places = Places(data.parent if data.is_file() else data, weights, start, teacher)
    use_threads(threads)
    if dry_run:
        show_plan(config, places, None, as_json=as_json)
        return
    folder.check_free_for(config)
    show_result(train(config, folder, places, sys.stderr), as_json=as_json)


@main.command()
@click.argument("run_folder", metavar="RUN", type=DataPath)
@click.option("--from", "name", default="last", show_default=True, metavar="NAME", help="The checkpoint to go on from.")
@click.option("--data", type=DataPath, help="The folder of labelled sets; the run's own if absent.")
@run_options
@friendly
def resume(
    run_folder: Path,
    name: str,
    data: Path | None,
    settings: tuple[str, ...],
    threads: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Go on with the run in the folder RUN, with other settings if some are given, as in --set steps=30000."""
    from distiller.checkpoint import load
    from distiller.config import with_settings
    from distiller.folder import LAST, RunFolder
    from distiller.run import train_from

    folder = RunFolder(run_folder)
    config = folder.config()
    if config is None:
        raise ConfigError(f"{run_folder} holds no run", hint="expected the --out folder of skt-distill train")
    if (command := folder.command()) != "train":
        raise ConfigError(f"{run_folder} holds a run of skt-distill {command}", hint="give that command again")
    config, places = with_settings(config, settings), known_places(folder.places(), data)
    use_threads(threads)
    saved = folder.last() if name == LAST else load(run_folder / name)
    if dry_run:
        show_plan(config, places, saved, as_json=as_json)
        return
    show_result(train_from(saved, config, folder, places, sys.stderr), as_json=as_json)


@main.command()
@click.argument("checkpoint", type=DataPath)
@click.option("--data", type=DataPath, required=True, help="The folder that holds the config's labelled sets.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; every core if absent.")
@json_option
@friendly
def evaluate(checkpoint: Path, data: Path, threads: int | None, as_json: bool) -> None:
    """Count the held-out photos of each set with a checkpoint's averaged weights, in full precision."""
    from distiller.checkpoint import load
    from distiller.evaluation import evaluate_checkpoint, score_lines

    use_threads(threads)
    scores = evaluate_checkpoint(load(checkpoint), existing(data))
    if as_json:
        print_json({"checkpoint": str(checkpoint), "validation": scores})
    else:
        click.echo("\n".join(score_lines(scores)))


@main.command("import")
@click.argument("file", type=DataPath)
@click.option("--architecture", required=True, help="The network that the file holds: bl, csrnet, sanet, ...")
@click.option("--n", default=1, show_default=True, help="Every layer keeps 1/n of its channels.")
@click.option("--batch-norm", is_flag=True, help="The network has batch normalisation.")
@click.option("--colour", type=click.Choice(["auto", "rgb", "bgr"]), default="auto", help="Order of colours it takes.")
@click.option("--out", type=DataPath, required=True, help="The checkpoint's folder.")
@json_option
@friendly
def import_(file: Path, architecture: str, n: int, batch_norm: bool, colour: str, out: Path, as_json: bool) -> None:
    """Convert FILE, a state dict that torch.save wrote, into a checkpoint; code in a pickle is never run."""
    from distiller.importing import import_checkpoint
    from distiller.networks import Architecture

    about = import_checkpoint(file, Architecture(architecture, n, batch_norm), out, colour=colour)
    if as_json:
        print_json({"checkpoint": str(out), **about})
    else:
        click.echo(f"{out}: {about['tensors']} tensors {about['matched']}, colours {about['colour']}")


def chosen_config(recipe: str | None, settings: tuple[str, ...], data: Path) -> TrainConfig:
    """The recipe's config, on the sets in a folder or on the photos of a file of points."""
    from distiller.config import read_config
    from distiller.own import RECIPE, own_config

    if existing(data).is_file():
        return own_config(recipe or RECIPE, settings, data)
    if recipe is None:
        hint = "give --recipe, or a CSV of points as --data"
        raise ConfigError(f"no recipe is given for the sets in {data}", hint=hint)
    return read_config(recipe, settings)


def known_places(written: dict[str, str], data: Path | None) -> Places:
    """Where a run's data and weights lie: as its folder says, or where `--data` says."""
    from distiller.run import Places

    if data is None and "data" not in written:
        raise ConfigError("the run's folder does not say where its data lies", hint="give --data DIR")
    weights, start, teacher = (Path(written[k]) if k in written else None for k in ("weights", "start", "teacher"))
    return Places(existing(data or Path(written["data"])), weights, start, teacher)


def show_plan(config: TrainConfig, places: Places, saved: Checkpoint | None, *, as_json: bool) -> None:
    """Print what the run would do."""
    from distiller.plan import make_plan, plan_lines

    plan = make_plan(config, places, saved)
    if as_json:
        print_json(plan)
        return
    click.echo("\n".join(plan_lines(plan)))
    click.echo(yaml.safe_dump({"config": plan["config"]}, sort_keys=False).rstrip())


def show_result(result: dict[str, Any], *, as_json: bool) -> None:
    """Print where the run stands; of several processes the first one does."""
    from distiller.evaluation import score_lines
    from distiller.parallel import ranks_of_environment

    if not ranks_of_environment().leads:
        return

    if as_json:
        print_json(result)
        return
    click.echo(f"step {result['step']}, checkpoint {result['checkpoint']}")
    for line in score_lines(result["validation"]):
        click.echo(line)


for command in (finetune, mean, qat, refit):
    main.add_command(command)

if __name__ == "__main__":
    main()
