"""A variant of a package as the folder of a model server: NVIDIA Triton, or OpenVINO Model Server.

    triton   NAME/config.pbtxt, NAME/1/model.onnx or NAME/1/model.xml and model.bin
    ovms     config.json,       NAME/1/model.xml and model.bin

What the configuration says - names, types, free sides, the batch - is generated from the package's manifest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdk.errors import ConfigError, ExportError
from sdk.files import replacing_folder
from sdk.manifest import Manifest, VariantEntry

KINDS = {"triton": ("onnx", "openvino"), "ovms": ("openvino",)}  # server: formats that it reads, preferred first
PRECISIONS = ("int8", "fp16", "fp32")  # preferred first; int8 only where its gate passed
BACKENDS = {"onnx": "onnxruntime", "openvino": "openvino"}  # of Triton
CONFIG = "config.json"
QUEUE_MICROSECONDS = 2000  # that a photo waits for others of its size
MOST_TOGETHER = 64  # photos in a batch
VERSION = "1"


@dataclass(frozen=True)
class Layout:
    """What to make of a package, and for which server."""

    kind: str  # one of KINDS
    name: str = ""  # of the model on the server; the package's where empty
    variant: str = ""  # its id; the preferred one where empty
    max_batch: int = 0  # photos of one size that Triton may gather from several requests; 0: it gathers none
    models: str = "/models"  # where the server sees the folder; OpenVINO Model Server wants absolute paths

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"unknown layout {self.kind!r}", hint=f"known: {', '.join(KINDS)}")
        if self.name and not re.fullmatch(r"\w[\w.-]{0,63}", self.name):
            raise ConfigError(f"name {self.name!r} cannot name a model", hint="use letters, digits, '.', '_' and '-'")
        if not 0 <= self.max_batch <= MOST_TOGETHER:
            raise ConfigError(f"max_batch is {self.max_batch}, expected 0 to {MOST_TOGETHER}", hint="0 gathers none")
        if self.max_batch and self.kind != "triton":
            raise ConfigError(f"max_batch is for triton, not for {self.kind}", hint="leave it out")


def write_layout(
    manifest: Manifest, contents: Mapping[str, bytes], layout: Layout, output: Path, *, force: bool = False
) -> tuple[str, list[str]]:
    """Write the folder, whole or not at all; the variant's id, and the files' paths below `output`.

    contents: of the package, by path. With `force` an existing folder is replaced, if it holds nothing but an earlier
    layout of this model.
    """
    name = layout.name or Layout(layout.kind, manifest.name).name
    check_output(output, name, force=force)
    entry = choose(manifest, layout)
    files = layout_files(manifest, entry, {file.basename: contents[file.path] for file in entry.files}, layout)
    with replacing_folder(output) as folder:
        for path, data in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
    return entry.id, list(files)


def check_output(output: Path, name: str, *, force: bool) -> None:
    """Refuse to write where something else stands: a repository of other models is never replaced."""
    if not output.parent.is_dir():
        raise ExportError(f"cannot write {output}: there is no folder {output.parent}", hint="create it first")
    if not output.exists():
        return
    if not force:
        raise ExportError(f"{output} already exists", hint="pass --force to replace it")
    others = sorted({path.name for path in output.iterdir()} - {name, CONFIG}) if output.is_dir() else [output.name]
    if others:
        message = f"{output} holds {', '.join(others[:3])}, which is not of model {name}; it is not replaced"
        raise ExportError(message, hint="write to a new folder, and move the model from there")


def choose(manifest: Manifest, layout: Layout) -> VariantEntry:
    """The variant that was named, or the preferred one that the server reads; INT8 unnamed only if its gate passed."""
    formats = KINDS[layout.kind]
    if layout.variant:
        entry = manifest.variant(layout.variant)
        if entry.format not in formats:
            message = f"{layout.kind} reads {' and '.join(formats)}, and {entry.id} is {entry.format}"
            raise ExportError(message, hint="name another variant")
        return entry
    fit = [entry for entry in manifest.variants if entry.format in formats and entry.size is None and _vouched(entry)]
    if not fit:
        held = ", ".join(entry.id for entry in manifest.variants)
        message = f"package {manifest.name} has no variant for {layout.kind}, which reads {' and '.join(formats)}"
        raise ExportError(message, hint=f"it holds {held}; export another, or name one with --variant")
    return min(fit, key=lambda entry: (formats.index(entry.format), PRECISIONS.index(entry.precision)))


def layout_files(manifest: Manifest, entry: VariantEntry, files: dict[str, bytes], layout: Layout) -> dict[str, bytes]:
    """The folder's files by path."""
    name = layout.name or manifest.name
    model = {f"{name}/{VERSION}/{file}": data for file, data in sorted(files.items())}
    if layout.kind == "triton":
        return {f"{name}/config.pbtxt": triton_config(manifest, entry, layout).encode(), **model}
    return {CONFIG: ovms_config(name, layout.models).encode(), **model}


def triton_config(manifest: Manifest, entry: VariantEntry, layout: Layout) -> str:
    """config.pbtxt. Without gathering, the batch is the first of the dimensions; with it, Triton leaves it out."""
    height, width = entry.size or (-1, -1)
    of_cells = [side if side < 0 else side // manifest.output.stride for side in (height, width)]
    batch = [] if layout.max_batch else [1 if entry.size else -1]
    if layout.max_batch and entry.size:
        message = f"variant {entry.id} takes one photo at a time, and max_batch is {layout.max_batch}"
        raise ExportError(message, hint="leave max_batch out, or name a variant of any size")
    count = _tensor(manifest.output.count, "TYPE_FP32", batch or [1], "" if batch else "reshape { shape: [ ] }")
    return "\n".join(
        (
            f"# {manifest.name} {manifest.version}, variant {entry.id}: {manifest.preprocessing}",
            f'name: "{layout.name or manifest.name}"',
            f'backend: "{BACKENDS[entry.format]}"',
            f'default_model_filename: "{"model.onnx" if entry.format == "onnx" else "model.xml"}"',
            f"max_batch_size: {layout.max_batch}",
            f"input [\n{_tensor(manifest.input.name, 'TYPE_UINT8', [*batch, height, width, 3])}\n]",
            f"output [\n{_tensor(manifest.output.density, 'TYPE_FP32', [*batch, *of_cells])},\n{count}\n]",
            *_gathering(layout.max_batch),
            "",
        )
    )


def ovms_config(name: str, models: str) -> str:
    """config.json of OpenVINO Model Server; f32 as in our own runtime, where OpenVINO left alone may take bf16."""
    config = {
        "name": name,
        "base_path": f"{models.rstrip('/')}/{name}",
        "plugin_config": {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"},
    }
    return json.dumps({"model_config_list": [{"config": config}]}, indent=2) + "\n"


def _tensor(name: str, kind: str, dims: Sequence[int], more: str = "") -> str:
    fields = f'name: "{name}" data_type: {kind} dims: [ {", ".join(map(str, dims))} ]'
    return f"  {{ {f'{fields} {more}'.strip()} }}"


def _gathering(max_batch: int) -> list[str]:
    """Triton gathers requests of equal sizes only, as each tensor of a batch has one shape."""
    return [f"dynamic_batching {{ max_queue_delay_microseconds: {QUEUE_MICROSECONDS} }}"] if max_batch else []


def _vouched(entry: VariantEntry) -> bool:
    return entry.precision != "int8" or (entry.gate or {}).get("status") == "passed"
