"""A run's folder: settings, numbers, pictures and checkpoints.

`config.yaml`, `environment.json`, `metrics.jsonl`, `card.json`, `curves.png`, `tensorboard/` where that is installed,
and the checkpoints `last` and `before-decay`. A command of several parts keeps what it found in a file of its name.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import safetensors
import torch
import yaml

from distiller import checkpoint as store
from distiller.config import TrainConfig, differing_settings
from distiller.curves import write_curves
from sdk.config import parse, read_yaml, to_plain
from sdk.errors import ConfigError
from sdk.files import write_whole

LAST = "last"
BEFORE_DECAY = "before-decay"
OTHER_COMMANDS = ("finetune", "qat")  # that write such a folder, and what they found in NAME.json


@dataclass(frozen=True)
class RunFolder:
    """Where a run writes."""

    path: Path

    def config(self) -> TrainConfig | None:
        """The config of the run that the folder holds, if it holds one."""
        if (self.path / "config.yaml").exists():
            return parse(TrainConfig, read_yaml(self.path / "config.yaml"))
        saved = self.last()  # written before runs had a config.yaml
        return None if saved is None else parse(TrainConfig, saved.facts["config"])

    def last(self) -> store.Checkpoint | None:
        """The newest checkpoint; none of a run that was interrupted before its first one was whole."""
        return store.load_if_any(self.path / LAST)

    def command(self) -> str:
        """The command that wrote the folder: finetune, qat, or else train."""
        return next((name for name in OTHER_COMMANDS if (self.path / f"{name}.json").exists()), "train")

    def places(self) -> dict[str, str]:
        """The folders of data and weights that the run was started with, as far as they are known."""
        file = self.path / "environment.json"
        if not file.exists():
            return {}
        try:
            return dict(json.loads(file.read_text("utf-8"))["places"])
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{file} is damaged: no places in it", hint="remove it and give --data") from error

    def check_free_for(self, config: TrainConfig) -> None:
        """Refuse a folder with another run, or with anything else in it."""
        held = self.config()
        if held is None and self.path.is_dir() and any(set(self.path.iterdir()) - set(self._unfinished())):
            raise ConfigError(f"folder {self.path} is not empty and holds no run", hint="choose another --out")
        if held is not None and held != config:
            different = "; ".join(differing_settings(held, config)[:3])
            hint = "choose another --out, or go on with that run: skt-distill resume, or its own command"
            raise ConfigError(f"folder {self.path} holds a run with another config ({different})", hint=hint)

    def write(self, config: TrainConfig, places: Mapping[str, str], device: torch.device) -> None:
        """Write the resolved config, and what the run is computed with."""
        text = yaml.safe_dump(to_plain(config), sort_keys=False)
        with self._writing():
            self.path.mkdir(parents=True, exist_ok=True)
            for file in self._unfinished():
                file.unlink()
            write_whole(self.path / "config.yaml", text.encode())
        self.put("environment.json", {**environment(device), "places": dict(places)})

    def put(self, name: str, record: Mapping[str, Any]) -> None:
        """Write a file of JSON, whole."""
        with self._writing():
            write_whole(self.path / name, (json.dumps(record, indent=2) + "\n").encode())

    def put_report(self, report: Mapping[str, Any], lines: Sequence[str]) -> None:
        """Write report.json, and report.txt for people."""
        self.put("report.json", report)
        with self._writing():
            write_whole(self.path / "report.txt", ("\n".join(lines) + "\n").encode())

    def log(self, record: Mapping[str, Any]) -> None:
        """Add a line to the run's metrics."""
        with self._writing(), (self.path / "metrics.jsonl").open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(record) + "\n")

    def sum_up(self, card: Mapping[str, Any]) -> None:
        """Write the model card's facts and the curves as they are now."""
        self.put("card.json", card)
        with self._writing():
            if (self.path / "metrics.jsonl").exists():
                write_curves(self.path / "metrics.jsonl", self.path / "curves.png")

    def forget_after(self, step: int) -> None:
        """Drop the metrics of steps that a resumed run will take again, and a line that was cut off."""
        file = self.path / "metrics.jsonl"
        if not file.exists():
            return
        with self._writing():
            lines = file.read_text("utf-8").splitlines()
            write_whole(file, "".join(f"{line}\n" for line in lines if _step_of(line) <= step).encode())

    def _unfinished(self) -> list[Path]:
        """Files that an interrupted run was writing."""
        return list(self.path.glob(".*.tmp"))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Say in one line that a file of the run cannot be written."""
        try:
            yield
        except OSError as error:
            hint = "what was saved before is kept; resume when there is room"
            raise ConfigError(f"cannot write to the run's folder {self.path}: {error.strerror}", hint=hint) from error


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")


def environment(device: torch.device) -> dict[str, Any]:
    """Versions, machine and threads."""
    modules = {"numpy": np, "opencv": cv2, "safetensors": safetensors, "torch": torch}
    return {
        "versions": {"python": platform.python_version()} | {name: m.__version__ for name, m in modules.items()},
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
    }
