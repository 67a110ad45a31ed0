"""`skt-export calibrate`: a calibration table, to look at and to use for many exports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from exporters.command_options import calibration_options, model_option, refuse_missing_default, teller
from exporters.needs import export_extra
from sdk.commands.common import friendly, json_option, print_json
from sdk.config import to_plain
from sdk.errors import ExportError
from sdk.files import write_whole
from sdk.shipped import DEFAULT_PACKAGE

if TYPE_CHECKING:
    from exporters.calibration_table import CalibrationTable

FILE = click.Path(path_type=Path)


@click.command()
@model_option
@click.option("-o", "--output", type=FILE, default=Path("table.json"), show_default=True, help="The table to write.")
@click.option("--force", is_flag=True, help="Replace the output if it exists.")
@calibration_options
@json_option
@friendly
def calibrate(
    model: Path | None,
    output: Path,
    force: bool,
    calib: tuple[str, ...],
    calib_photos: int,
    method: str,
    bias_correction: bool,
    allow_sparse: bool,
    gate: str,
    as_json: bool,
) -> None:
    """Find between which values each tensor of a model lies on photos, for INT8 exports with --calib TABLE.

    Photos are chosen over the range of densities, by the model's own counts, the densest among them.
    """
    if output.suffix != ".json":
        raise ExportError(f"{output} does not end with .json", hint="--calib knows a table by that")
    if output.exists() and not force:
        raise ExportError(f"{output} already exists", hint="pass --force to replace it")
    with export_extra():
        from exporters.gate import parse_limits
        from exporters.int8 import Int8Request, make_table
        from exporters.source import open_source

        limits = parse_limits(gate)
        request = Int8Request(calib, calib_photos, method, limits, (), allow_sparse, bias_correction)
        tell = teller()
        tell.say(f"reading {model or DEFAULT_PACKAGE}")
        refuse_missing_default(model or DEFAULT_PACKAGE)
        with open_source(model or DEFAULT_PACKAGE) as source:
            table = make_table(source, request, tell)
    try:
        write_whole(output, table.to_json_bytes())
    except OSError as error:
        raise ExportError(f"cannot write {output}: {error.strerror}") from error
    _report(table, output, as_json=as_json)


def _report(table: CalibrationTable, output: Path, *, as_json: bool) -> None:
    from exporters.calibration_choice import told_coverage

    people = [photo.people for photo in table.photos]
    if as_json:
        about = {"table": str(output), "version": table.version, "method": table.method, "photos": len(people)}
        print_json({**about, "sparse": table.sparse, "coverage": to_plain(table.coverage), "densest": max(people)})
        return
    click.echo(f"{len(people)} photos: {told_coverage(people)}; the densest shows {max(people):.0f}")
    click.echo(f"wrote {output}: {len(table.ranges)} tensors by {table.method}, of model {table.version}")
