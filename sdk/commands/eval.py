"""`skt-eval`: how well a model package counts on a labelled set."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import chain, takewhile
from pathlib import Path

import click

from sdk.commands.common import (
    STOPPED,
    Progress,
    engine_options,
    friendly,
    json_option,
    one_line,
    print_json,
    stopped_by_ctrl_c,
)
from sdk.datasets import READERS, read_dataset
from sdk.errors import InputError
from sdk.evaluation import Evaluation, evaluate
from sdk.report import check_report_path, write_report
from sdk.score_text import BIN_HEADER, ZONE_HEADER, bin_rows, headline, notes, subtitle, zone_rows
from sdk.zones import Zones

FAILED = InputError.exit_code
FILE = click.Path(path_type=Path)


@click.command()
@click.argument("package", required=False, type=FILE)
@click.option("--dataset", required=True, type=click.Choice(sorted(READERS)), help="The set; `points` is your own.")
@click.option("--root", required=True, type=FILE, help="Its folder; for `points` a CSV or JSON file too.")
@click.option("--part", default="", help="ShanghaiTech's part: A or B.")
@click.option("--split", default="test", show_default=True, help="train, val or test.")
@click.option("--limit", type=click.IntRange(min=1), help="Score the first photos only, this many.")
@click.option("--report", type=FILE, metavar="FILE", help="Write a report, .html or .md; it shows photos of the set.")
@click.option("--zones", "zones_file", type=FILE, metavar="FILE", help="Score each zone of this file, too.")
@json_option
@engine_options
@friendly
def main(
    package: Path | None,
    dataset: str,
    root: Path,
    part: str,
    split: str,
    limit: int | None,
    report: Path | None,
    zones_file: Path | None,
    as_json: bool,
    device: str,
    backend: str,
    precision: str,
    threads: int | None,
) -> None:
    """Score PACKAGE, or the shipped one, against the head points of a labelled set.

    A photo that cannot be read is left out of the scores and reported, and the exit code is 3. Ctrl-C ends with the
    scores of the photos so far, and 130.
    """
    from sdk.counter import CrowdCounter

    if report is not None:
        check_report_path(report)
    zones = None if zones_file is None else Zones.read(zones_file)
    samples = read_dataset(dataset, root, part, split)[:limit]
    progress = Progress(len(samples), "photos")
    with (
        CrowdCounter(package, device=device, backend=backend, precision=precision, threads=threads) as counter,
        stopped_by_ctrl_c() as stop,
    ):
        name = f"{counter.manifest.name} {counter.manifest.version}"
        title = " ".join(word for word in (dataset, part, split) if word)
        taken = chain(samples[:1], takewhile(lambda _: not stop.is_set(), samples[1:]))
        evaluation = evaluate(counter, taken, dataset=title, package=name, progress=progress.advance, zones=zones)
    left = len(samples) - len(evaluation.photos) - len(evaluation.failed)
    evaluation = replace(evaluation, left=left)
    progress.clear()
    if as_json:
        print_json(evaluation.to_json())
    else:
        show(evaluation)
    if report is not None:
        write_report(report, evaluation)
    if evaluation.left:
        sys.exit(STOPPED)
    if evaluation.failed:
        sys.exit(FAILED)


def show(evaluation: Evaluation) -> None:
    """The scores on stdout; what could not be counted on stderr."""
    click.echo(f"{evaluation.package} on {evaluation.dataset}\n{subtitle(evaluation)}\n")
    for name, value, meaning in headline(evaluation.scores):
        click.echo(f"{name:<8} {value:>9}  {meaning}")
    click.echo()
    for people, *numbers in (BIN_HEADER, *bin_rows(evaluation.scores)):
        click.echo(f"{people:<20}" + "".join(f"{number:>10}" for number in numbers))
    if evaluation.zones is not None:
        click.echo()
        for zone, *numbers in (ZONE_HEADER, *zone_rows(evaluation.zones)):
            click.echo(f"{one_line(zone):<20}" + "".join(f"{number:>10}" for number in numbers))
    for note in notes(evaluation):
        click.echo(f"warning: {note}", err=True)
    for failure in evaluation.failed:
        click.echo(f"error: {failure.name}: {failure.message}", err=True)


if __name__ == "__main__":
    main()
