"""Credentials: where they come from, and how they stay out of logs and messages."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sdk.errors import ConfigError

SECRETS = ("password", "secret", "token")  # settings whose values are never shown


def reveal(text: str) -> str:
    """The secret that a setting stands for: env:NAME, file:PATH, or the text itself."""
    kind, _, place = text.partition(":")
    secret = _from_file(place) if kind == "file" else _from_environment(place) if kind == "env" else text
    if not secret.isprintable():
        raise ConfigError("a secret holds what cannot be printed", hint="it is one line of text")
    return secret


def _from_environment(name: str) -> str:
    if name not in os.environ:
        raise ConfigError(f"environment variable {name} is not set", hint="set it where the program starts")
    return os.environ[name]


def _from_file(place: str) -> str:
    try:
        return Path(place).read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the secret in {place}", hint="it holds the secret as one line") from error


def masked(text: str) -> str:
    """The text without userinfo in URLs and without the values of secret settings."""
    text = re.sub(r"(\w://)[^/?#\s]*@", r"\1***@", text)
    names = "|".join(SECRETS)
    return re.sub(rf"(?i)([\w.-]*(?:{names}|key)[\w.-]*=)[^&\s]*", r"\1***", text)
