"""`skt-distill`: train, resume, evaluate."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import yaml

from sdk.commands.common import friendly, json_option, print_json
from sdk.counter import DEFAULT_PACKAGE
from sdk.errors import ConfigError

if TYPE_CHECKING:
    from distiller.checkpoint import Checkpoint
    from distiller.config import TrainConfig
    from distiller.run import Places

Command = TypeVar("Command", bound=Callable[..., Any])
DataPath = click.Path(path_type=Path)


def run_options(command: Command) -> Command:
    """Add what every command takes that trains."""
    options = (
        click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a setting of the config."),
        click.option("--threads", type=click.IntRange(min=1), help="CPU threads; every core if absent."),
        click.option("--dry-run", is_flag=True, help="Print the resolved plan and stop."),
        json_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


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
    from distiller.run import Places, train

    config, folder = chosen_config(recipe, settings, data), RunFolder(out)
    if start == Path("default") or (recipe is None and start is None):
        start = DEFAULT_PACKAGE
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
    scores = evaluate_checkpoint(load(checkpoint), _existing(data))
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


@main.command()
@click.argument("package", type=DataPath)
@click.option("--data", type=DataPath, required=True, help="A CSV (photo,x,y) or JSON of at least 5 labelled frames.")
@click.option("--out", type=DataPath, required=True, help="The run's folder: report and checkpoint.")
@click.option("--steps", type=click.IntRange(min=1), default=200, show_default=True, help="Steps of each training.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a setting of the config.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; every core if absent.")
@json_option
@friendly
def finetune(
    package: Path, data: Path, out: Path, steps: int, settings: tuple[str, ...], threads: int | None, as_json: bool
) -> None:
    """Teach PACKAGE ("default" for the shipped one) one camera from a few labelled frames.

    Says how well it counts frames that it did not learn from, before and after: each frame is left out once.
    """
    from distiller.finetune import finetune, finetune_config, report_lines
    from distiller.folder import RunFolder
    from distiller.packaged import load_start

    package = DEFAULT_PACKAGE if package == Path("default") else package
    use_threads(threads)
    config = finetune_config(load_start(package), _existing(data), steps, settings)
    report = finetune(package, config, data, RunFolder(out), sys.stderr)
    if as_json:
        print_json(report)
    else:
        click.echo("\n".join(report_lines(report)))


@main.command()
@click.argument("checkpoint", type=DataPath)
@click.option("--data", type=DataPath, required=True, help="The checkpoint's labelled sets, or a CSV of points.")
@click.option("--out", type=DataPath, required=True, help="The run's folder: report and checkpoint.")
@click.option("--steps", type=click.IntRange(min=1), default=300, show_default=True)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a setting of the config.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; every core if absent.")
@json_option
@friendly
def qat(
    checkpoint: Path, data: Path, out: Path, steps: int, settings: tuple[str, ...], threads: int | None, as_json: bool
) -> None:
    """Train CHECKPOINT a little further, rounded as INT8 engines round it, so that it loses less by that."""
    from distiller.checkpoint import load
    from distiller.folder import RunFolder
    from distiller.qat import fine_tune_quantised, qat_config, report_lines
    from distiller.run import Places

    use_threads(threads)
    points = data if _existing(data).is_file() else None
    saved = load(checkpoint)
    config = qat_config(saved, points, steps, settings)
    places = Places(data.parent if points else data)
    report = fine_tune_quantised(saved, config, places, RunFolder(out), sys.stderr)
    if as_json:
        print_json(report)
    else:
        click.echo("\n".join(report_lines(report)))


@main.command()
@click.argument("checkpoint", type=DataPath)
@click.option("--data", type=DataPath, required=True, help="The folder of the checkpoint's labelled sets.")
@click.option("--out", type=DataPath, required=True, help="The new checkpoint's folder.")
@click.option("--steps", type=click.IntRange(min=1), default=3000, show_default=True)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a setting, as a set's weight.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; every core if absent.")
@json_option
@friendly
def refit(
    checkpoint: Path, data: Path, out: Path, steps: int, settings: tuple[str, ...], threads: int | None, as_json: bool
) -> None:
    """Fit CHECKPOINT's last convolution anew on whole training photos, and on pictures of nobody.

    Takes minutes. Prints the scores of the held-out photos before and after.
    """
    from distiller.evaluation import score_lines
    from distiller.refit import refit as run

    use_threads(threads)
    scores = run(checkpoint, _existing(data), out, settings=settings, steps=steps, stream=sys.stderr)
    if as_json:
        print_json({"checkpoint": str(out), **scores})
        return
    for moment, found in scores.items():
        click.echo("\n".join([f"{moment}:", *score_lines(found)]))


def chosen_config(recipe: str | None, settings: tuple[str, ...], data: Path) -> TrainConfig:
    """The recipe's config, on the sets in a folder or on the photos of a file of points."""
    from distiller.config import read_config
    from distiller.own import RECIPE, own_config

    if _existing(data).is_file():
        return own_config(recipe or RECIPE, settings, data)
    if recipe is None:
        hint = "give --recipe, or a CSV of points as --data"
        raise ConfigError(f"no recipe is given for the sets in {data}", hint=hint)
    return read_config(recipe, settings)


def use_threads(threads: int | None) -> None:
    """Give PyTorch the threads, keep OpenCV, which runs in loader threads, to one each, and keep freed memory."""
    import cv2
    import torch

    from distiller.device import usable_cores
    from distiller.memory import keep_memory

    keep_memory()

    torch.set_num_threads(threads or usable_cores())
    cv2.setNumThreads(1)


def known_places(written: dict[str, str], data: Path | None) -> Places:
    """Where a run's data and weights lie: as its folder says, or where `--data` says."""
    from distiller.run import Places

    if data is None and "data" not in written:
        raise ConfigError("the run's folder does not say where its data lies", hint="give --data DIR")
    weights, start, teacher = (Path(written[k]) if k in written else None for k in ("weights", "start", "teacher"))
    return Places(_existing(data or Path(written["data"])), weights, start, teacher)


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


def _existing(data: Path) -> Path:
    if not data.exists():
        raise ConfigError(f"no data folder {data}", hint="give the folder that holds the labelled sets: --data DIR")
    return data


if __name__ == "__main__":
    main()
