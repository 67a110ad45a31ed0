"""From a source to a package: render the variants, prove each of them, describe them, and only then write."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from exporters.calibration_table import TABLE_NAME, CalibrationTable
from exporters.card import model_card
from exporters.conversion import CONVERSION, Row, conversion_json
from exporters.counting import counter_of, exact_sums, sums_saturate
from exporters.evaluations import check_of_model
from exporters.gate import GATE_NAME, Gate, Verdict, judge, refusal
from exporters.onnx import OPSET, with_manifest
from exporters.parity import Batch, Parity, Reference, compare, opened, scene_batches
from exporters.render import DEFAULT_VARIANTS, VARIANTS, is_int8, render
from exporters.tell import Tell
from runtimes import Backend, Variant
from sdk.config import to_plain
from sdk.errors import ConfigError
from sdk.frame import pad_to_multiple
from sdk.golden import GOLDEN_NAME, Golden, golden_from_bytes, golden_to_bytes
from sdk.manifest import FileEntry, InputSpec, Manifest, OutputSpec, VariantEntry
from sdk.scenes import draw_scene
from sdk.trust.calibration import TRUST_NAME
from sdk.variants import planned_variant

if TYPE_CHECKING:
    from exporters.source import Source

OF_FILES = ("variants", "golden", "model_card", "reports")  # of a manifest: what a file cannot say of itself
CARD, PARITY = "MODEL_CARD.md", "reports/parity.json"
UNGATED = "ungated"
PREPROCESSING = (
    "sides are padded to a multiple by reflection below and on the right, and the padding's cells are left out;"
    " nothing is resized; colour order, scaling and normalisation are in the graph"
)
LICENCE = "the weights: as their training data allow, see MODEL_CARD.md"


@dataclass(frozen=True)
class Options:
    """What to make of a source."""

    variants: tuple[str, ...] = DEFAULT_VARIANTS
    name: str = ""  # of the package; the source's where empty
    evaluations: tuple[dict[str, Any], ...] = ()  # scores of the model on labelled sets, for the card
    table: CalibrationTable | None = None  # for INT8 variants
    gate: Gate | None = None  # for INT8 variants; None leaves them ungated

    def __post_init__(self) -> None:
        for variant in self.variants:
            if variant not in VARIANTS:
                raise ConfigError(f"unknown variant {variant!r}", hint=f"known: {', '.join(VARIANTS)}")
        if not self.variants:
            raise ConfigError("no variant is asked for", hint=f"known: {', '.join(VARIANTS)}")
        if self.name and not re.fullmatch(r"\w[\w.-]{0,63}", self.name):
            raise ConfigError(f"name {self.name!r} cannot name a package", hint="use letters, digits, '.', '_' and '-'")
        if self.table is None and any(map(is_int8, self.variants)):
            raise ConfigError("INT8 variants need a calibration table", hint="give --calib")


@dataclass(frozen=True)
class Built:
    """A package that is ready to be written, every variant of it proven."""

    manifest: Manifest
    files: dict[str, bytes]  # by path in the package
    parities: tuple[Parity, ...]
    rows: tuple[Row, ...]  # of the conversion report


@dataclass(frozen=True)
class _Made:
    """One variant, rendered and compared."""

    entry: VariantEntry
    rendered: dict[str, bytes]
    parity: Parity
    row: Row
    verdict: Verdict | None


def build(source: Source, options: Options, tell: Tell) -> Built:
    """Make the package's files in memory.

    Raises ExportError when a variant does not answer like the source, and AccuracyGateError when an INT8 variant does
    not count like the master; the error then holds the gate's report of all variants.
    """
    golden = golden_of(source)
    draft = draft_manifest(source, options, golden)
    batches = [*scene_batches(source.multiple), golden_from_bytes(golden).image[None]]
    made = [_make(source, options, draft, variant_id, batches, tell) for variant_id in options.variants]
    verdicts = [one.verdict for one in made if one.verdict is not None]
    if not all(verdict.passed for verdict in verdicts):
        raise refusal(verdicts, gate_json(options, verdicts))
    files = {GOLDEN_NAME: golden} | {file.path: one.rendered[file.basename] for one in made for file in one.entry.files}
    reports = _reports(source, options, made, verdicts)
    entries = tuple(FileEntry.of(path, data) for path, data in sorted(reports.items()))
    manifest = replace(draft, variants=tuple(one.entry for one in made), reports=entries)
    files |= reports | {CARD: model_card(manifest, source.trust).encode()}
    manifest = replace(manifest, model_card=FileEntry.of(CARD, files[CARD]))
    return Built(manifest, files, tuple(one.parity for one in made), tuple(one.row for one in made))


def _make(
    source: Source, options: Options, draft: Manifest, variant_id: str, batches: list[Batch], tell: Tell
) -> _Made:
    """Render one variant, compare it, and hold it before the gate if it is INT8."""
    tell.say(f"rendering {variant_id}")
    rendered = render(source.master, variant_id, embedded_json(draft), options.table)
    entry = variant_entry(variant_id, rendered)
    tell.say(f"comparing {variant_id} with {source.reference_name}")
    variant = planned_variant(draft, entry)
    with exact_sums(source, variant, options.table) or nullcontext() as exact:
        if exact:
            tell.say(f"{variant_id} is counted node by node, as CPUs with VNNI count: here {sums_saturate()}")
        parity = compare(variant, rendered, source.reference, batches, exact)
        verdict = _judged(source, options, variant, rendered, exact, tell) if is_int8(variant_id) else None
    gate = _gate_entry(options, verdict) if is_int8(variant_id) and (verdict is None or verdict.passed) else None
    shown = replace(entry, parity={**parity.summary(), "golden_count": _golden_count(parity)}, gate=gate)
    return _Made(shown, rendered, parity, Row.of(shown, parity.int8), verdict)


def _golden_count(parity: Parity) -> float:
    """People in the golden photo, which is the last batch."""
    return float(f"{parity.cases[-1].counted[0]:.6g}")


def _gate_entry(options: Options, verdict: Verdict | None) -> dict[str, Any]:
    """What the manifest says of an INT8 variant's gate, and of the calibration behind it."""
    assert options.table is not None
    table = options.table
    about = {"photos": len(table.photos), "method": table.method, "sparse": table.sparse, "sha256": table.sha256}
    return {**({"status": UNGATED} if verdict is None else verdict.summary()), "calibration": about}


def _judged(
    source: Source,
    options: Options,
    variant: Variant,
    rendered: dict[str, bytes],
    exact: Backend | None,
    tell: Tell,
) -> Verdict | None:
    """The gate's verdict in the variant's real engine, or by what has exact sums in its place."""
    if options.gate is None:
        tell.say(f"{variant.id} is not gated")
        return None
    tell.say(f"counting {len(options.gate.photos)} photos with {variant.id}")
    engine = nullcontext(exact) if exact else opened(variant, rendered)
    with engine as backend, tell.over(len(options.gate.photos)) as advance:
        info = backend.info()
        name = f"{info.engine} {info.engine_version} {info.device}"
        return judge(options.gate, variant.id, name, counter_of(backend, source), advance)


def _reports(source: Source, options: Options, made: Sequence[_Made], verdicts: Sequence[Verdict]) -> dict[str, bytes]:
    """What explains the package, by path."""
    reports = {
        PARITY: parity_json(source.reference_name, [one.parity for one in made]),
        CONVERSION: conversion_json([one.row for one in made]),
    }
    if options.table is not None:
        reports[TABLE_NAME] = options.table.to_json_bytes()
    if source.trust is not None:
        reports[TRUST_NAME] = source.trust.to_json_bytes()
    if verdicts:
        reports[GATE_NAME] = gate_json(options, verdicts)
    return reports


def gate_json(options: Options, verdicts: Sequence[Verdict]) -> bytes:
    """reports/gate.json: the limits, and each INT8 variant beside the master."""
    assert options.gate is not None
    assert options.table is not None
    about = {"limits_percent": to_plain(options.gate.limits), "calibration": options.table.sha256}
    variants = {verdict.variant: verdict.to_json() for verdict in verdicts}
    return (json.dumps({**about, "variants": variants}, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


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
        receptive_halo=source.halo,
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


def variant_entry(variant_id: str, rendered: dict[str, bytes]) -> VariantEntry:
    """The manifest's entry of a variant."""
    format_, precision, requires = VARIANTS[variant_id]
    files = tuple(FileEntry.of(f"variants/{variant_id}/{name}", data) for name, data in sorted(rendered.items()))
    opset = None if format_ == "openvino" else OPSET
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
