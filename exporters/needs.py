"""What an export needs beside the SDK: told by the line that installs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sdk.errors import ConfigError

OWN = ("exporters", "distiller", "sdk", "runtimes")  # a missing one of these is a bug, not a missing extra


@contextmanager
def export_extra() -> Iterator[None]:
    """Turn a failed import of a package of the `export` extra into the line that installs it."""
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or str(error)).partition(".")[0]
        if name in OWN:
            raise
        message = f"exporting needs the package {name}, which is not installed"
        raise ConfigError(message, hint="pip install 'skt-edge[export]'") from error
