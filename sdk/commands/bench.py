"""`skt-bench`: a package's variants side by side on this machine."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sdk.commands.common import engine_options, friendly, json_option, print_json
from sdk.datasets import READERS
from sdk.errors import BackendError, ConfigError

if TYPE_CHECKING:
    from sdk.bench.run import Bench

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("package", required=False, type=FILE)
@click.option("--all-variants", is_flag=True, help="Every variant on every engine; else the chosen one beside fp32.")
@click.option(
    "--compare",
    multiple=True,
    metavar="WHAT",
    help="torch: CSRNet in eager PyTorch. teacher: the teacher in the same engines. benchmark_app: OpenVINO's tool. "
    "A package: quick, or NAME.skt. NAME/N, such as bl/4: that network with random weights. Repeat it.",
)
@click.option("--size", default="864x576", show_default=True, metavar="WxH", help="Pixels of the photo.")
@click.option("--photo", type=FILE, help="Count this photo, at its own size.")
@click.option("--from-file", is_flag=True, help="Count a JPEG file, its decoding included, and not a decoded frame.")
@click.option(
    "--max-side", type=click.IntRange(min=1), help="Shrink larger photos to this many pixels; changes counts."
)
@click.option("--in-flight", type=click.IntRange(min=1), default=1, show_default=True, help="Photos counted at once.")
@click.option("--rounds", type=click.IntRange(min=1), default=7, show_default=True, help="Turns of each contender.")
@click.option("--seconds", type=click.FloatRange(min=0.01), default=1.0, show_default=True, help="Of one turn.")
@click.option("--dataset", type=click.Choice(sorted(READERS)), help="Score on this labelled set, too; see skt-eval.")
@click.option("--root", type=FILE, help="The set's folder.")
@click.option("--part", default="", help="ShanghaiTech's part: A or B.")
@click.option("--split", default="val", show_default=True, help="train, val or test.")
@click.option("--limit", type=click.IntRange(min=1), help="Score on the first photos only, this many.")
@click.option("--html", type=FILE, metavar="FILE", help="Write a page with charts.")
@json_option
@engine_options
@friendly
def main(
    package: Path | None,
    all_variants: bool,
    compare: tuple[str, ...],
    size: str,
    photo: Path | None,
    from_file: bool,
    max_side: int | None,
    in_flight: int,
    rounds: int,
    seconds: float,
    dataset: str | None,
    root: Path | None,
    part: str,
    split: str,
    limit: int | None,
    html: Path | None,
    as_json: bool,
    device: str,
    backend: str,
    precision: str,
    threads: int | None,
) -> None:
    """Measure PACKAGE, or the shipped one: latency, throughput, memory and counts, each variant in its own process.

    A row whose machine was busy with something else is marked, and its times are not to be quoted. The exit code is 5
    when a contender did not run.
    """
    from runtimes import Request
    from sdk.bench.contenders import Asked
    from sdk.bench.run import Settings, bench
    from sdk.shipped import DEFAULT_PACKAGE

    if html is not None and not html.parent.is_dir():
        raise ConfigError(f"no folder {html.parent} for the page {html.name}", hint="make it first")
    settings = Settings(
        asked=Asked(Request(device, backend, precision), threads, in_flight, all_variants, max_side),
        compare=compare,
        size=parse_size(size),
        photo=photo,
        from_file=from_file,
        rounds=rounds,
        seconds=seconds,
        score=labelled(dataset, root, part, split, limit),
    )
    found = bench(package or DEFAULT_PACKAGE, settings, say)
    if as_json:
        print_json(found.to_json())
    else:
        show(found)
    if html is not None:
        write_page(html, found)
    if any(row.failed for row in found.rows):
        sys.exit(BackendError.exit_code)


def parse_size(text: str) -> tuple[int, int]:
    """Height and width of "864x576", which says the width first."""
    found = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text)
    if found is None:
        raise ConfigError(f"size {text!r} is not WIDTHxHEIGHT", hint="write 864x576")
    return int(found[2]), int(found[1])


def labelled(dataset: str | None, root: Path | None, part: str, split: str, limit: int | None) -> dict[str, Any] | None:
    """A labelled set as the contenders' processes read it; refused now where it cannot be read."""
    from sdk.datasets import read_dataset

    if dataset is None:
        return None
    if root is None:
        raise ConfigError("--dataset needs --root", hint="give the set's folder")
    read_dataset(dataset, root, part, split)
    return {"dataset": dataset, "root": str(root), "part": part, "split": split, "limit": limit}


def say(text: str) -> None:
    """What is being done, on stderr."""
    click.echo(text, err=True)


def show(found: Bench) -> None:
    """The table and what follows from it on stdout, doubts on stderr."""
    from sdk.bench.text import HEADER, cells, heading, overheads, peaks, ratios, table, warnings

    click.echo(f"{heading(found)}\n\n{table([HEADER, *map(cells, found.rows)])}\n")
    for line in (*ratios(found), *overheads(found), *peaks(found)):
        click.echo(line)
    for line in warnings(found):
        click.echo(f"warning: {line}", err=True)


def write_page(path: Path, found: Bench) -> None:
    """The page with charts."""
    from sdk.bench.page import html_page
    from sdk.files import write_whole

    try:
        write_whole(path, html_page(found).encode())
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}", hint="free space or name another file") from error


if __name__ == "__main__":
    main()
