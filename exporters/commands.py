"""`skt-export`: a checkpoint or a package to a package whose every variant is proven."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from exporters.command_calibrate import calibrate
from exporters.command_engine import build_engine
from exporters.command_layout import layout
from exporters.command_lint import lint
from exporters.command_look import inspect, verify
from exporters.command_options import (
    calibration_options,
    refuse_missing_default,
    teller,
    with_gate_report,
)
from exporters.command_parity import parity
from exporters.command_static import static
from exporters.command_trust import trust
from exporters.needs import export_extra
from sdk.commands.common import friendly, json_option, print_json
from sdk.counter import DEFAULT_PACKAGE
from sdk.errors import AccuracyGateError, ConfigError, ExportError
from sdk.manifest import MANIFEST_NAME
from sdk.package import write_package

if TYPE_CHECKING:
    from exporters.build import Built
    from exporters.int8 import Int8Request

FORMATS = ("onnx", "openvino", "tensorrt", "all")
PRECISIONS = ("fp32", "fp16", "int8")
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
@click.option("--precision", "precisions", type=click.Choice(PRECISIONS), multiple=True, help="Repeat it for more.")
@click.option("-o", "--output", type=FILE, metavar="NAME.skt", help="The package to write. [default: ./NAME.skt]")
@click.option("--name", default="", help="The package's name. [default: the model's]")
@click.option("--evaluation", "evaluations", type=FILE, multiple=True, metavar="FILE", help="From skt-eval --json.")
@click.option("--force", is_flag=True, help="Replace the output if it exists.")
@calibration_options
@click.option("--gate-photos", multiple=True, metavar="PHOTOS", help="Other photos for the gate than --calib leaves.")
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
    calib: tuple[str, ...],
    calib_photos: int,
    method: str,
    bias_correction: bool,
    allow_sparse: bool,
    gate: str,
    gate_photos: tuple[str, ...],
    as_json: bool,
) -> None:
    """Export a model: skt-export -m CHECKPOINT -o NAME.skt.

    Every variant is compared with the model on drawn scenes. If one does not answer like it, nothing is written and
    the exit code is 6. INT8 variants, with --calib, are held beside the fp32 model on photos that were not calibrated
    on; if one counts differently, nothing but the gate's report is written and the exit code is 7.
    """
    given = any(_is_given(context, option) for option in context.command.params)
    if context.invoked_subcommand is not None:
        _refuse_options(context.invoked_subcommand, given=given)
        return
    if not given:
        click.echo(context.get_help())
        return
    variants = choose_variants(format_, precisions, calibrated=bool(calib))
    if output is not None:
        check_output(output, force=force)
    if calib and not any(variant.endswith("int8") for variant in variants):
        raise ConfigError("--calib is for INT8, and no INT8 variant is asked for", hint="add --precision int8")
    order = Order(model or DEFAULT_PACKAGE, variants, name, evaluations, output, force)
    with export_extra():
        from exporters.gate import parse_limits
        from exporters.int8 import Int8Request

        limits = parse_limits(gate)
        request = Int8Request(calib, calib_photos, method, limits, gate_photos, allow_sparse, bias_correction)
        built, target = _build(order, request)
        with write_package(target, built.manifest, built.files, overwrite=force):
            pass
    report(built, target, as_json=as_json)


main.add_command(build_engine)
main.add_command(calibrate)
main.add_command(inspect)
main.add_command(lint)
main.add_command(layout)
main.add_command(parity)
main.add_command(static)
main.add_command(trust)
main.add_command(verify)


def choose_variants(format_: str | None, precisions: tuple[str, ...], *, calibrated: bool = False) -> tuple[str, ...]:
    """The ids of what was asked for: all of a format and precision, and the default ones where nothing was.

    calibrated: photos or a table are given, so that INT8 is meant where no precision is named.
    """
    with export_extra():
        from exporters.render import DEFAULT_INT8, DEFAULT_VARIANTS, VARIANTS

    plain = tuple(precision for precision in PRECISIONS if calibrated or precision != "int8")
    chosen = tuple(
        variant
        for variant, (made, precision, _) in VARIANTS.items()
        if format_ in (None, "all", made) and precision in (precisions or plain)
    )
    if format_ is None and not precisions:
        chosen = tuple(variant for variant in chosen if variant in DEFAULT_VARIANTS or variant in DEFAULT_INT8)
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
    from exporters.conversion import conversion_table

    manifest = built.manifest
    if as_json:
        variants = {row.variant: row.to_json() for row in built.rows}
        print_json({"package": str(target), "name": manifest.name, "version": manifest.version, "variants": variants})
        return
    click.echo(conversion_table(built.rows))
    click.echo(f"wrote {target}: {manifest.name} {manifest.version}")


@dataclass(frozen=True)
class Order:
    """What to export, and where to."""

    model: Path
    variants: tuple[str, ...]
    name: str
    evaluations: tuple[Path, ...]
    output: Path | None
    force: bool


def _build(order: Order, request: Int8Request) -> tuple[Built, Path]:
    """The package in memory, and where it goes."""
    from exporters.build import Options, build
    from exporters.evaluations import read_evaluation
    from exporters.int8 import prepare
    from exporters.render import is_int8
    from exporters.source import open_source

    evaluations, tell = tuple(read_evaluation(path) for path in order.evaluations), teller()
    tell.say(f"reading {order.model}")
    refuse_missing_default(order.model)
    with open_source(order.model) as source:
        target = order.output or Path(f"{order.name or source.name}.skt")
        check_output(target, force=order.force)
        wanted = any(map(is_int8, order.variants))
        table, gate = prepare(source, request, tell) if wanted else (source.table, None)
        try:
            return build(source, Options(order.variants, order.name, evaluations, table, gate), tell), target
        except AccuracyGateError as error:
            raise with_gate_report(error, target) from error


def _refuse_options(command: str, *, given: bool) -> None:
    if given:
        message = f"options before {command} are for an export, and {command} would not see them"
        raise ConfigError(message, hint=f"write skt-export {command} PACKAGE, then its options")


def _is_given(context: click.Context, option: click.Parameter) -> bool:
    source = context.get_parameter_source(option.name or "")
    return source is not None and source.name == "COMMANDLINE"


if __name__ == "__main__":
    main()
