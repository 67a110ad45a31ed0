"""Counts of an archive in a folder of Parquet files; needs pyarrow, as in `pip install 'skt-edge[archive]'`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from numpy.typing import NDArray

from sdk.errors import ConfigError, InputError
from sdk.files import replacing_file

if TYPE_CHECKING:
    import pyarrow as pa


@final
class Parts:
    """Parts of an archive's counts, each a Parquet file that is there whole or not at all.

    folder: made if absent; on a cluster one that all machines share. model: whose counts they are, as
    `BatchCounter.model` says. Raises ConfigError without pyarrow, for a folder that cannot be made, and for one that
    holds counts of another model, which would be mixed; InputError for a damaged part.
    """

    def __init__(self, folder: Path, model: str) -> None:
        _need_pyarrow()
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cannot make folder {folder}: {error.strerror}", hint="name another folder") from error
        others = set(self.table(["model"])["model"].unique().to_pylist()) - {model}
        if others:
            message = f"{folder} holds counts of model {min(others)}, and these would be of {model}"
            raise ConfigError(message, hint="name another folder for another model")

    def table(self, columns: list[str] | None = None) -> pa.Table:
        """All counts so far: all columns of `BatchCounter`, or those named, in no order."""
        import pyarrow as pa
        import pyarrow.dataset as ds

        try:
            return ds.dataset(self.folder, schema=_schema(), format="parquet").to_table(columns=columns)
        except (pa.ArrowInvalid, OSError) as error:
            message = f"{self.folder} holds a part that cannot be read: {' '.join(str(error).split())}"
            raise InputError(message, hint="remove it, and its photos are counted again") from error

    def left(self, photos: Iterable[str]) -> pa.Table:
        """Of these paths those that no part holds, in their order, as a table of one column: photo."""
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = pa.array(photos, pa.string())
        done = self.table(["photo"])["photo"].combine_chunks()
        return pa.table({"photo": wanted.filter(pc.invert(pc.is_in(wanted, value_set=done)))})

    def write(self, columns: Mapping[str, NDArray[Any]]) -> Path:
        """Write what a `BatchCounter` found, a null where a count is NaN.

        The file is named after its photos: who counts the same batch again, as a cluster does when a machine fails,
        replaces its part.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = _schema()
        table = pa.table([pa.array(columns[name], kind, from_pandas=True) for name, kind in _fields()], schema=schema)
        digest = hashlib.sha256("\0".join(map(str, columns["photo"])).encode("utf-8", "surrogateescape")).hexdigest()
        path = self.folder / f"part-{digest[:32]}.parquet"
        with replacing_file(path) as stream:
            pq.write_table(table, stream)
        return path


def _fields() -> list[tuple[str, Any]]:
    import pyarrow as pa

    from sdk.batch import NUMBERS, TEXTS

    return [
        *((name, pa.string()) for name in TEXTS),
        *((name, pa.from_numpy_dtype(kind)) for name, kind in NUMBERS.items()),
    ]


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(_fields())


def _need_pyarrow() -> None:
    try:
        import pyarrow as pa
    except ImportError as error:
        raise ConfigError("Parquet needs the package pyarrow", hint="pip install 'skt-edge[archive]'") from error
    del pa
