"""`skt-export layout`: a variant of a package as the folder of a model server."""

from __future__ import annotations

from pathlib import Path

import click

from exporters.layout import KINDS, Layout, write_layout
from sdk.commands.common import friendly, json_option, print_json
from sdk.package import Package

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("package", type=FILE)
@click.option("--kind", required=True, type=click.Choice(sorted(KINDS)), help="Triton, or OpenVINO Model Server.")
@click.option("-o", "--output", required=True, type=FILE, metavar="DIR", help="The folder to write.")
@click.option("--variant", default="", help="[default: the preferred one that the server reads]")
@click.option("--name", default="", help="Of the model on the server. [default: the package's]")
@click.option("--max-batch", type=int, default=0, show_default=True, help="Photos of one size that Triton gathers.")
@click.option("--models", default="/models", show_default=True, help="Where OpenVINO Model Server will see DIR.")
@click.option("--force", is_flag=True, help="Replace DIR, if it holds nothing but an earlier layout of the model.")
@json_option
@friendly
def layout(
    package: Path,
    kind: str,
    output: Path,
    variant: str,
    name: str,
    max_batch: int,
    models: str,
    force: bool,
    as_json: bool,
) -> None:
    """Lay out a variant of PACKAGE for NVIDIA Triton or OpenVINO Model Server."""
    with Package.open(package) as opened:
        wanted = Layout(kind, name, variant, max_batch, models)
        chosen, files = write_layout(opened, wanted, output, force=force)
    if as_json:
        print_json({"output": str(output), "kind": kind, "variant": chosen, "files": files})
        return
    click.echo(f"wrote {output}: {chosen} for {kind}")
    for path in files:
        click.echo(f"  {path}")
