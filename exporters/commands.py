"""`skt-export`: a checkpoint or a package to a package whose every variant is proven."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from exporters.command_after import AFTER, after_options, parse_sizes, wanted_layout
from exporters.command_calibrate import calibrate
from exporters.command_engine import build_engine
from exporters.command_lint import lint
from exporters.command_look import inspect, verify
from exporters.command_options import (
    calibration_options,
    model_option,
    refuse_missing_default,
    teller,
    with_gate_report,
)
from exporters.command_parity import parity
from exporters.command_trust import trust
from exporters.layout import Layout
from exporters.needs import export_extra
from sdk.commands.common import friendly, json_option
from sdk.errors import AccuracyGateError, ConfigError
from sdk.shipped import DEFAULT_PACKAGE

if TYPE_CHECKING:
    from exporters.int8 import Int8Request
    from exporters.outputs import Content

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
@model_option
@click.option("--format", "formats", type=click.Choice(FORMATS), multiple=True,
              help="Repeat it for more. [default: onnx in fp32 and openvino in fp16]")  # fmt: skip
@click.option("--precision", "precisions", type=click.Choice(PRECISIONS), multiple=True, help="Repeat it for more.")
@click.option("-o", "--output", type=FILE, metavar="NAME.skt", help="What to write. [default: ./NAME.skt]")
@click.option("--name", default="", help="The package's name, or the model's on a server. [default: the model's]")
@click.option("--evaluation", "evaluations", type=FILE, multiple=True, metavar="FILE", help="From skt-eval --json.")
@click.option("--force", is_flag=True, help="Replace the output if it exists.")
@calibration_options
@click.option("--gate-photos", multiple=True, metavar="PHOTOS", help="Other photos for the gate than --calib leaves.")
@after_options
@json_option
@click.pass_context
@friendly
def main(
    context: click.Context,
    model: Path | None,
    formats: tuple[str, ...],
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
    sizes: tuple[str, ...],
    layout: str | None,
    variant: str | None,
    max_batch: int | None,
    models: str | None,
    as_json: bool,
) -> None:
    """Export a model: skt-export -m CHECKPOINT -o NAME.skt.

    Every variant is compared with the model on drawn scenes. If one does not answer like it, nothing is written and
    the exit code is 6. INT8 variants, with --calib, are held beside the fp32 model on photos that were not calibrated
    on; if one counts differently, nothing but the gate's report is written and the exit code is 7.

    A package with --size or --layout and nothing that asks for a rendering is not rendered again: its variants stay.
    """
    given = {option.name for option in context.command.params if _is_given(context, option)}
    if context.invoked_subcommand is not None:
        _refuse_options(context.invoked_subcommand, given=bool(given))
        return
    if not given:
        click.echo(context.get_help())
        return
    order = Order(
        model or DEFAULT_PACKAGE,
        choose_variants(formats, precisions, calibrated=bool(calib)),
        name,
        evaluations,
        parse_sizes(sizes),
        wanted_layout(layout, name, variant, max_batch, models),
        output,
        force,
    )
    if calib and not any(variant.endswith("int8") for variant in order.variants):
        raise ConfigError("--calib is for INT8, and no INT8 variant is asked for", hint="add --precision int8")
    with export_extra():
        from exporters.gate import parse_limits
        from exporters.int8 import Int8Request
        from exporters.outputs import Content, put

        limits = parse_limits(gate)
        request = Int8Request(calib, calib_photos, method, limits, gate_photos, allow_sparse, bias_correction)
        if _as_it_is(order, given):
            content = Content.of_package(order.model)
            target = order.target(content.manifest.name)
        else:
            content, target = _built(order, request)
        put(content.with_sizes(order.sizes), target, order.layout, force=force, as_json=as_json)


main.add_command(build_engine)
main.add_command(calibrate)
main.add_command(inspect)
main.add_command(lint)
main.add_command(parity)
main.add_command(trust)
main.add_command(verify)


@dataclass(frozen=True)
class Order:
    """What to export, and where to."""

    model: Path
    variants: tuple[str, ...]
    name: str
    evaluations: tuple[Path, ...]
    sizes: tuple[tuple[int, int], ...]  # height and width of photos, for variants beside the others
    layout: Layout | None  # of a server, in place of a package
    output: Path | None
    force: bool

    def target(self, name: str) -> Path:
        """Where it goes, refused now if it could not be written at the end. name: the package's."""
        from exporters.outputs import check_layout_output, check_output

        if self.layout is not None:
            return check_layout_output(self.output, self.layout, name, force=self.force)
        return check_output(self.output or Path(f"{name}.skt"), force=self.force)


def choose_variants(
    formats: tuple[str, ...], precisions: tuple[str, ...], *, calibrated: bool = False
) -> tuple[str, ...]:
    """The ids of what was asked for: all of the formats and precisions, and the default ones where nothing was.

    calibrated: photos or a table are given, so that INT8 is meant where no precision is named.
    """
    with export_extra():
        from exporters.render import DEFAULT_INT8, DEFAULT_VARIANTS, VARIANTS

    plain = tuple(precision for precision in PRECISIONS if calibrated or precision != "int8")
    chosen = tuple(
        variant
        for variant, (made, precision, _) in VARIANTS.items()
        if (not formats or {"all", made} & set(formats)) and precision in (precisions or plain)
    )
    if not formats and not precisions:
        chosen = tuple(variant for variant in chosen if variant in DEFAULT_VARIANTS or variant in DEFAULT_INT8)
    if not chosen:
        asked = f"--format {' '.join(formats)} --precision {' '.join(precisions)}"
        raise ConfigError(f"there is no variant for {asked}", hint=f"known: {', '.join(VARIANTS)}")
    return chosen


def _as_it_is(order: Order, given: set[str]) -> bool:
    """Whether a package is only added to or laid out: nothing asks for a rendering."""
    from exporters.source import is_checkpoint

    after = order.sizes or order.layout is not None
    asks = given - {"model", "output", "force", "as_json", *AFTER, *(("name",) if order.layout else ())}
    return bool(after) and not asks and not is_checkpoint(order.model)


def _built(order: Order, request: Int8Request) -> tuple[Content, Path]:
    """The package in memory, and where it goes."""
    from exporters.build import Options, build
    from exporters.evaluations import read_evaluation
    from exporters.int8 import prepare
    from exporters.outputs import Content
    from exporters.render import is_int8
    from exporters.source import open_source
    from exporters.static import check_sizes

    if order.output is not None and order.layout is None:
        order.target(order.name)
    evaluations, tell = tuple(read_evaluation(path) for path in order.evaluations), teller()
    tell.say(f"reading {order.model}")
    refuse_missing_default(order.model)
    with open_source(order.model) as source:
        target = order.target(order.name or source.name)
        check_sizes(order.sizes, order.variants, source.multiple, source.halo)
        wanted = any(map(is_int8, order.variants))
        table, gate = prepare(source, request, tell) if wanted else (source.table, None)
        try:
            options = Options(order.variants, order.name, evaluations, table, gate)
            return Content.of_built(build(source, options, tell)), target
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
