"""Variants of one photo size, which an Intel NPU needs: an OpenVINO IR whose sides are fixed, one photo a run.

The size is part of the variant's id: openvino-fp16-576x864, height first. Such a variant runs on a CPU as well, where
it is proven against the variant that it was made of.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from exporters.card import model_card
from exporters.needs import export_extra
from exporters.onnx import INPUT
from runtimes import Candidate, LoadOptions, load
from runtimes.plan import arithmetic
from sdk.errors import ConfigError, ExportError
from sdk.frame import pad_to
from sdk.manifest import FileEntry, Manifest, VariantEntry
from sdk.scenes import draw_scene
from sdk.trust.calibration import TRUST_NAME, TrustCalibration
from sdk.variants import planned_variant

Size = tuple[int, int]  # height and width, pixels
PROVEN = 1e-4  # of a cell, beside 1 person and beside the cell: the same arithmetic, in kernels for a known size


def with_static(
    manifest: Manifest, files: Mapping[str, bytes], variant_id: str, size: Size
) -> tuple[Manifest, dict[str, bytes]]:
    """A package's content with a variant of one size added, made of one of its OpenVINO variants and proven beside it.

    files: all of the package's, by path. Raises ExportError for a size that the model cannot take, a variant of another
    format, and a variant that does not answer as the one it was made of.
    """
    source = manifest.variant(variant_id)
    if source.format != "openvino" or source.size is not None:
        message = f"variant {variant_id} is {source.format}{' of one size' if source.size else ''}"
        raise ExportError(message, hint="variants of one size are made of OpenVINO variants that take any")
    check_sizes([size], [variant_id], manifest.input.multiple, manifest.receptive_halo)
    if static_id(variant_id, size) in [variant.id for variant in manifest.variants]:
        raise ExportError(f"the package already holds {static_id(variant_id, size)}", hint="export it anew, or use it")
    made = static_ir({entry.basename: files[entry.path] for entry in source.files}, size)
    entry = static_entry(source, made, size)
    prove(manifest, source, entry, {**files, **{file.path: made[file.basename] for file in entry.files}})
    whole = replace(manifest, variants=(*manifest.variants, entry))
    trust = TrustCalibration.from_json_bytes(files[TRUST_NAME]) if TRUST_NAME in files else None
    card = model_card(whole, trust).encode()
    whole = replace(whole, model_card=FileEntry.of(whole.model_card.path, card))
    added = {file.path: made[file.basename] for file in entry.files}
    return whole, {**files, **added, whole.model_card.path: card}


def static_ir(files: Mapping[str, bytes], size: Size) -> dict[str, bytes]:
    """model.xml and model.bin for one photo (1, height, width, 3) of this size; rt_info stays, the manifest in it."""
    with export_extra(), tempfile.TemporaryDirectory(prefix="skt-export-") as folder:
        import openvino

        model = openvino.Core().read_model(files["model.xml"], files["model.bin"])
        try:
            model.reshape({INPUT: [1, *size, 3]})
        except RuntimeError as error:
            message = f"the model cannot be fixed to {size[1]} x {size[0]}: {' '.join(str(error).split())[:300]}"
            raise ExportError(message, hint="export the package again") from error
        xml = Path(folder) / "model.xml"
        openvino.save_model(model, xml, compress_to_fp16=False)  # weights stay in what they are stored in
        return {path.name: path.read_bytes() for path in (xml, xml.with_suffix(".bin"))}


def static_id(variant_id: str, size: Size) -> str:
    """The id of a variant of one size: height first, as in all our shapes."""
    return f"{variant_id}-{size[0]}x{size[1]}"


def static_entry(source: VariantEntry, files: Mapping[str, bytes], size: Size) -> VariantEntry:
    """The manifest's entry; parity and gate are those of the variant that it was made of."""
    made = static_id(source.id, size)
    entries = tuple(FileEntry.of(f"variants/{made}/{name}", data) for name, data in sorted(files.items()))
    return replace(source, id=made, files=entries, size=size)


def check_sizes(sizes: Sequence[Size], variants: Sequence[str], multiple: int, halo: int) -> None:
    """Refuse sizes that no variant could take: off the grid, too small for halos, or where none is of OpenVINO."""
    if sizes and not any(map(is_openvino, variants)):
        message = f"--size is for OpenVINO variants, and there are {', '.join(variants)}"
        raise ConfigError(message, hint="add --format openvino")
    least = (-(-halo // multiple) * 2 + 1) * multiple
    for size in sizes:
        for what, side in zip(("height", "width"), size, strict=True):
            if side % multiple or side < least:
                message = f"{what} {side} is no size for this model: expected a multiple of {multiple}, {least} or more"
                raise ExportError(message, hint="576x864 and 1088x1920 suit most cameras", size=list(size))


def is_openvino(variant_id: str) -> bool:
    """Whether a variant can be fixed to a size."""
    return variant_id.startswith("openvino-")


def prove(manifest: Manifest, source: VariantEntry, made: VariantEntry, files: Mapping[str, bytes]) -> None:
    """Run both on this machine's CPU; raises ExportError where a cell differs."""
    assert made.size is not None
    height, width = made.size
    batch = pad_to(draw_scene(12, width=480, height=320, people=40).photo, height, width)[None, :height, :width]
    answers = []
    for entry in (source, made):
        variant = planned_variant(manifest, entry)
        candidate = Candidate(variant, "openvino", "cpu", arithmetic(variant.precision, "cpu"))
        with load(candidate, {file.basename: files[file.path] for file in entry.files}, LoadOptions()) as backend:
            answers.append(backend.run(batch).density.astype(np.float64))
    off = float(np.max(np.abs(answers[0] - answers[1]) / (1 + np.abs(answers[0]))))
    if not off <= PROVEN:
        message = f"variant {made.id} does not answer like {source.id}: a cell is off by {off:.2g} (limit {PROVEN:g})"
        raise ExportError(message, hint="nothing was written; update openvino", variant=made.id)
