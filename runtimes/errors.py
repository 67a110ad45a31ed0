"""The project's errors: one tree, so that a caller can catch all of them, or one kind.

    SktError                     every error that is the caller's to read; anything else is a bug
    +-- ConfigError              a setting, an option or a config file            exit code 2
    +-- InputError               a photo, an array, a labelled set                exit code 3
    +-- ArtifactError            a model package or a checkpoint                  exit code 4
    +-- BackendError             an engine or a device                            exit code 5
    +-- InferenceError           an engine that failed while it ran               exit code 5
    |   +-- OutOfMemory          one that had no memory for what it was given     exit code 5
    +-- ExportError              an export or its parity                          exit code 6
    +-- CalibrationError         a calibration                                    exit code 7
    +-- AccuracyGateError        a variant that does not count like its master    exit code 7

They live in the lowest package so that each package above can raise them; `sdk.errors` is their public door.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class SktError(Exception):
    """What went wrong, with which value, what was expected, and how to fix it."""

    code: ClassVar[str] = "SKT-E000"
    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, hint: str = "", **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def to_json(self) -> Mapping[str, Any]:
        """The error as a JSON object: code, kind, message, hint, details."""
        kind = type(self).__name__
        return {"code": self.code, "kind": kind, "message": self.message, "hint": self.hint, "details": self.details}


class ConfigError(SktError):
    """An option, a setting or a config file that cannot be used."""

    code = "SKT-E100"
    exit_code = 2


class InputError(SktError):
    """A photo, an array or a labelled set that cannot be read or counted."""

    code = "SKT-E200"
    exit_code = 3


class ArtifactError(SktError):
    """A model package or a checkpoint that is damaged, unsafe or of another kind."""

    code = "SKT-E300"
    exit_code = 4


class BackendError(SktError):
    """An engine or a device that is not there, or did not load as asked."""

    code = "SKT-E400"
    exit_code = 5


class InferenceError(SktError):
    """An engine that failed while it ran."""

    code = "SKT-E450"
    exit_code = 5


class OutOfMemory(InferenceError):
    """An engine or a device that had no memory for a batch."""

    code = "SKT-E451"


class ExportError(SktError):
    """An export that could not be made, or does not answer like the model."""

    code = "SKT-E500"
    exit_code = 6


class CalibrationError(SktError):
    """A calibration that lacks photos or does not fit its model."""

    code = "SKT-E600"
    exit_code = 7


class AccuracyGateError(SktError):
    """A variant that counts too differently from its master."""

    code = "SKT-E700"
    exit_code = 7
