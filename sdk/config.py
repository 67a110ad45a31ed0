"""Strict YAML into frozen dataclasses: an unknown key or a value of another type is refused by name."""

from __future__ import annotations

import dataclasses
import difflib
import re
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from sdk.errors import ConfigError

T = TypeVar("T")


class _StrictLoader(yaml.SafeLoader):
    """YAML in which a key given twice is an error, 1e-3 is a number, and on and off are words; not so in YAML 1.1."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT002 - PyYAML's
        seen = []
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"key {key!r} is given twice", problem_mark=key_node.start_mark)
            seen.append(key)
        return super().construct_mapping(node, deep)


_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)
for first in "oO":
    del _StrictLoader.yaml_implicit_resolvers[first]  # those of on and off, which are settings' values here
SWITCHED = {"on": True, "off": False}


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file's mapping; refuses a missing file, broken YAML, and anything but a mapping."""
    try:
        data = yaml.load(path.read_text("utf-8"), _StrictLoader)  # noqa: S506 - it is a SafeLoader
    except OSError as error:
        raise ConfigError(f"cannot read config {path}: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # not UTF-8, or a date such as 2026-13-01
        raise ConfigError(f"config {path} cannot be read as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        held = {"str": "text alone", "list": "a list", "NoneType": "nothing"}.get(kind := type(data).__name__, kind)
        raise ConfigError(f"config {path} holds {held}, expected settings, a line each", hint="NAME: VALUE")
    return data


def with_overrides(data: Mapping[str, Any], settings: Iterable[str]) -> dict[str, Any]:
    """The mapping with each `a.b=value` set, the value read as YAML."""
    result = _copy(data)
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key:
            raise ConfigError(f"setting {setting!r} is not KEY=VALUE", hint="write it like --set optimizer.lr=0.001")
        *parents, last = key.split(".")
        place = result
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise ConfigError(f"setting {setting!r}: {parent!r} is a value, not a group of settings")
        try:
            place[last] = yaml.load(text, _StrictLoader)  # noqa: S506 - it is a SafeLoader
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise ConfigError(f"setting {setting!r}: the value is not YAML") from error
    return result


def parse(kind: type[T], data: Mapping[str, Any], where: str = "") -> T:
    """The dataclass `kind` from a mapping of plain values, nested dataclasses included."""
    hints = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    for key in data:
        if key not in names:
            near = difflib.get_close_matches(str(key), names, 1)
            hint = f"did you mean {where}{near[0]}?" if near else f"known: {', '.join(names)}"
            raise ConfigError(f"unknown setting {where}{key}", hint=hint)
    values = {key: _convert(hints[key], value, f"{where}{key}") for key, value in data.items()}
    required = [field for field in dataclasses.fields(kind) if _has_no_default(field)]  # type: ignore[arg-type]
    for field in required:
        if field.name not in values:
            raise ConfigError(f"setting {where}{field.name} is missing")
    return kind(**values)


def to_plain(value: Any) -> Any:
    """A dataclass as plain dicts and lists, for YAML and JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _copy(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copy(value) if isinstance(value, Mapping) else value for key, value in data.items()}


def _has_no_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _convert(hint: Any, value: Any, where: str) -> Any:
    if hint is Any:
        return value
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _convert_union(arguments, value, where)
    if origin is tuple and isinstance(value, (list, tuple)):
        return tuple(_convert(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {str(key): _convert(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return _parse_inner(hint, value, where)
    return _convert_plain(hint, value, where)


def _parse_inner(hint: Any, value: Mapping[str, Any], where: str) -> Any:
    try:
        return parse(hint, value, f"{where}.")
    except ConfigError as error:  # one about values does not know where they stand
        if f" {where}" in error.message:
            raise
        raise ConfigError(f"setting {where}: {error.message}", hint=error.hint, **error.details) from error


def _convert_plain(hint: Any, value: Any, where: str) -> Any:
    plain = isinstance(hint, type) and typing.get_origin(hint) is None  # Python 3.10 calls tuple[int] a type
    of_its_type = plain and isinstance(value, hint)
    truth = isinstance(value, bool)  # to Python also a 0 or 1
    if hint is float and isinstance(value, int) and not truth:
        return float(value)
    if hint is bool and isinstance(value, str) and value.lower() in SWITCHED:
        return SWITCHED[value.lower()]
    if hint is Path and isinstance(value, str):
        return Path(value)
    if of_its_type and (hint is bool or not truth):
        return value
    raise ConfigError(f"setting {where} is {value!r}, expected {_name(hint)}")


def _convert_union(arguments: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in arguments:
        return None
    (hint,) = (argument for argument in arguments if argument is not type(None))
    return _convert(hint, value, where)


def _name(hint: Any) -> str:
    return getattr(hint, "__name__", str(hint)) if typing.get_origin(hint) is None else str(hint)
