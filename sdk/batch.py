"""Archives of photos: a batch of paths in, columns of counts out, for whatever hands out batches, such as Ray Data."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from runtimes import Backend
from sdk.counter import CountOptions, CrowdCounter
from sdk.errors import InputError

if TYPE_CHECKING:
    from typing_extensions import Self

    from sdk.result import CountResult

Columns = dict[str, NDArray[Any]]
PEOPLE = ("count", "low", "high")  # not a number where there is none; the interval as in CountResult
NUMBERS = {
    **dict.fromkeys(PEOPLE, np.float64),
    "width": np.int32,
    "height": np.int32,
    "scale": np.float64,
    "ms": np.float64,
}
TEXTS = ("photo", "state", "reasons", "engine", "device", "precision", "variant", "warnings", "error", "model")


@final
class BatchCounter:
    """Counts the photos of batches, as a `CrowdCounter` does; it takes the same arguments, one thread unless told.

    Raises ConfigError, ArtifactError, BackendError. Close it, or use it in a `with`.
    """

    def __init__(
        self,
        package: str | os.PathLike[str] | None = None,
        *,
        device: str = "auto",
        backend: str | Backend = "auto",
        precision: str = "auto",
        threads: int | None = 1,
        options: CountOptions | None = None,
    ) -> None:
        self._counter = CrowdCounter(
            package, device=device, backend=backend, precision=precision, threads=threads, options=options
        )
        manifest = self._counter.manifest
        digest = hashlib.sha256(manifest.to_json_bytes()).hexdigest()
        self.model = f"{manifest.name} {manifest.version} {digest[:12]}"  # whose counts these are

    def __call__(self, batch: Mapping[str, NDArray[Any]]) -> Columns:
        """{"photo": (n,) paths} -> columns of n: photo, count, low, high, state, width, height, ms and others.

        A photo that cannot be read has NaN people, sizes of 0, and `error` says why. Raises InputError for a batch
        without photos, InferenceError when the engine fails.
        """
        if "photo" not in batch:
            raise InputError(f"a batch has {', '.join(batch) or 'nothing'}, expected a column photo of paths")
        photos = [str(photo) for photo in batch["photo"]]
        rows = [self._row(photo, found) for photo, found in zip(photos, self._counter.count_many(photos), strict=True)]
        numbers = {name: np.array([row[name] for row in rows], kind) for name, kind in NUMBERS.items()}
        return {**{name: np.array([row[name] for row in rows], object) for name in TEXTS}, **numbers}

    def _row(self, photo: str, found: CountResult | InputError) -> dict[str, Any]:
        texts, zeros, gaps = dict.fromkeys(TEXTS, ""), dict.fromkeys(NUMBERS, 0), dict.fromkeys(PEOPLE, np.nan)
        plain: dict[str, Any] = {**texts, **zeros, **gaps}
        own = {"photo": photo, "model": self.model}
        if isinstance(found, InputError):
            return {**plain, **own, "error": found.message}
        low, high = found.interval or (np.nan, np.nan)
        told = {name: "; ".join(getattr(found, name)) for name in ("reasons", "warnings")}
        values = {**found.to_json(), **told, "count": found.count, "low": low, "high": high}
        return {**{name: values.get(name, value) for name, value in plain.items()}, **own}

    def close(self) -> None:
        """Let go of the engine; a second call does nothing."""
        self._counter.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
