"""A model package that really runs: the tiny model for both engines, with its golden photo."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sdk.golden import Golden, golden_to_bytes
from sdk.manifest import FileEntry, InputSpec, Manifest, OutputSpec, VariantEntry
from sdk.package import write_package
from tests.int8_tiny import int8_files
from tests.models import STRIDE, tiny_density, tiny_files

MULTIPLE = 16
ENGINES = {"onnxruntime": "onnx", "openvino": "openvino"}  # engine: the format that it reads


def noise_photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(height, width, 3) uint8 BGR: each pixel by chance, so that every one of them changes the count."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def write_tiny(
    path: Path,
    *,
    formats: tuple[str, ...] = ("onnx", "openvino"),
    golden_count: float | None = None,
    broken: str = "",
    int8: str = "",
) -> Path:
    """Write the tiny model's package, with a variant in fp32 for each format.

    golden_count: a wrong one; broken: a format whose files no engine can load in fp32; int8: the gate's status of
    further variants in INT8.
    """
    photo = noise_photo(64, 96)
    density = tiny_density(photo[None])[0]
    count = float(density.sum()) if golden_count is None else golden_count
    files = {"MODEL_CARD.md": b"# Tiny\n", "golden.npz": golden_to_bytes(Golden(photo, density, count))}
    for kind in formats:
        for name, data in tiny_files()[kind].items():
            files[f"variants/{kind}-fp32/{name}"] = b"no model" if kind == broken else data
        for name, data in (int8_files()[kind] if int8 else {}).items():
            files[f"variants/{kind}-int8/{name}"] = data
    write_package(path, _manifest(files, formats, int8), files).close()
    return path


def _manifest(files: Mapping[str, bytes], formats: tuple[str, ...], int8: str) -> Manifest:
    entries = {path: FileEntry.of(path, data) for path, data in files.items()}

    def variant(kind: str, precision: str) -> VariantEntry:
        own = tuple(entry for path, entry in entries.items() if path.startswith(f"variants/{kind}-{precision}/"))
        gate = (
            {"status": int8, "mae_percent": 0.4, "labelled": True, "calibration": {"photos": 4}}
            if precision == "int8"
            else None
        )
        opset = 20 if kind == "onnx" else None
        return VariantEntry(f"{kind}-{precision}", kind, precision, own, opset=opset, gate=gate)

    precisions = ("fp32", "int8") if int8 else ("fp32",)
    return Manifest(
        name="tiny",
        version="1.0",
        architecture="one convolution over cells",
        input=InputSpec(multiple=MULTIPLE),
        output=OutputSpec(stride=STRIDE),
        receptive_halo=STRIDE,
        preprocessing="Sides are padded to the multiple by reflection.",
        parameters=28,
        macs_576x864=1,
        variants=tuple(variant(kind, precision) for kind in formats for precision in precisions),
        golden=entries["golden.npz"],
        model_card=entries["MODEL_CARD.md"],
        reports=(),
        provenance={},
        licence="Apache-2.0",
    )
