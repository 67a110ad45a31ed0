"""A small model package, whole, for tests to write and to damage."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sdk.golden import Golden, golden_to_bytes
from sdk.manifest import FileEntry, InputSpec, Manifest, OutputSpec, VariantEntry

GOLDEN = Golden(np.full((16, 32, 3), 7, np.uint8), np.full((2, 4), 0.5, np.float32), 4.0)
FILES = {
    "MODEL_CARD.md": b"# Plaza\n",
    "golden.npz": golden_to_bytes(GOLDEN),
    "reports/parity.json": b"{}",
    "variants/onnx-fp32/model.onnx": bytes(range(256)),
    "variants/openvino-fp16/model.bin": b"weights",
    "variants/openvino-fp16/model.xml": b"<net/>",
}
MODEL = "variants/onnx-fp32/model.onnx"


def manifest_of(files: Mapping[str, bytes]) -> Manifest:
    entries = [FileEntry.of(path, files[path]) for path in sorted(files)]
    ids = sorted({entry.path.split("/")[1] for entry in entries if entry.path.startswith("variants/")})
    return Manifest(
        name="plaza",
        version="1.0",
        architecture="bl-quarter",
        input=InputSpec(multiple=16),
        output=OutputSpec(stride=8),
        receptive_halo=96,
        preprocessing="Sides are padded to the multiple by reflection.",
        parameters=1,
        macs_576x864=1,
        variants=tuple(
            VariantEntry(i, "onnx", "fp32", tuple(e for e in entries if e.path.startswith(f"variants/{i}/")))
            for i in ids
        ),
        golden=next(entry for entry in entries if entry.path == "golden.npz"),
        model_card=next(entry for entry in entries if entry.path == "MODEL_CARD.md"),
        reports=tuple(entry for entry in entries if entry.path.startswith("reports/")),
        provenance={"data": ["drawn scenes"]},
        licence="Apache-2.0",
    )


MANIFEST = manifest_of(FILES)


def zip_of(path: Path, entries: list[tuple[str | zipfile.ZipInfo, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return path


def plain_entries() -> list[tuple[str | zipfile.ZipInfo, bytes]]:
    return [("manifest.json", MANIFEST.to_json_bytes()), *FILES.items()]
