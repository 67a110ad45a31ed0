"""`skt-export trust`: a package whose counts come with an interval and a state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from exporters.command_options import package_argument
from exporters.needs import export_extra
from sdk.commands.common import Progress, engine_options, friendly, json_option, print_json
from sdk.config import to_plain
from sdk.counter import CrowdCounter
from sdk.errors import ConfigError, ExportError
from sdk.package import Package, write_package
from sdk.shipped import MODELS

if TYPE_CHECKING:
    from exporters.calibration_sets import Found
    from sdk.trust.calibration import TrustCalibration

FILE = click.Path(path_type=Path)


@click.command()
@package_argument
@click.option("--photos", "sets", required=True, multiple=True, metavar="SET", help="Labelled photos that the model was"
              " not trained on: NAME:ROOT[:PART[:SPLIT]] or recipe:NAME:DATA:val. Repeat it for more.")  # fmt: skip
@click.option("-o", "--output", type=FILE, metavar="NAME.skt", help="The package to write. [default: PACKAGE itself]")
@click.option("--force", is_flag=True, help="Replace the output if it exists and is not PACKAGE.")
@json_option
@engine_options
@friendly
def trust(
    package: Path,
    sets: tuple[str, ...],
    output: Path | None,
    force: bool,
    as_json: bool,
    device: str,
    backend: str,
    precision: str,
    threads: int | None,
) -> None:
    """Count labelled photos with PACKAGE, and store in it what its counts are to be held against.

    That is an interval around each count, which holds the true number in 9 of 10 photos like these, and what these
    photos look like, by which a scene is told that the model does not know.
    """
    if output is None and package.parent == MODELS:
        raise ConfigError("the shipped package is not written over", hint="name another with -o")
    target = output or package
    if output is not None and output.exists() and not force and not output.samefile(package):
        raise ExportError(f"{output} already exists", hint="pass --force to replace it")
    with export_extra():
        from exporters.calibration_sets import find_shots
        from exporters.trust import with_trust

        found = find_shots(sets)
    with CrowdCounter(package, device=device, backend=backend, precision=precision, threads=threads) as counter:
        made = _measure(counter, found, sets)
    with Package.open(package) as opened:
        manifest, files = with_trust(opened.manifest, opened.read_all(), made)
    write_package(target, manifest, files, directory=package.is_dir(), overwrite=True).close()
    _report(made, target, as_json=as_json)


def _measure(counter: CrowdCounter, found: Found, sets: tuple[str, ...]) -> TrustCalibration:
    from exporters.trust import count_labelled, counter_words, fit_trust

    shots, failures = found
    for failure in failures:
        click.echo(f"warning: {failure.name} is left out: {failure.message}", err=True)
    progress = Progress(len(shots), "photos")
    photos = count_labelled(counter, shots, progress.advance)
    progress.clear()
    named = tuple(word if len(word) < 80 else f"{word[:80]}..." for word in map(_without_place, sets))
    return fit_trust(photos, counter.manifest.version, named, counter_words(counter))


def _without_place(word: str) -> str:
    """A set as it may be written down: without the folder where it lay."""
    kind, _, rest = word.partition(":")
    fields = rest.split(":")
    at = 1 if kind == "recipe" else 0
    return ":".join([kind, *(field for place, field in enumerate(fields) if place != at and field)])


def _report(made: TrustCalibration, target: Path, *, as_json: bool) -> None:
    if as_json:
        print_json({"package": str(target), "version": made.version, **to_plain(made.measured)})
        return
    measured = made.measured
    click.echo(f"{measured.photos} photos, split {measured.splits} times: {measured.coverage.mean:.1%} of the intervals"
               f" hold, {measured.false_alarms:.1%} are unlike the others")  # fmt: skip
    for one in made.intervals.bins:
        low, high = made.intervals.around(one.fewest)
        click.echo(f"  from {one.fewest:5.0f} people on: {low:.0f} to {high:.0f} ({one.photos} photos)")
    click.echo(f"wrote {target}")
