"""Where a sink leads: a URI or a path with settings, read strictly."""

from __future__ import annotations

import difflib
import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from sdk.errors import ConfigError
from sdk.sinks.secret import SECRETS, masked

T = TypeVar("T")
WEB = ("http", "https")  # the query of such an address is the receiver's; ours follow a #, which is never sent


@dataclass(frozen=True)
class Target:
    """A spec, taken apart."""

    kind: str  # scheme of a URI, or suffix of a file: mqtt, https, .jsonl
    name: str  # the spec as it may be shown
    path: str  # of a file as written; of a URI from its slash on, still quoted
    host: str = ""
    port: int | None = None
    user: str = ""
    password: str = field(default="", repr=False)
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)  # settings as they were written
    from_text: frozenset[str] = frozenset()  # of these, those of the URI's query: all are text there
    query: str = field(default="", repr=False)


def read_target(spec: str | Mapping[str, Any]) -> Target:
    """A URI or path with ?key=value settings, or a mapping: `to` is the URI, the other keys are settings."""
    if isinstance(spec, str):
        return _from_text(spec, {})
    to = spec.get("to")
    if not isinstance(to, str):
        raise ConfigError(f"sink has no setting `to`, only {', '.join(map(str, spec)) or 'nothing'}",
                          hint="to: mqtt://broker/crowd")  # fmt: skip
    return _from_text(to, {str(key): value for key, value in spec.items() if key != "to"})


def settings(kind: type[T], target: Target, extra: Mapping[str, Any] | None = None) -> T:
    """The dataclass `kind` from a target's settings; an unknown key is refused with the nearest one."""
    from sdk.config import parse

    hints = typing.get_type_hints(kind)
    values = {**target.options, **(extra or {})}
    for key, value in values.items():
        if key in SECRETS and not isinstance(value, str):
            raise ConfigError(f"setting {key} of sink {target.name} is no text", hint="put it in quotes")
        if key in target.from_text and hints.get(key) in (bool, int, float):
            values[key] = _plain(value)
    try:
        return parse(kind, values)
    except ConfigError as error:
        raise ConfigError(f"sink {target.name}: {error.message}", hint=error.hint) from error


def nearest(word: str, known: typing.Iterable[str]) -> str:
    """A hint that names the known word nearest to one that is not known."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, 1)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"


def _from_text(text: str, given: dict[str, Any]) -> Target:
    if "://" not in text:
        path, _, query = text.partition("?")
        written = dict(parse_qsl(query, keep_blank_values=True))
        suffix = f".{path.rpartition('.')[2].lower()}" if "." in path.rpartition("/")[2] else ""
        return Target(suffix, path, path, options={**written, **given}, from_text=_texts(written, given))
    parts = _split(text)
    own = parts.fragment if parts.scheme in WEB else parts.query
    written = dict(parse_qsl(own, keep_blank_values=True))
    return Target(
        parts.scheme,
        _shown(parts),
        parts.path,
        parts.hostname or "",
        parts.port,
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        {**written, **given},
        _texts(written, given),
        parts.query,
    )


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises for what is no port
    except ValueError as error:
        raise ConfigError(f"sink {masked(text)} is no address: {_reason(error)}", hint="scheme://host:port/") from None
    return parts


def _reason(error: ValueError) -> str:
    """What is wrong, without the part of the address that Python quotes: it can hold a password."""
    return "its port is no number from 0 to 65535" if "ort" in str(error) else "it cannot be taken apart"


def _shown(parts: SplitResult) -> str:
    """A URI as it may be shown. The path and query of a web address can be a secret, too."""
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme in WEB:
        return f"{parts.scheme}://{host}{'/...' if parts.path.strip('/') or parts.query else ''}"
    return f"{parts.scheme}://{host}{parts.path}"


def _texts(written: Mapping[str, Any], given: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(written) - frozenset(given)


def _plain(text: str) -> Any:
    """A setting of a URI that is no text: true, 3, 0.5."""
    try:
        return json.loads(text)
    except ValueError:
        return text
