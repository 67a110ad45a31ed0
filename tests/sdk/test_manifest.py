"""The manifest of a model package: written canonically, read strictly."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdk.errors import ManifestInvalid, SchemaUnsupported, SizeMismatch, UnsafePath, VariantUnknown
from sdk.manifest import MAX_FILE_BYTES, FileEntry, InputSpec, Manifest, OutputSpec, VariantEntry, check_path

MODEL = FileEntry.of("variants/onnx-fp32/model.onnx", b"weights")
MASTER = VariantEntry("onnx-fp32", "onnx", "fp32", (MODEL,), 20, {"onnxruntime": ">=1.17"}, {"count": 0.001})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
BAD_PATHS = (
    "../x", "a/../b", "/etc/passwd", "C:/x", "C:x", "a\\b", "a//b", "a/", "./a", ".hidden", "", "a\0b", "a\n", "nul.", "é"
)  # fmt: skip


def manifest(**changes: Any) -> Manifest:
    whole = Manifest(
        name="plaza",
        version="1.0",
        architecture="bl-quarter",
        input=InputSpec(multiple=16),
        output=OutputSpec(stride=8),
        receptive_halo=96,
        preprocessing="Sides are padded to the multiple by reflection.",
        parameters=1_350_000,
        macs_576x864=13_100_000_000,
        variants=(MASTER,),
        golden=FileEntry.of("golden.npz", b"pair"),
        model_card=FileEntry.of("MODEL_CARD.md", b"card"),
        reports=(),
        provenance={},
        licence="Apache-2.0",
    )
    return dataclasses.replace(whole, **changes)


def edited(*path: str | int, value: Any = None, drop: bool = False) -> bytes:
    """The manifest's JSON with one key set, or dropped."""
    plain = json.loads(manifest().to_json_bytes())
    place = plain
    for key in path[:-1]:
        place = place[key]
    if drop:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return json.dumps(plain).encode()


@given(provenance=st.dictionaries(st.text(), JSON, max_size=4), parity=st.dictionaries(st.text(), JSON, max_size=4))
def test_a_manifest_survives_write_and_read(provenance: dict[str, Any], parity: dict[str, Any]) -> None:
    before = manifest(provenance=provenance, variants=(dataclasses.replace(MASTER, parity=parity),))

    after = Manifest.from_json_bytes(before.to_json_bytes())

    assert after == before
    assert after.to_json_bytes() == before.to_json_bytes()


def test_the_json_is_canonical_whatever_the_order_of_keys() -> None:
    one, other = manifest(provenance={"a": 1, "b": "é"}), manifest(provenance={"b": "é", "a": 1})

    text = one.to_json_bytes().decode("utf-8")

    assert text.encode() == other.to_json_bytes()
    assert text.endswith("}\n")
    assert "é" in text


@given(st.binary() | st.text().map(str.encode) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ManifestInvalid):
        Manifest.from_json_bytes(data)


@pytest.mark.parametrize("schema", ["skt/2", "skt/0", 1, None, ["skt/1"]])
def test_another_schema_is_refused_by_name(schema: object) -> None:
    with pytest.raises(SchemaUnsupported, match=r"has schema .*, this SDK reads 'skt/1' \(upgrade this SDK"):
        Manifest.from_json_bytes(edited("schema", value=schema))


def test_an_unknown_key_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ManifestInvalid, match=r"input\.color .*did you mean input\.colour"):
        Manifest.from_json_bytes(edited("input", "color", value="BGR"))


@pytest.mark.parametrize(
    "path",
    [("name",), ("schema",), ("golden", "sha256"), ("input", "colour"), ("variants", 0, "opset"), ("output", "stride")],
)
def test_a_missing_key_is_refused_even_when_it_has_a_default(path: tuple[str | int, ...]) -> None:
    with pytest.raises(ManifestInvalid, match=rf"{path[-1]} is missing"):
        Manifest.from_json_bytes(edited(*path, drop=True))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("receptive_halo",), "96", r"receptive_halo is '96', expected int"),
        (("parameters",), True, r"parameters is True, expected int"),
        (("name",), None, r"name is None, expected str"),
        (("variants",), {}, r"variants is {}, expected tuple"),
        (("variants", 0, "files", 0, "size"), 1.5, r"variants\[0\].files\[0\].size is 1.5, expected int"),
        (("variants", 0, "requires"), {"openvino": 2024}, r"requires.openvino is 2024, expected str"),
        (("input", "layout"), "NCHW", r"input.layout is 'NCHW', expected 'NHWC'"),
        (("input", "colour"), "RGB", r"input.colour is 'RGB', expected 'BGR'"),
        (("input", "multiple"), 0, r"input.multiple is 0, expected pixels"),
        (("input", "multiple"), 12, r"input.multiple is 12, expected a multiple of output.stride, which is 8"),
        (("input", "max_side"), 8, r"input.max_side is 8, expected at least the multiple, 16"),
        (("output", "stride"), 0, r"output.stride is 0, expected pixels"),
        (("output", "density"), "", r"output.density is '', expected a name"),
        (("receptive_halo",), -1, r"receptive_halo is -1, expected 0 or more"),
        (("golden", "sha256"), "A" * 64, r"sha256 of golden.npz is 'A+', expected 64 hexadecimal digits"),
        (("golden", "size"), -1, r"size of golden.npz is -1"),
        (("variants", 0, "precision"), "int4", r"precision of variant onnx-fp32 is 'int4', expected one of fp32"),
        (("variants", 0, "files"), [], r"files of variant onnx-fp32 is \(\), expected at least one"),
        (("variants", 0, "id"), "other", r"expected 'variants/other/model.onnx'"),
        (("variants", 0, "gate"), {"status": "failed"}, r"gate.status of variant onnx-fp32 is 'failed'"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key(path: tuple[str | int, ...], value: object, message: str) -> None:
    with pytest.raises(ManifestInvalid, match=message):
        Manifest.from_json_bytes(edited(*path, value=value))


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": 1e999}', '{"a": "\\ud800"}', '{"a": 1, "a": 2}', "[" * 100_000])
def test_json_that_could_not_be_written_again_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ManifestInvalid, match="not JSON of finite numbers and unique keys") as caught:
        Manifest.from_json_bytes(text.encode())

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [math.nan, math.inf, "\ud800", {1, 2}])
def test_a_value_that_json_cannot_hold_is_not_written(value: object) -> None:
    with pytest.raises(ManifestInvalid, match="manifest of 'plaza' cannot be written as JSON"):
        manifest(provenance={"figure": value}).to_json_bytes()


@pytest.mark.parametrize("path", BAD_PATHS)
def test_a_path_that_could_lead_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(UnsafePath, match="is not safe in a package"):
        Manifest.from_json_bytes(edited("golden", "path", value=path))


@given(st.text(st.sampled_from("ab./\\:~ \0"), max_size=12))
def test_a_path_that_passes_stays_below_the_root(path: str) -> None:
    try:
        check_path(path)
    except UnsafePath:
        return
    assert all(part.strip(".") for part in path.split("/"))
    assert not set(path) & set("\\:~ \0")


def test_two_files_of_one_name_are_refused_in_any_case_of_letters() -> None:
    with pytest.raises(ManifestInvalid, match=r"path is 'golden.npz', expected each one once"):
        manifest(reports=(FileEntry.of("Golden.NPZ", b""),))
    with pytest.raises(ManifestInvalid, match=r"variant is 'onnx-fp32', expected each one once"):
        manifest(variants=(MASTER, MASTER))


def test_more_bytes_than_the_limits_are_refused() -> None:
    with pytest.raises(SizeMismatch, match=r"the limit for one file is 536870912"):
        FileEntry("big.bin", "0" * 64, MAX_FILE_BYTES + 1)
    with pytest.raises(SizeMismatch, match=r"files of 'plaza' have .* bytes, the limit is 2147483648"):
        manifest(reports=tuple(FileEntry(f"r{i}.bin", "0" * 64, MAX_FILE_BYTES) for i in range(5)))


def test_an_unknown_variant_lists_the_known_ones() -> None:
    with pytest.raises(VariantUnknown, match=r"package plaza has no variant 'onnx' \(it holds: onnx-fp32\)"):
        manifest().variant("onnx")
    assert manifest().variant("onnx-fp32") is MASTER


def test_a_size_is_written_and_read_and_an_older_manifest_without_one_is_read_too() -> None:
    sized = manifest(variants=(dataclasses.replace(MASTER, size=(576, 864)),))

    assert Manifest.from_json_bytes(sized.to_json_bytes()) == sized
    assert Manifest.from_json_bytes(edited("variants", 0, "size", drop=True)) == manifest()


@pytest.mark.parametrize(
    ("size", "expected"),
    [([576], "height and width in pixels"), ([0, 16], "height and width"), ([576, 860], "multiples of input.multiple")],
)
def test_a_size_that_is_none_is_refused(size: list[int], expected: str) -> None:
    with pytest.raises(ManifestInvalid, match=rf"size of variant onnx-fp32 is .*, expected {expected}"):
        Manifest.from_json_bytes(edited("variants", 0, "size", value=size))
