"""TensorBoard's event files, where its package is installed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class EventLog:
    """Numbers over steps for TensorBoard; silent without `pip install 'skt-edge[tensorboard]'`."""

    def __init__(self, folder: Path, step: int) -> None:
        self.writer: SummaryWriter | None = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        self.writer = SummaryWriter(str(folder), purge_step=step)

    def add(self, record: Mapping[str, Any]) -> None:
        """A line of the run's metrics: its numbers by their dotted names."""
        if self.writer is not None:
            for name, value in _numbers({key: value for key, value in record.items() if key != "step"}):
                self.writer.add_scalar(name, value, int(record["step"]))
            self.writer.flush()

    def close(self) -> None:
        """Write what is left."""
        if self.writer is not None:
            self.writer.close()


def _numbers(record: Mapping[str, Any], where: str = "") -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for key, value in record.items():
        if isinstance(value, Mapping):
            found += _numbers(value, f"{where}{key}/")
        else:
            found.append((f"{where}{key}", float(value)))
    return found
