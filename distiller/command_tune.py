"""`skt-distill finetune`, `qat` and `refit`: more training of a network that somebody trained."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from distiller.command_options import DataPath, existing, tune_options, use_threads
from sdk.commands.common import friendly, json_option, print_json
from sdk.shipped import shipped


@click.command()
@click.argument("package", type=DataPath)
@click.option("--data", type=DataPath, required=True, help="A CSV (photo,x,y) or JSON of at least 5 labelled frames.")
@click.option("--out", type=DataPath, required=True, help="The run's folder: report and checkpoint.")
@click.option("--steps", type=click.IntRange(min=1), default=200, show_default=True, help="Steps of each training.")
@tune_options
@friendly
def finetune(
    package: Path, data: Path, out: Path, steps: int, settings: tuple[str, ...], threads: int | None, as_json: bool
) -> None:
    """Teach PACKAGE ("default" or "quick" for a shipped one) one camera from a few labelled frames.

    Says how well it counts frames that it did not learn from, before and after: each frame is left out once.
    """
    from distiller.finetune import finetune, finetune_config, report_lines
    from distiller.folder import RunFolder
    from distiller.packaged import load_start
    from distiller.parallel import check_alone

    check_alone("finetune")
    package = shipped(package)
    use_threads(threads)
    config = finetune_config(load_start(package), existing(data), steps, settings)
    report = finetune(package, config, data, RunFolder(out), sys.stderr)
    if as_json:
        print_json(report)
    else:
        click.echo("\n".join(report_lines(report)))


@click.command()
@click.argument("checkpoint", type=DataPath)
@click.option("--data", type=DataPath, required=True, help="The checkpoint's labelled sets, or a CSV of points.")
@click.option("--out", type=DataPath, required=True, help="The run's folder: report and checkpoint.")
@click.option("--steps", type=click.IntRange(min=1), default=300, show_default=True)
@tune_options
@friendly
def qat(
    checkpoint: Path, data: Path, out: Path, steps: int, settings: tuple[str, ...], threads: int | None, as_json: bool
) -> None:
    """Train CHECKPOINT a little further, rounded as INT8 engines round it, so that it loses less by that."""
    from distiller.checkpoint import load
    from distiller.folder import RunFolder
    from distiller.parallel import check_alone
    from distiller.qat import fine_tune_quantised, qat_config, report_lines
    from distiller.run import Places

    check_alone("qat")
    use_threads(threads)
    points = data if existing(data).is_file() else None
    saved = load(checkpoint)
    config = qat_config(saved, points, steps, settings)
    places = Places(data.parent if points else data)
    report = fine_tune_quantised(saved, config, places, RunFolder(out), sys.stderr)
    if as_json:
        print_json(report)
    else:
        click.echo("\n".join(report_lines(report)))


@click.command()
@click.argument("checkpoint", type=DataPath)
@click.option("--data", type=DataPath, required=True, help="The folder of the checkpoint's labelled sets.")
@click.option("--out", type=DataPath, required=True, help="The new checkpoint's folder.")
@click.option("--steps", type=click.IntRange(min=1), default=3000, show_default=True)
@click.option("--nobody", type=click.FloatRange(min=0.01), default=8.0, show_default=True,
              help="What errors in pictures of nobody weigh.")  # fmt: skip
@tune_options
@friendly
def refit(
    checkpoint: Path,
    data: Path,
    out: Path,
    steps: int,
    nobody: float,
    settings: tuple[str, ...],
    threads: int | None,
    as_json: bool,
) -> None:
    """Fit CHECKPOINT's last convolution anew on whole training photos, and on pictures of nobody.

    Takes minutes. Prints the scores of the held-out photos before and after.
    """
    from distiller.evaluation import score_lines
    from distiller.parallel import check_alone
    from distiller.refit import Fitting
    from distiller.refit import refit as run

    check_alone("refit")
    use_threads(threads)
    scores = run(checkpoint, existing(data), out, Fitting(steps, nobody, settings), stream=sys.stderr)
    if as_json:
        print_json({"checkpoint": str(out), **scores})
        return
    for moment, found in scores.items():
        click.echo("\n".join([f"{moment}:", *score_lines(found)]))


@click.command()
@click.argument("checkpoints", nargs=-1, required=True, type=DataPath)
@click.option("--part", "parts", type=float, multiple=True, help="How much of each, in order; alike if absent.")
@click.option("--out", type=DataPath, required=True, help="The new checkpoint's folder.")
@json_option
@friendly
def mean(checkpoints: tuple[Path, ...], parts: tuple[float, ...], out: Path, as_json: bool) -> None:
    """Take the mean of the weights of CHECKPOINTS, or packages, that were trained from the same one."""
    from distiller.mean import write_mean
    from distiller.parallel import check_alone

    check_alone("mean")
    write_mean(checkpoints, out, parts)
    if as_json:
        print_json({"checkpoint": str(out)})
    else:
        click.echo(str(out))
