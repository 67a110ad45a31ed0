"""Whether a package is whole, and whether what its variants say of themselves is what its manifest says."""

from __future__ import annotations

import json
from typing import Any

from exporters.build import embedded_json
from exporters.calibration_table import TABLE_NAME, CalibrationTable
from exporters.needs import export_extra
from exporters.onnx import embedded_manifest, load_model
from exporters.openvino import RT_INFO
from sdk.errors import ArtifactError, CalibrationError
from sdk.manifest import VariantEntry
from sdk.package import Package


def verify(package: Package) -> None:
    """Check every file's sha256, the golden pair, the calibration, and the manifest inside each variant.

    Raises ArtifactError.
    """
    package.verify()
    _verify_calibration(package)
    expected = json.loads(embedded_json(package.manifest))
    for variant in package.manifest.variants:
        inside = _embedded(variant, package.read(variant.id))
        if inside != expected:
            keys = sorted(key for key in {*inside, *expected} if inside.get(key) != expected.get(key))
            message = f"the manifest inside variant {variant.id} differs from manifest.json in {', '.join(keys)}"
            raise ArtifactError(message, hint="export the package again", variant=variant.id)


def _verify_calibration(package: Package) -> None:
    """A table in a package can be read, and is of its model."""
    data = package.read_report(TABLE_NAME)
    if data is None:
        return
    try:
        table = CalibrationTable.from_json_bytes(data, TABLE_NAME)
    except CalibrationError as error:
        raise ArtifactError(f"package {package.path}: {error.message}", hint="export the package again") from error
    version = package.manifest.version
    if not table.master.startswith(version):
        message = f"package {package.path} is of model {version}, its {TABLE_NAME} of {table.master[:12]}"
        raise ArtifactError(message, hint="export the package again")


def _embedded(variant: VariantEntry, files: dict[str, bytes]) -> dict[str, Any]:
    read = {"onnx": _from_onnx, "openvino": _from_openvino, "tensorrt": _from_onnx}.get(variant.format)
    if read is None:
        raise ArtifactError(f"variant {variant.id} has format {variant.format}, which this release cannot verify")
    try:
        inside = json.loads(read(files, variant.id))
    except (ValueError, RuntimeError, KeyError) as error:
        raise ArtifactError(f"variant {variant.id} holds no manifest that can be read: {error}") from error
    return inside if isinstance(inside, dict) else {}


def _from_onnx(files: dict[str, bytes], variant: str) -> bytes:
    return embedded_manifest(load_model(files["model.onnx"], f"variant {variant}"))


def _from_openvino(files: dict[str, bytes], _: str) -> bytes:
    with export_extra():
        import openvino

    model = openvino.Core().read_model(files["model.xml"], files["model.bin"])
    return str(model.get_rt_info(RT_INFO).value).encode()
