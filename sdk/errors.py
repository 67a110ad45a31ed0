"""Every error of the project, and the exit code of each: see `runtimes.errors` for the tree.

Below `ArtifactError` (exit code 4), one kind for each way in which a model package can be refused:

    NotAPackage          nothing there, or a file of another kind
    ManifestMissing      a folder or zip without manifest.json
    SchemaUnsupported    a manifest of another schema
    ManifestInvalid      a key that is unknown or missing, or a value of another type or range
    ChecksumMismatch     a file whose bytes are not those that the manifest lists
    SizeMismatch         a file of another size than listed, or above the limit
    UnsafePath           a path that could lead out of the package, a link, a name held twice
    FileMissing          a listed file that is not there
    FileUnlisted         a file that the manifest does not list
    VariantUnknown       a variant that the package does not hold
    GoldenInvalid        a golden.npz that does not hold one photo and its answer
"""

from runtimes.errors import (
    AccuracyGateError,
    ArtifactError,
    BackendError,
    CalibrationError,
    ConfigError,
    ExportError,
    InferenceError,
    InputError,
    OutOfMemory,
    SktError,
)

__all__ = [
    "AccuracyGateError",
    "ArtifactError",
    "BackendError",
    "CalibrationError",
    "ChecksumMismatch",
    "ConfigError",
    "ExportError",
    "FileMissing",
    "FileUnlisted",
    "GoldenInvalid",
    "InferenceError",
    "InputError",
    "ManifestInvalid",
    "ManifestMissing",
    "NotAPackage",
    "OutOfMemory",
    "SchemaUnsupported",
    "SizeMismatch",
    "SktError",
    "UnsafePath",
    "VariantUnknown",
]


class NotAPackage(ArtifactError):
    """A path that holds no model package."""

    code = "SKT-E301"


class ManifestMissing(ArtifactError):
    """A folder or zip without manifest.json."""

    code = "SKT-E302"


class SchemaUnsupported(ArtifactError):
    """A manifest of a schema that this SDK does not read."""

    code = "SKT-E303"


class ManifestInvalid(ArtifactError):
    """A manifest with an unknown or missing key, or a value of another type or range."""

    code = "SKT-E304"


class ChecksumMismatch(ArtifactError):
    """A file whose bytes are not those that the manifest lists."""

    code = "SKT-E305"


class SizeMismatch(ArtifactError):
    """A file of another size than the manifest lists, or above the limit."""

    code = "SKT-E306"


class UnsafePath(ArtifactError):
    """A path that could lead out of the package, a link, or a name held twice."""

    code = "SKT-E307"


class FileMissing(ArtifactError):
    """A listed file that is not in the package."""

    code = "SKT-E308"


class FileUnlisted(ArtifactError):
    """A file in the package that the manifest does not list."""

    code = "SKT-E309"


class VariantUnknown(ArtifactError):
    """A variant that the package does not hold."""

    code = "SKT-E310"


class GoldenInvalid(ArtifactError):
    """A golden.npz that does not hold one photo and its answer."""

    code = "SKT-E311"
