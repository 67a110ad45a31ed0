"""From a source to a package: render the variants, prove each of them, describe them, and only then write."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from exporters.card import model_card
from exporters.evaluations import check_of_model
from exporters.onnx import OPSET, with_manifest
from exporters.openvino import openvino_ir
from exporters.parity import Parity, Reference, compare, scene_batches
from exporters.receptive import receptive_halo
from sdk.config import to_plain
from sdk.errors import ConfigError
from sdk.frame import pad_to_multiple
from sdk.golden import GOLDEN_NAME, Golden, golden_to_bytes
from sdk.manifest import FileEntry, InputSpec, Manifest, OutputSpec, VariantEntry
from sdk.scenes import draw_scene
from sdk.variants import planned_variant

if TYPE_CHECKING:
    import onnx

    from exporters.source import Source

VARIANTS = {  # id: format, precision, and the lowest engine that the SDK installs with
    "onnx-fp32": ("onnx", "fp32", {"onnxruntime": ">=1.20"}),
    "openvino-fp32": ("openvino", "fp32", {"openvino": ">=2025.0"}),
    "openvino-fp16": ("openvino", "fp16", {"openvino": ">=2025.0"}),
}
DEFAULT_VARIANTS = ("onnx-fp32", "openvino-fp16")
OF_FILES = ("variants", "golden", "model_card", "reports")  # of a manifest: what a file cannot say of itself
CARD, PARITY = "MODEL_CARD.md", "reports/parity.json"
PREPROCESSING = (
    "sides are padded to a multiple by reflection below and on the right, and the padding's cells are left out;"
    " nothing is resized; colour order, scaling and normalisation are in the graph"
)
LICENCE = "the weights: as their training data allow, see MODEL_CARD.md"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What to make of a source."""

    variants: tuple[str, ...] = DEFAULT_VARIANTS
    name: str = ""  # of the package; the source's where empty
    evaluations: tuple[dict[str, Any], ...] = ()  # scores of the model on labelled sets, for the card

    def __post_init__(self) -> None:
        for variant in self.variants:
            if variant not in VARIANTS:
                raise ConfigError(f"unknown variant {variant!r}", hint=f"known: {', '.join(VARIANTS)}")
        if not self.variants:
            raise ConfigError("no variant is asked for", hint=f"known: {', '.join(VARIANTS)}")
        if self.name and not re.fullmatch(r"\w[\w.-]{0,63}", self.name):
            raise ConfigError(f"name {self.name!r} cannot name a package", hint="use letters, digits, '.', '_' and '-'")


@dataclass(frozen=True)
class Built:
    """A package that is ready to be written, every variant of it proven."""

    manifest: Manifest
    files: dict[str, bytes]  # by path in the package
    parities: tuple[Parity, ...]


def build(source: Source, options: Options, say: Say) -> Built:
    """Make the package's files in memory; raises ExportError when a variant does not answer like the source."""
    golden = golden_of(source)
    draft = draft_manifest(source, options, golden)
    embedded = embedded_json(draft)
    parities, entries, files = [], [], {GOLDEN_NAME: golden}
    batches = scene_batches(source.multiple)
    for variant_id in options.variants:
        say(f"rendering {variant_id}")
        rendered = render(source.master, variant_id, embedded)
        entry = variant_entry(variant_id, rendered)
        say(f"comparing {variant_id} with {source.reference_name}")
        parities.append(compare(planned_variant(draft, entry), rendered, source.reference, batches))
        entries.append(replace(entry, parity=parities[-1].summary()))
        files |= {file.path: rendered[file.basename] for file in entry.files}
    files[PARITY] = parity_json(source.reference_name, parities)
    manifest = replace(draft, variants=tuple(entries), reports=(FileEntry.of(PARITY, files[PARITY]),))
    files[CARD] = model_card(manifest).encode()
    return Built(replace(manifest, model_card=FileEntry.of(CARD, files[CARD])), files, tuple(parities))


def draft_manifest(source: Source, options: Options, golden: bytes) -> Manifest:
    """All of the manifest that is known before a variant exists."""
    version = hashlib.sha256(with_manifest(source.master, b"")).hexdigest()[:12]
    provenance = dict(source.provenance)
    if options.evaluations:
        for evaluation in options.evaluations:
            check_of_model(evaluation, version)
        provenance["evaluations"] = list(options.evaluations)
    return Manifest(
        name=options.name or source.name,
        version=version,
        architecture=source.architecture,
        input=InputSpec(multiple=source.multiple),
        output=OutputSpec(stride=source.stride),
        receptive_halo=receptive_halo(source.master, stride=source.stride, multiple=source.multiple),
        preprocessing=PREPROCESSING,
        parameters=source.parameters,
        macs_576x864=source.macs,
        variants=(),
        golden=FileEntry.of(GOLDEN_NAME, golden),
        model_card=FileEntry.of(CARD, b""),
        reports=(),
        provenance=provenance,
        licence=LICENCE,
    )


def embedded_json(manifest: Manifest) -> bytes:
    """The manifest as it stands inside each variant: all but the list of files, of which the variant is one."""
    plain = {key: value for key, value in to_plain(manifest).items() if key not in OF_FILES}
    return json.dumps(plain, sort_keys=True, ensure_ascii=False, allow_nan=False).encode()


def render(master: onnx.ModelProto, variant_id: str, embedded: bytes) -> dict[str, bytes]:
    """The files of one variant by name."""
    format_, precision, _ = VARIANTS[variant_id]
    if format_ == "onnx":
        return {"model.onnx": with_manifest(master, embedded)}
    return openvino_ir(master, embedded, precision)


def variant_entry(variant_id: str, rendered: dict[str, bytes]) -> VariantEntry:
    """The manifest's entry of a variant."""
    format_, precision, requires = VARIANTS[variant_id]
    files = tuple(FileEntry.of(f"variants/{variant_id}/{name}", data) for name, data in sorted(rendered.items()))
    opset = OPSET if format_ == "onnx" else None
    return VariantEntry(variant_id, format_, precision, files, opset=opset, requires=dict(requires))


def golden_of(source: Source) -> bytes:
    """A drawn scene and what the source answers to it."""
    photo = pad_to_multiple(draw_scene(11, width=480, height=320, people=40).photo, source.multiple)
    return golden_to_bytes(golden_pair(source.reference, photo))


def golden_pair(reference: Reference, photo: np.ndarray[Any, np.dtype[np.uint8]]) -> Golden:
    """A photo (h, w, 3) uint8 BGR and its answer."""
    answer = reference(photo[None])
    return Golden(photo, answer.density[0], float(answer.count[0]))


def parity_json(reference: str, parities: Sequence[Parity]) -> bytes:
    """reports/parity.json: the reference, and each variant beside it."""
    variants = {parity.variant: parity.to_json() for parity in parities}
    return (json.dumps({"reference": reference, "variants": variants}, indent=2, sort_keys=True) + "\n").encode()
