"""`skt-export`: a checkpoint or a package to a package whose every variant is proven; inspect and verify packages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exporters.needs import export_extra
from sdk.commands.common import friendly, json_option, print_json
from sdk.config import to_plain
from sdk.counter import DEFAULT_PACKAGE
from sdk.errors import ConfigError, ExportError
from sdk.manifest import MANIFEST_NAME
from sdk.package import Package, write_package

if TYPE_CHECKING:
    from exporters.build import Built

FORMATS = ("onnx", "openvino", "all")
PRECISIONS = ("fp32", "fp16")
FILE = click.Path(path_type=Path)


class ExportGroup(click.Group):
    """A group that tells what to do when a model is given where a command is expected."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with a hint."""
        if args and self.get_command(ctx, args[0]) is None:
            known = ", ".join(self.list_commands(ctx))
            ctx.fail(f"no command {args[0]!r} (known: {known}); to export a model, give it as -m {args[0]}")
        return super().resolve_command(ctx, args)


@click.group(cls=ExportGroup, invoke_without_command=True)
@click.option("-m", "--model", type=FILE, help="A checkpoint's folder, or a package. [default: the shipped package]")
@click.option("--format", "format_", type=click.Choice(FORMATS), help="[default: onnx in fp32 and openvino in fp16]")
@click.option("--precision", "precisions", type=click.Choice(PRECISIONS), multiple=True, help="Repeat it for both.")
@click.option("-o", "--output", type=FILE, metavar="NAME.skt", help="The package to write. [default: ./NAME.skt]")
@click.option("--name", default="", help="The package's name. [default: the model's]")
@click.option("--evaluation", "evaluations", type=FILE, multiple=True, metavar="FILE", help="From skt-eval --json.")
@click.option("--force", is_flag=True, help="Replace the output if it exists.")
@json_option
@click.pass_context
@friendly
def main(
    context: click.Context,
    model: Path | None,
    format_: str | None,
    precisions: tuple[str, ...],
    output: Path | None,
    name: str,
    evaluations: tuple[Path, ...],
    force: bool,
    as_json: bool,
) -> None:
    """Export a model: skt-export -m CHECKPOINT -o NAME.skt.

    Every variant is compared with the model on drawn scenes. If one does not answer like it, nothing is written and
    the exit code is 6.
    """
    given = any(_is_given(context, option) for option in context.command.params)
    if context.invoked_subcommand is not None:
        _refuse_options(context.invoked_subcommand, given=given)
        return
    if not given:
        click.echo(context.get_help())
        return
    variants = choose_variants(format_, precisions)
    if output is not None:
        check_output(output, force=force)
    with export_extra():
        built, target = _build(model or DEFAULT_PACKAGE, variants, name, evaluations, output, force)
        with write_package(target, built.manifest, built.files, overwrite=force):
            pass
    report(built, target, as_json=as_json)


@main.command()
@click.argument("package", type=FILE)
@json_option
@friendly
def inspect(package: Path, as_json: bool) -> None:
    """Show what PACKAGE holds."""
    with Package.open(package) as opened:
        manifest = opened.manifest
    if as_json:
        print_json(to_plain(manifest))
        return
    macs = manifest.macs_576x864 / 1e9
    click.echo(f"{manifest.name} {manifest.version}: {manifest.architecture}, {manifest.parameters:,} parameters, "
               f"{macs:.1f} GMAC at 576 x 864")  # fmt: skip
    click.echo(f"  input   {manifest.input.dtype} {manifest.input.layout} {manifest.input.colour}, "
               f"sides multiples of {manifest.input.multiple}")  # fmt: skip
    click.echo(f"  output  a cell covers {manifest.output.stride} pixels and sees {manifest.receptive_halo} beyond it")
    for variant in manifest.variants:
        size = sum(entry.size for entry in variant.files) / 2**20
        needs = ", ".join(f"{engine} {lowest}" for engine, lowest in sorted(variant.requires.items()))
        click.echo(f"  {variant.id:<14} {size:6.1f} MiB  {needs}")


@main.command()
@click.argument("package", type=FILE)
@json_option
@friendly
def verify(package: Path, as_json: bool) -> None:
    """Check that PACKAGE is whole: every file, the golden photo, and the manifest inside each variant."""
    with export_extra(), Package.open(package) as opened:
        from exporters.verify import verify as check

        check(opened)
        files = len(opened.manifest.files)
    if as_json:
        print_json({"package": str(package), "files": files, "verified": True})
    else:
        click.echo(f"{package} is whole: {files} files")


def choose_variants(format_: str | None, precisions: tuple[str, ...]) -> tuple[str, ...]:
    """The ids of what was asked for: all of a format and precision, and the default ones where nothing was."""
    with export_extra():
        from exporters.build import DEFAULT_VARIANTS, VARIANTS

    if format_ is None and not precisions:
        return DEFAULT_VARIANTS
    chosen = tuple(
        variant
        for variant, (made, precision, _) in VARIANTS.items()
        if format_ in (None, "all", made) and precision in (precisions or PRECISIONS)
    )
    if not chosen:
        asked = f"--format {format_} --precision {' '.join(precisions)}"
        raise ConfigError(f"there is no variant for {asked}", hint=f"known: {', '.join(VARIANTS)}")
    return chosen


def check_output(output: Path, *, force: bool) -> None:
    """Refuse, before any work is done, an output that could not be written at the end."""
    if output.exists() and not force:
        raise ExportError(f"{output} already exists", hint="pass --force to replace it")
    if output.is_dir() and not (output / MANIFEST_NAME).is_file():
        raise ExportError(f"{output} is a folder that is not a model package; it is not replaced", hint="name a file")
    if not output.parent.is_dir():
        raise ExportError(f"cannot write {output}: there is no folder {output.parent}", hint="create it first")


def report(built: Built, target: Path, *, as_json: bool) -> None:
    """What was made: one row a variant."""
    manifest = built.manifest
    if as_json:
        variants = {parity.variant: parity.summary() for parity in built.parities}
        print_json({"package": str(target), "name": manifest.name, "version": manifest.version, "variants": variants})
        return
    click.echo(f"{'variant':<14} {'size':>10}  {'count off by':>12}  {'cell off by':>11}  compared in")
    for variant, parity in zip(manifest.variants, built.parities, strict=True):
        size = sum(entry.size for entry in variant.files) / 2**20
        figures: dict[str, Any] = parity.summary()
        count, cell = figures["max_relative_count_error"], figures["max_density_error"]
        click.echo(f"{variant.id:<14} {size:6.1f} MiB  {count:>12.1e}  {cell:>11.1e}  {figures['engine']}")
    click.echo(f"wrote {target}: {manifest.name} {manifest.version}")


def _build(
    model: Path, variants: tuple[str, ...], name: str, evaluations: tuple[Path, ...], output: Path | None, force: bool
) -> tuple[Built, Path]:
    """The package in memory, and where it goes."""
    from exporters.build import Options, build
    from exporters.evaluations import read_evaluation
    from exporters.source import open_source

    options = Options(variants, name, tuple(read_evaluation(path) for path in evaluations))
    _say(f"reading {model}")
    if model == DEFAULT_PACKAGE and not model.exists():
        raise ConfigError("this installation has no default package to export", hint="give a model with -m")
    with open_source(model) as source:
        target = output or Path(f"{name or source.name}.skt")
        check_output(target, force=force)
        return build(source, options, _say), target


def _refuse_options(command: str, *, given: bool) -> None:
    if given:
        message = f"options before {command} are for an export, and {command} would not see them"
        raise ConfigError(message, hint=f"write skt-export {command} PACKAGE, then its options")


def _say(text: str) -> None:
    click.echo(text, err=True)


def _is_given(context: click.Context, option: click.Parameter) -> bool:
    source = context.get_parameter_source(option.name or "")
    return source is not None and source.name == "COMMANDLINE"


if __name__ == "__main__":
    main()
