"""MODEL_CARD.md, written from the manifest and the calibration of trust alone, so that they always say the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sdk.manifest import Manifest, VariantEntry
from sdk.trust.calibration import TrustCalibration

NETWORKS = {
    "bl": "the VGG-19 network of Bayesian Loss (Ma et al., ICCV 2019, arXiv 1908.03684)",
    "csrnet": "CSRNet (Li et al., CVPR 2018, arXiv 1802.10062)",
    "densenet169": "DenseNet-169 (Huang et al., CVPR 2017, arXiv 1608.06993) to transition3, with a density head",
    "googlenet": "GoogLeNet (Szegedy et al., CVPR 2015, arXiv 1409.4842) up to inception 4a, with a density head",
    "googlenet-deep": "GoogLeNet (Szegedy et al., CVPR 2015, arXiv 1409.4842) up to inception 4e, with a density head",
    "googlenet-quick": "GoogLeNet (Szegedy et al., CVPR 2015, arXiv 1409.4842) up to inception 4a at twice the stride",
    "googlenet-tiny": "GoogLeNet (Szegedy et al., CVPR 2015, arXiv 1409.4842) up to inception 3a, with a density head",
    "resnet50": "ResNet-50 (He et al., CVPR 2016, arXiv 1512.03385) to layer3, with a density head",
    "sanet": "SANet (Cao et al., ECCV 2018), normalised by batch",
}
DATA = {  # data set: name, source, terms
    "shanghaitech": ("ShanghaiTech", "Zhang et al., CVPR 2016", "published for research"),
    "beijing-brt": ("Beijing BRT", "Ding et al., 2018", "published for research"),
    "ucf-cc-50": ("UCF_CC_50", "Idrees et al., CVPR 2013", "published for research"),
    "ucf-qnrf": ("UCF-QNRF", "Idrees et al., ECCV 2018", "published for research"),
    "nwpu": ("NWPU-Crowd", "Wang et al., TPAMI 2020", "published for research"),
    "jhu-crowd++": ("JHU-CROWD++", "Sindagi et al., TPAMI 2020", "published for research"),
}
DRAWN = "drawn"  # what recipes call the set that distiller.drawn draws
ENCODERS = {
    "densenet169_imagenet_to_transition3": "ImageNet DenseNet-169 (BSD-3)",
    "googlenet_imagenet": "ImageNet GoogLeNet (BVLC; unrestricted use)",
    "resnet50_imagenet_to_layer3": "ImageNet ResNet-50 (MIT licence)",
    "vgg19_imagenet_conv1_1_to_conv3_4": "ImageNet VGG-19, its lower convolutions (CC BY 4.0)",
    "vgg19_quarter_encoder": "ImageNet VGG-19 at quarter width (Collaborative Distillation, CVPR 2020; MIT licence)",
}


def model_card(manifest: Manifest, trust: TrustCalibration | None = None) -> str:
    """The card, Markdown; trust: what the package's counts are held against, where it holds that."""
    parts = [_what(manifest), _contract(manifest), _variants(manifest.variants), *_int8(manifest.variants)]
    parts += [_accuracy(manifest.provenance), *_trust(trust)]
    return "\n".join([*parts, _data(manifest), _limits(manifest.provenance), _made(manifest)])


def _what(manifest: Manifest) -> str:
    about = manifest.provenance.get("network", {})
    n = about.get("n", 1)
    family = NETWORKS.get(about.get("name", ""), manifest.architecture)
    width = f", every layer at 1/{n} of its channels" if n > 1 else ""
    return f"""# {manifest.name}

Counts people in photos: people per cell of {manifest.output.stride} x {manifest.output.stride} pixels, and their sum.

| | |
|---|---|
| network | {family}{width} |
| parameters | {manifest.parameters:,} |
| multiply-adds at 576 x 864 | {manifest.macs_576x864 / 1e9:.1f} G |
| version | {manifest.version} |
| training step | {manifest.provenance.get("step", "not recorded")} |
{_teacher(manifest.provenance.get("teacher"))}"""


def _teacher(facts: dict[str, Any] | None) -> str:
    return f"| teacher | {facts['parameters']:,} parameters, sha256 {facts['sha256'][:12]} |\n" if facts else ""


def _contract(manifest: Manifest) -> str:
    put, stride = manifest.input, manifest.output.stride
    return f"""## Input and output

* `{put.name}`: {put.dtype} {put.layout}, {put.colour}, both sides multiples of {put.multiple} pixels.
* `{manifest.output.density}`: float32 (n, h/{stride}, w/{stride}), people per cell, never negative.
* `{manifest.output.count}`: float32 (n,), people in the photo.
* Photos: {manifest.preprocessing}.
* A cell sees at most {manifest.receptive_halo} pixels beyond itself: tiles with that halo count as the whole does.
"""


def _variants(variants: Sequence[VariantEntry]) -> str:
    rows = [_variant_row(variant) for variant in variants]
    head = ["## Variants", "", "Each was compared with the trained network on drawn scenes; greatest differences:", ""]
    columns = ["| variant | size | cell, people | count, relative | by |", "|---|---|---|---|---|"]
    return "\n".join([*head, *columns, *rows, ""])


def _variant_row(variant: VariantEntry) -> str:
    size = sum(entry.size for entry in variant.files) / 2**20
    parity = variant.parity or {}
    cell, count = parity.get("max_density_error"), parity.get("max_relative_count_error")
    return f"| {variant.id} | {size:.1f} MiB | {cell} | {count} | {parity.get('engine')} |"


def _int8(variants: Sequence[VariantEntry]) -> list[str]:
    """How INT8 counts beside fp32; nothing where there is no INT8 variant."""
    gated = [variant for variant in variants if variant.gate is not None]
    if not gated:
        return []
    columns = [
        "| variant | gate | photos | MAE | bias | worst density | worst photo |",
        "|---|---|---|---|---|---|---|",
    ]
    note = "Beside fp32 on photos that were not calibrated on, in per cent; each photo is in `reports/gate.json`."
    return ["\n".join(["## INT8", "", *columns, *(_gate_row(variant) for variant in gated), "", note, ""])]


def _gate_row(variant: VariantEntry) -> str:
    gate = variant.gate or {}
    keys = ("mae_percent", "bias_percent", "bin_percent", "photo_percent")
    figures = ["-" if gate.get(key) is None else f"{gate[key]:+.2f} %" for key in keys]
    return f"| {variant.id} | {gate.get('status')} | {gate.get('photos', '-')} | {' | '.join(figures)} |"


def _accuracy(provenance: dict[str, Any]) -> str:
    evaluations = provenance.get("evaluations", [])
    if not evaluations:
        return "## Accuracy\n\nNot measured. Score it on your own scenes with `skt-eval` before you rely on it.\n"
    columns = ["| data set | photos | MAE | RMSE | bias |", "|---|---|---|---|---|"]
    rows = [_score_row(scores) for scores in evaluations]
    densities = [_bins(scores) for scores in evaluations if scores.get("bins")]
    note = "Errors in people a photo, against head points; bias is counted minus true."
    return "\n".join(["## Accuracy", "", *columns, *rows, "", note, "", *densities])


def _score_row(scores: dict[str, Any]) -> str:
    figures = [_figure(scores.get(key)) for key in ("mae", "rmse", "bias")]
    return f"| {scores['dataset']} | {scores['photos']} | {' | '.join(figures)} |"


def _bins(scores: dict[str, Any]) -> str:
    columns = ["| people in the photo | photos | MAE | bias |", "|---|---|---|---|"]
    rows = [
        f"| {_range(part)} | {part['photos']} | {_figure(part.get('mae'))} | {_figure(part.get('bias'))} |"
        for part in scores["bins"]
    ]
    return "\n".join([f"### {scores['dataset']} by density", "", *columns, *rows, ""])


def _range(part: dict[str, Any]) -> str:
    fewest, most = part["fewest"], part["most"]
    return str(fewest) if fewest == most else f"{fewest} or more" if most is None else f"{fewest} to {most}"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _trust(trust: TrustCalibration | None) -> list[str]:
    """Intervals and false alarms as they were measured; nothing where there is no calibration."""
    if trust is None:
        return []
    measured, share = trust.measured, trust.intervals.share
    covered = measured.coverage
    photos = f"{measured.photos} labelled photos ({', '.join(measured.sets)}), split {measured.splits} times at random"
    rows = [_interval_row(trust, place) for place in range(len(trust.intervals.bins))]
    told = f"""## Trust

* Each count comes with an interval that is to hold the true number in {share:.0%} of photos. On {photos}
  into three parts to calibrate on and one to measure, it held in {covered.mean:.1%}
  ({covered.lowest:.0%} to {covered.highest:.0%} in nine splits of ten).
* Of the photos held out, {measured.false_alarms:.1%} were told to be unlike the others: false alarms.
* Counted by {measured.backend}.
  It holds for photos like these; what is unlike them has a state that says so.
"""
    columns = ["| people counted | photos | interval at the lower end |", "|---|---|---|"]
    return [told, "\n".join([*columns, *rows, ""])]


def _interval_row(trust: TrustCalibration, place: int) -> str:
    bins = trust.intervals.bins
    here, after = bins[place], [one.fewest for one in bins[place + 1 : place + 2]]
    low, high = trust.intervals.around(here.fewest)
    counted = f"{here.fewest:.0f} to {after[0]:.0f}" if after else f"{here.fewest:.0f} or more"
    return f"| {counted} | {here.photos} | {low:.0f} to {high:.0f} |"


def _data(manifest: Manifest) -> str:
    config = manifest.provenance.get("config", {})
    lines = [_set_line(name, about) for name, about in sorted(config.get("sets", {}).items())]
    if config.get("empty_scenes"):
        lines.append("* Scenes without people, drawn by this project")
    encoder = str(config.get("encoder", "")).removesuffix(".safetensors")
    if encoder:
        lines.append(f"* Starting weights: {ENCODERS.get(encoder, encoder)}")
    told = lines or ["* Not recorded."]
    return "\n".join(["## Training data and licences", "", *told, "", f"Licence of {manifest.licence}.", ""])


def _set_line(set_name: str, about: dict[str, Any]) -> str:
    if (set_name, about["dataset"]) == (DRAWN, "points"):
        return "* Scenes with and without people, drawn by this project"
    name, source, terms = DATA.get(about["dataset"], (about["dataset"], "", "terms not known to this tool"))
    part = " ".join(str(about[key]) for key in ("part", "split") if about.get(key))
    return f"* {name} {part}: {', '.join(text for text in (source, terms) if text)}"


def _limits(provenance: dict[str, Any]) -> str:
    return f"""## Limits

* It counts what looks like heads at the scales it was trained on; very near, very far and unusual views count worse.
* Statues, posters and reflections can count as people. It does not tell who anybody is.
* Counts are estimates. Measure them on your own scenes before decisions, and never rest safety on them alone.
{_worst(provenance.get("evaluations", []))}"""


def _worst(evaluations: Sequence[dict[str, Any]]) -> str:
    """The photos that were counted worst, by name: they are not ours to show."""
    rows = [
        f"| {scores['dataset']} | {photo['name']} | {photo['true']} | {_figure(photo['counted'])} |"
        for scores in evaluations
        for photo in scores.get("worst", [])
    ]
    columns = ["| data set | photo | people | counted |", "|---|---|---|---|"]
    return "\n".join(["", "Counted worst in each set:", "", *columns, *rows, ""]) if rows else ""


def _made(manifest: Manifest) -> str:
    versions = manifest.provenance.get("versions", {})
    told = ", ".join(f"{name} {number}" for name, number in sorted(versions.items()) if number)
    return f"## How it was made\n\nBy `skt-export`{f' with {told}' if told else ''}. Figures: `reports/parity.json`.\n"
