"""`skt-export inspect` and `skt-export verify`: what a package holds, and whether it is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from exporters.command_options import package_argument
from exporters.needs import export_extra
from sdk.commands.common import friendly, json_option, print_json
from sdk.config import to_plain
from sdk.manifest import Manifest, VariantEntry
from sdk.package import Package

FILE = click.Path(path_type=Path)
TABLE_NAME = "calibration/table.json"


@click.command()
@package_argument
@json_option
@friendly
def inspect(package: Path, as_json: bool) -> None:
    """Show what PACKAGE holds."""
    with Package.open(package) as opened:
        manifest = opened.manifest
        calibration = _calibration(opened)
    if as_json:
        print_json(to_plain(manifest))
        return
    for line in (*_about(manifest), *map(_variant_line, manifest.variants), *calibration):
        click.echo(line)


@click.command()
@package_argument
@json_option
@friendly
def verify(package: Path, as_json: bool) -> None:
    """Check that PACKAGE is whole: every file, the golden photo, the calibration, the manifest in each variant."""
    with export_extra(), Package.open(package) as opened:
        from exporters.verify import verify as check

        check(opened)
        files = len(opened.manifest.files)
    if as_json:
        print_json({"package": str(package), "files": files, "verified": True})
    else:
        click.echo(f"{package} is whole: {files} files")


def _about(manifest: Manifest) -> list[str]:
    put, stride, macs = manifest.input, manifest.output.stride, manifest.macs_576x864 / 1e9
    network = f"{manifest.architecture}, {manifest.parameters:,} parameters"
    return [
        f"{manifest.name} {manifest.version}: {network}, {macs:.1f} GMAC at 576 x 864",
        f"  input   {put.dtype} {put.layout} {put.colour}, sides multiples of {put.multiple}",
        f"  output  a cell covers {stride} pixels and sees {manifest.receptive_halo} beyond it",
    ]


def _variant_line(variant: VariantEntry) -> str:
    size = sum(entry.size for entry in variant.files) / 2**20
    needs = ", ".join(f"{engine} {lowest}" for engine, lowest in sorted(variant.requires.items()))
    return f"  {variant.id:<14} {size:6.1f} MiB  {needs}{_gate(variant.gate)}"


def _gate(gate: dict[str, Any] | None) -> str:
    if gate is None:
        return ""
    if gate.get("status") != "passed":
        return f"  accuracy gate: {gate.get('status')}"
    figures = f"MAE {gate.get('mae_percent'):+} %, bias {gate.get('bias_percent'):+} %"
    return f"  accuracy gate: passed on {gate.get('photos')} photos, {figures}"


def _calibration(package: Package) -> list[str]:
    """One line about the calibration, where the package holds one."""
    data = package.read_report(TABLE_NAME)
    if data is None:
        return []
    with export_extra():
        from exporters.calibration_choice import told_coverage
        from exporters.calibration_table import CalibrationTable

    table = CalibrationTable.from_json_bytes(data, TABLE_NAME)
    sparse = ", without dense photos" if table.sparse else ""
    told = told_coverage([photo.people for photo in table.photos])
    return [f"  calibrated by {table.method} on {len(table.photos)} photos{sparse}: {told}"]
