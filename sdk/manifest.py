"""What a model package says of itself: the frozen dataclasses of manifest.json and its canonical JSON."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

from sdk.config import parse, to_plain
from sdk.errors import ConfigError, ManifestInvalid, SchemaUnsupported, SizeMismatch, UnsafePath, VariantUnknown

SCHEMA = "skt/1"
MANIFEST_NAME = "manifest.json"
MAX_FILE_BYTES = 512 * 2**20  # of one file; the largest of our networks has 86 MB of weights
MAX_PACKAGE_BYTES = 4 * MAX_FILE_BYTES  # of all files together
FIXED_INPUT = {"layout": "NHWC", "dtype": "uint8", "colour": "BGR", "normalisation": "in_graph"}  # of schema skt/1
PRECISIONS = ("fp32", "fp16", "int8")
GATE_STATUSES = ("passed", "ungated", "none")
LATER_KEYS = ("size",)  # of a variant: packages made before they were thought of lack them

_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?"
_PATH = re.compile(rf"{_NAME}(?:/{_NAME}){{0,7}}")
_SHA256 = re.compile("[0-9a-f]{64}")
_PATH_RULE = "use names of letters, digits, '.', '_' and '-', joined by '/', not starting or ending with '.'"


def check_path(path: str) -> None:
    """Refuse any path that is not plain and below the package's root, on every operating system."""
    if not _PATH.fullmatch(path):
        raise UnsafePath(f"path {_short(path)} is not safe in a package", hint=_PATH_RULE, path=path)


@dataclass(frozen=True)
class FileEntry:
    """One file of the package."""

    path: str  # from the package's root, with '/'
    sha256: str  # 64 lower-case hexadecimal digits
    size: int  # bytes

    def __post_init__(self) -> None:
        check_path(self.path)
        _require(bool(_SHA256.fullmatch(self.sha256)), f"sha256 of {self.path}", self.sha256, "64 hexadecimal digits")
        _require(self.size >= 0, f"size of {self.path}", self.size, "bytes, 0 or more")
        if self.size > MAX_FILE_BYTES:
            raise SizeMismatch(f"{self.path} has {self.size} bytes, the limit for one file is {MAX_FILE_BYTES}")

    @classmethod
    def of(cls, path: str, data: bytes) -> FileEntry:
        """The entry of a file with this content."""
        return cls(path, hashlib.sha256(data).hexdigest(), len(data))

    @property
    def basename(self) -> str:
        """The last part of the path, as engines know the file: `model.onnx`."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class InputSpec:
    """What goes in: a batch of photos (n, h, w, 3)."""

    multiple: int  # pixels; both sides are multiples of it
    name: str = "image"
    layout: str = FIXED_INPUT["layout"]
    dtype: str = FIXED_INPUT["dtype"]
    colour: str = FIXED_INPUT["colour"]
    normalisation: str = FIXED_INPUT["normalisation"]
    max_side: int | None = None  # pixels; None when only memory limits it

    def __post_init__(self) -> None:
        _require(self.multiple >= 1, "input.multiple", self.multiple, "pixels, 1 or more")
        _require(bool(self.name), "input.name", self.name, "a name")
        for key, only in FIXED_INPUT.items():
            _require(getattr(self, key) == only, f"input.{key}", getattr(self, key), repr(only))
        side = self.multiple if self.max_side is None else self.max_side
        _require(side >= self.multiple, "input.max_side", side, f"at least the multiple, {self.multiple}")


@dataclass(frozen=True)
class OutputSpec:
    """What comes out: density (n, h/stride, w/stride) float32, people per cell, and count (n,) float32."""

    stride: int  # pixels of the photo per cell, both ways
    density: str = "density"  # the outputs' names in the graph
    count: str = "count"

    def __post_init__(self) -> None:
        _require(self.stride >= 1, "output.stride", self.stride, "pixels, 1 or more")
        _require(bool(self.density), "output.density", self.density, "a name")
        _require(bool(self.count), "output.count", self.count, "a name")


@dataclass(frozen=True)
class VariantEntry:
    """One rendering of the model for one kind of engine."""

    id: str  # also the name of its folder below variants/
    format: str  # onnx, openvino, tensorrt
    precision: str  # one of PRECISIONS
    files: tuple[FileEntry, ...]
    opset: int | None = None  # of an ONNX file
    requires: dict[str, str] = field(default_factory=dict)  # engine -> version specifier, {"onnxruntime": ">=1.17"}
    parity: dict[str, Any] | None = None  # how it answered beside the master
    gate: dict[str, Any] | None = None  # "status" is one of GATE_STATUSES; figures beside it
    size: tuple[int, int] | None = None  # height and width, in pixels, of the only photos that it takes; None: any

    def __post_init__(self) -> None:
        check_path(self.id)
        _require(bool(self.format), f"format of variant {self.id}", self.format, "a format")
        _require(self.precision in PRECISIONS, f"precision of variant {self.id}", self.precision, _choice(PRECISIONS))
        _require(bool(self.files), f"files of variant {self.id}", self.files, "at least one")
        for entry in self.files:
            expected = f"variants/{self.id}/{entry.basename}"
            _require(entry.path == expected, f"path of a file of variant {self.id}", entry.path, repr(expected))
        fits = self.size is None or (len(self.size) == 2 and min(self.size) >= 1)
        _require(fits, f"size of variant {self.id}", self.size, "height and width in pixels")
        status = GATE_STATUSES[-1] if self.gate is None else self.gate.get("status")
        _require(status in GATE_STATUSES, f"gate.status of variant {self.id}", status, _choice(GATE_STATUSES))


@dataclass(frozen=True)
class Manifest:
    """The whole of manifest.json. Figures of cost are of the network alone."""

    name: str
    version: str  # of this model
    architecture: str
    input: InputSpec
    output: OutputSpec
    receptive_halo: int  # pixels around a tile that its density depends on
    preprocessing: str  # one sentence: how a photo becomes the input
    parameters: int
    macs_576x864: int  # multiply-adds for one photo of 576 x 864 pixels
    variants: tuple[VariantEntry, ...]
    golden: FileEntry
    model_card: FileEntry
    reports: tuple[FileEntry, ...]  # parity, gate, calibration: whatever explains the package
    provenance: dict[str, Any]  # data, teacher, resolved config, versions
    licence: str
    schema: str = SCHEMA

    def __post_init__(self) -> None:
        _require(self.schema == SCHEMA, "schema", self.schema, repr(SCHEMA))
        for key in ("name", "version", "architecture", "licence"):
            _require(bool(getattr(self, key)), key, "", "some text")
        for key in ("receptive_halo", "parameters", "macs_576x864"):
            _require(getattr(self, key) >= 0, key, getattr(self, key), "0 or more")
        multiple, stride = self.input.multiple, self.output.stride
        for variant in self.variants:
            fits = not any(side % multiple for side in variant.size or ())
            _require(fits, f"size of variant {variant.id}", variant.size, f"multiples of input.multiple, {multiple}")
        _require(multiple % stride == 0, "input.multiple", multiple, f"a multiple of output.stride, which is {stride}")
        _refuse_twins("variant", [variant.id for variant in self.variants])
        _refuse_twins("path", [MANIFEST_NAME, *(entry.path for entry in self.files)])
        total = sum(entry.size for entry in self.files)
        if total > MAX_PACKAGE_BYTES:
            raise SizeMismatch(f"the files of {self.name!r} have {total} bytes, the limit is {MAX_PACKAGE_BYTES}")

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """Every file of the package but manifest.json itself."""
        of_variants = (entry for variant in self.variants for entry in variant.files)
        return (*of_variants, self.golden, self.model_card, *self.reports)

    def variant(self, variant_id: str) -> VariantEntry:
        """The variant of this id."""
        for variant in self.variants:
            if variant.id == variant_id:
                return variant
        known = ", ".join(variant.id for variant in self.variants) or "none"
        raise VariantUnknown(f"package {self.name} has no variant {variant_id!r}", hint=f"it holds: {known}")

    def to_json_bytes(self) -> bytes:
        """Canonical JSON: keys sorted, UTF-8, two spaces of indent, a newline at the end, finite numbers only."""
        try:
            return _dump(to_plain(self))
        except (TypeError, ValueError, RecursionError) as error:
            raise ManifestInvalid(f"the manifest of {self.name!r} cannot be written as JSON: {error}") from error

    @classmethod
    def from_json_bytes(cls, data: bytes) -> Manifest:
        """The manifest in these bytes; refuses another schema, and any key or value that is not as expected."""
        plain = _load(data)
        schema = plain.get("schema", SCHEMA)
        if schema != SCHEMA:
            message = f"{MANIFEST_NAME} has schema {_short(schema)}, this SDK reads {SCHEMA!r}"
            raise SchemaUnsupported(message, hint="upgrade this SDK, or export the package again with it")
        if "schema" not in plain:
            raise ManifestInvalid(f"key schema is missing in {MANIFEST_NAME}, expected {SCHEMA!r}")
        try:
            manifest = parse(cls, plain)
        except ConfigError as error:
            hint = _one_line(error.hint)
            raise ManifestInvalid(_one_line(f"{MANIFEST_NAME}: {error.message}"), hint=hint) from error
        _refuse_gaps(plain, to_plain(manifest))
        return manifest


def _dump(plain: Any) -> bytes:
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False, indent=2, allow_nan=False)
    return f"{text}\n".encode()


def _load(data: bytes) -> dict[str, Any]:
    try:
        plain = json.loads(data.decode(), object_pairs_hook=_unique)
        _dump(plain)  # what cannot be written again - a NaN, half a surrogate pair - is not to be read
    except (ValueError, RecursionError) as error:
        message = f"{MANIFEST_NAME} is not JSON of finite numbers and unique keys: {error}"
        raise ManifestInvalid(_one_line(message)) from error
    if not isinstance(plain, dict):
        raise ManifestInvalid(f"{MANIFEST_NAME} holds {_short(plain)}, expected an object")
    return plain


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key is given twice among " + ", ".join(sorted(key for key, _ in pairs)))
    return result


def _refuse_gaps(given: Any, full: Any, where: str = "") -> None:
    """A default is for who makes a manifest; in the file every key is written."""
    if isinstance(full, dict):
        for key, value in full.items():
            if key in LATER_KEYS and key not in given:
                continue
            if key not in given:
                raise ManifestInvalid(f"{MANIFEST_NAME}: key {where}{key} is missing, expected {_short(value)} or so")
            _refuse_gaps(given[key], value, f"{where}{key}.")
    elif isinstance(full, list):
        for i, value in enumerate(full):
            _refuse_gaps(given[i], value, f"{where.removesuffix('.')}[{i}].")


def _require(ok: bool, key: str, value: object, expected: str) -> None:
    if not ok:
        raise ManifestInvalid(f"{key} is {_short(value)}, expected {expected}", key=key)


def _refuse_twins(what: str, names: list[str]) -> None:
    """Some file systems do not tell upper from lower case, so neither may names."""
    folded = [name.casefold() for name in names]
    for name in names:
        _require(folded.count(name.casefold()) == 1, what, name, "each one once, upper and lower case alike")


def _choice(values: tuple[str, ...]) -> str:
    return "one of " + ", ".join(values)


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)[:400]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:120]}..."
