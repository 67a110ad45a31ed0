"""The shipped model's package with TensorRT variants, as an export makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sdk.manifest import FileEntry, Manifest, VariantEntry
from sdk.package import Package, write_package
from sdk.shipped import DEFAULT_PACKAGE

PASSED = {"status": "passed"}


def entry(precision: str, data: bytes = b"onnx", gate: dict[str, str] | None = None) -> VariantEntry:
    """A TensorRT variant in a manifest."""
    variant = f"tensorrt-{precision}"
    file = FileEntry.of(f"variants/{variant}/model.onnx", data)
    return VariantEntry(variant, "tensorrt", precision, (file,), opset=20, gate=gate)


def shipped_manifest() -> Manifest:
    """Of the package that is shipped, which has no TensorRT variant."""
    with Package.open(DEFAULT_PACKAGE) as package:
        return package.manifest


def write_with_engines(path: Path, sources: Mapping[str, bytes]) -> Path:
    """The shipped package with these sources, by precision, beside its variants; the int8 one has passed its gate."""
    with Package.open(DEFAULT_PACKAGE) as shipped:
        manifest = shipped.manifest
        files = {file.path: shipped._read(file) for file in manifest.files}
    made = [entry(precision, data, PASSED if precision == "int8" else None) for precision, data in sources.items()]
    files |= {variant.files[0].path: sources[variant.precision] for variant in made}
    write_package(path, replace(manifest, variants=(*manifest.variants, *made)), files).close()
    return path
