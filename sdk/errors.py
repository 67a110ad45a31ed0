"""Every error of the project, and the exit code of each: see `runtimes.errors` for the tree."""

from runtimes.errors import (
    AccuracyGateError,
    ArtifactError,
    BackendError,
    CalibrationError,
    ConfigError,
    ExportError,
    InferenceError,
    InputError,
    SktError,
)

__all__ = [
    "AccuracyGateError",
    "ArtifactError",
    "BackendError",
    "CalibrationError",
    "ConfigError",
    "ExportError",
    "InferenceError",
    "InputError",
    "SktError",
]
