"""`skt-export static`: a package with a variant of one photo size added, for an Intel NPU."""

from __future__ import annotations

import re
from pathlib import Path

import click

from exporters.needs import export_extra
from sdk.commands.common import friendly, json_option, print_json
from sdk.errors import ConfigError, ExportError
from sdk.package import Package, write_package

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("package", type=FILE)
@click.option(
    "--size", "sizes", required=True, multiple=True, metavar="HxW", help="Height x width; repeat it for more."
)
@click.option("--variant", default="openvino-fp16", show_default=True, help="The OpenVINO variant to fix to it.")
@click.option("-o", "--output", required=True, type=FILE, metavar="NAME.skt", help="The package to write.")
@click.option("--force", is_flag=True, help="Replace the output if it exists.")
@json_option
@friendly
def static(package: Path, sizes: tuple[str, ...], variant: str, output: Path, force: bool, as_json: bool) -> None:
    """Add variants of one photo size to PACKAGE, as an Intel NPU needs them, and write it to OUTPUT.

    Each is proven on the CPU against the variant that it is made of.
    """
    with export_extra():
        from exporters.static import static_id, with_static

    wanted = [parse_size(text) for text in sizes]
    if output.exists() and not force:
        raise ExportError(f"{output} already exists", hint="pass --force to replace it")
    with Package.open(package) as opened:
        manifest, files = opened.manifest, opened.read_all()
    for size in wanted:
        manifest, files = with_static(manifest, files, variant, size)
    write_package(output, manifest, files, overwrite=force).close()
    ids = [static_id(variant, size) for size in wanted]
    if as_json:
        print_json({"package": str(output), "variants": ids})
    else:
        click.echo(f"wrote {output} with {', '.join(ids)}")


def parse_size(text: str) -> tuple[int, int]:
    """Height and width, in pixels, from 576x864."""
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text.strip().lower())
    if found is None:
        raise ConfigError(f"size {text!r} is no size", hint="write height x width, such as 576x864")
    return int(found.group(1)), int(found.group(2))
