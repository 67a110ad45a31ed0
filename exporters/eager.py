"""A network in eager PyTorch, as libraries of density maps run it: a contender of `skt-bench`, in its own process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from exporters.needs import export_extra
from exporters.untrained import network_of
from sdk.bench.timed import timed
from sdk.frame import decode, pad_to_multiple, shrink


class Eager:
    """RGB scaled and normalised in float, one forward pass in fp32, and the sum of the density."""

    def __init__(self, options: dict[str, Any]) -> None:
        with export_extra():
            import torch
        torch.set_num_threads(options["threads"])
        path = Path(options["photo"])
        self._photo = np.load(path) if path.suffix == ".npy" else path.read_bytes()
        self._max_side = options["max_side"]  # pixels; larger photos are shrunk to it, None: never
        self._network = network_of(options["network"]).eval()

    def first(self) -> float:
        return self._count()

    def round(self, seconds: float) -> dict[str, Any]:
        return timed(seconds, ms=self._count)

    def facts(self) -> dict[str, Any]:
        import torch

        from distiller.networks import count_parameters

        loaded: dict[str, Any] = {"engine": "torch", "engine_version": torch.__version__, "precision": "fp32"}
        loaded |= {"threads": torch.get_num_threads(), "device": "cpu", "variant": "eager"}
        return {"loaded": loaded, "parameters": count_parameters(self._network)}

    def close(self) -> None:
        del self._network

    def _count(self) -> float:
        import torch

        image = shrink(decode(self._photo), self._max_side).image
        batch = torch.from_numpy(pad_to_multiple(image, self._network.multiple)[None])
        with torch.inference_mode():
            return float(self._network(batch).sum())
