"""`skt-export lint`: what an engine would refuse about a package's ONNX files, or one file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from exporters.command_options import package_argument
from exporters.needs import export_extra
from sdk.commands.common import friendly, json_option, print_json
from sdk.errors import ExportError
from sdk.package import Package

if TYPE_CHECKING:
    from exporters.lint_finding import Finding

FORMATS = ("onnx", "tensorrt")  # that are ONNX files, and have rules


@click.command()
@package_argument
@click.option("--for", "format_", type=click.Choice(FORMATS), help="The engine of an ONNX file. [default: tensorrt]")
@json_option
@friendly
def lint(package: Path, format_: str | None, as_json: bool) -> None:
    """Check PACKAGE, a model package or an ONNX file, for what engines would refuse.

    Exit code 6 where there is an error.
    """
    with export_extra():
        found = dict(_linted(package, format_))
    if as_json:
        print_json({name: [finding.to_json() for finding in findings] for name, findings in found.items()})
    else:
        _tell(found)
    if errors := [f"{name}: {each}" for name, all_of in found.items() for each in all_of if each.level == "error"]:
        raise ExportError(
            f"lint found {len(errors)} error(s), the first in {errors[0]}", hint="each row says what to do"
        )


def _linted(path: Path, format_: str | None) -> Iterator[tuple[str, list[Finding]]]:
    from exporters.lint import lint_model
    from exporters.onnx import load_model

    if path.suffix == ".onnx":
        yield path.name, lint_model(load_model(_read(path), str(path)), format_ or "tensorrt")
        return
    with Package.open(path) as opened:
        for variant in opened.manifest.variants:
            if variant.format in FORMATS:
                model = load_model(opened.read(variant.id)["model.onnx"], f"variant {variant.id}")
                yield variant.id, lint_model(model, format_ or variant.format)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ExportError(f"cannot read {path}: {error.strerror}") from error


def _tell(found: dict[str, list[Finding]]) -> None:
    for name, findings in found.items():
        click.echo(f"{name}: {f'{len(findings)} finding(s)' if findings else 'clean'}")
        for finding in findings:
            click.echo(f"  {finding.level} {finding.code} {finding.where}: {finding.what} ({finding.fix})")
