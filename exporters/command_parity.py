"""`skt-export parity`: every variant of a package beside its master again, on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from exporters.command_options import package_argument, say
from exporters.needs import export_extra
from sdk.commands.common import friendly, json_option, print_json


@click.command()
@package_argument
@json_option
@friendly
def parity(package: Path, as_json: bool) -> None:
    """Compare each variant of PACKAGE with its master on drawn scenes, in this machine's engines.

    The exit code is 6 when one does not answer like the master.
    """
    with export_extra():
        from exporters.parity import compare, scene_batches
        from exporters.source import open_source
        from sdk.package import Package
        from sdk.variants import planned_variant

        found = {}
        with open_source(package) as source, Package.open(package) as opened:
            for entry in opened.manifest.variants:
                say(f"comparing {entry.id} with {source.reference_name}")
                variant, files = planned_variant(opened.manifest, entry), opened.read(entry.id)
                result = compare(variant, files, source.reference, scene_batches(source.multiple))
                found[entry.id] = result.summary()
    if as_json:
        print_json({"package": str(package), "reference": source.reference_name, "variants": found})
        return
    for name, figures in found.items():
        off = f"a count by {figures['max_relative_count_error']:.1e}, a cell by {figures['max_density_error']:.1e}"
        click.echo(f"{name:<14} off at most: {off} people, in {figures['engine']}")
