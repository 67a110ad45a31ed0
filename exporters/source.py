"""What is exported: a checkpoint of the distiller, or a package that is rendered again from its master."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exporters.calibration_table import TABLE_NAME, CalibrationTable
from exporters.needs import export_extra
from exporters.parity import Batch, Reference
from exporters.receptive import receptive_halo
from runtimes import Candidate, LoadOptions, Output, load
from sdk import __version__
from sdk.errors import ArtifactError
from sdk.package import Package
from sdk.trust.calibration import TrustCalibration, read_trust
from sdk.variants import planned_variant

if TYPE_CHECKING:
    import onnx

    from distiller.checkpoint import Checkpoint
    from distiller.networks import CountingNetwork

MASTER = "onnx-fp32"
MACS_SIZE = (576, 864)  # height and width at which cost is stated
LIBRARIES = ("torch", "onnx", "onnxscript", "openvino")
NOT_FACTS = ("root", "validation")  # of a training config: where the data lay, and long lists of names


@dataclass(frozen=True, eq=False)
class Source:
    """A model to export."""

    name: str
    architecture: str
    multiple: int  # pixels; both sides of a batch are multiples of it
    stride: int  # pixels of a density cell
    parameters: int
    macs: int  # for one photo of MACS_SIZE
    provenance: dict[str, Any]
    master: onnx.ModelProto
    reference: Reference  # the answers that every variant must give
    reference_name: str
    table: CalibrationTable | None = None  # of a package that holds one
    trust: TrustCalibration | None = None  # of a package that holds one

    @property
    def halo(self) -> int:
        """Pixels around a tile that its density depends on."""
        return receptive_halo(self.master, stride=self.stride, multiple=self.multiple)


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """The model at `path`: the folder of a checkpoint, or a package."""
    if is_checkpoint(path):
        yield from_checkpoint(path)
    else:
        _refuse_near_misses(path)
        with Package.open(path) as package:
            yield from from_package(package)


def is_checkpoint(path: Path) -> bool:
    """Whether this is a checkpoint's folder; else it is a package, or nothing."""
    return (path / "facts.json").exists()


def from_checkpoint(path: Path) -> Source:
    """The network of a checkpoint, fused and as ONNX; torch is its reference."""
    with export_extra():
        from distiller import checkpoint as store
        from distiller.networks import STRIDE, count_macs, count_parameters, fused
        from exporters.onnx import master_of

    saved = store.load(path)
    network = fused(store.network_of(saved))
    return Source(
        name=_default_name(saved.facts, path),
        architecture=_architecture(saved.facts),
        multiple=network.multiple,
        stride=STRIDE,
        parameters=count_parameters(network),
        macs=count_macs(network, *MACS_SIZE),
        provenance=provenance_of(saved),
        master=master_of(network),
        reference=torch_reference(network),
        reference_name=f"torch {version('torch')}",
    )


def from_package(package: Package) -> Iterator[Source]:
    """A package's master, whose answers in ONNX Runtime are the reference; its provenance stays."""
    with export_extra():
        from exporters.onnx import read_master

    manifest = package.manifest
    entry = manifest.variant(MASTER)
    files = package.read(MASTER)
    candidate = Candidate(planned_variant(manifest, entry), "onnxruntime", "cpu", "fp32")
    with load(candidate, files, LoadOptions(threads=1)) as backend:
        yield Source(
            name=manifest.name,
            architecture=manifest.architecture,
            multiple=manifest.input.multiple,
            stride=manifest.output.stride,
            parameters=manifest.parameters,
            macs=manifest.macs_576x864,
            provenance=manifest.provenance,
            master=read_master(files["model.onnx"], f"{MASTER} of package {manifest.name}"),
            reference=backend.run,
            reference_name=f"{MASTER} in onnxruntime {backend.info().engine_version}",
            table=_table(package),
            trust=read_trust(package),
        )


def _table(package: Package) -> CalibrationTable | None:
    """The calibration table in a package."""
    data = package.read_report(TABLE_NAME)
    return None if data is None else CalibrationTable.from_json_bytes(data, f"{TABLE_NAME} of {package.path}")


def torch_reference(network: CountingNetwork) -> Reference:
    """The deployed graph in torch, fp32."""
    import torch

    from exporters.deploy import DeployedGraph

    graph = DeployedGraph(network).eval()

    def answer(batch: Batch) -> Output:
        with torch.inference_mode():
            density, count = graph(torch.from_numpy(np.ascontiguousarray(batch)))
        return Output(density.numpy(), count.numpy())

    return answer


def provenance_of(saved: Checkpoint) -> dict[str, Any]:
    """Where a checkpoint comes from: network, step, config and versions, without any local path."""
    facts = saved.facts
    return {
        "network": facts["architecture"],
        "step": facts.get("step"),
        **({"teacher": facts["teacher"]} if facts.get("teacher") else {}),
        "config": without_paths(facts.get("config", {})),
        "versions": {name: _version(name) for name in LIBRARIES} | {"skt-edge": __version__},
    }


def without_paths(value: Any) -> Any:
    """Plain values with folders and long lists taken out, and of a path only its last part."""
    if isinstance(value, dict):
        return {key: without_paths(item) for key, item in value.items() if key not in NOT_FACTS}
    if isinstance(value, list):
        return [without_paths(item) for item in value]
    return value.replace("\\", "/").rstrip("/").rpartition("/")[2] if isinstance(value, str) else value


def _refuse_near_misses(path: Path) -> None:
    """Say what was probably meant, where a part of a checkpoint or the folder around some is given."""
    if path.name == "facts.json" or path.suffix == ".safetensors":
        raise ArtifactError(f"{path} is one file of a checkpoint", hint=f"give its folder: {path.parent}")
    if not path.exists():
        raise ArtifactError(f"no checkpoint or model package {path}", hint="check the path")
    if path.is_dir() and not (path / "manifest.json").exists():
        inside = sorted(folder.parent.name for folder in path.glob("*/facts.json"))
        hint = f"did you mean {path / inside[-1]}?" if inside else "expected facts.json or manifest.json in it"
        raise ArtifactError(f"{path} is neither a checkpoint nor a model package", hint=hint)


def _architecture(facts: dict[str, Any]) -> str:
    about = facts["architecture"]
    return f"{about['name']} 1/{about['n']}" if about["n"] > 1 else str(about["name"])


def _default_name(facts: dict[str, Any], path: Path) -> str:
    """After the run, whose folder holds the checkpoint's; after the architecture where that says nothing."""
    run = path.resolve().parent.name
    about = facts["architecture"]
    return run if run.startswith(about["name"]) else f"{about['name']}-{about['n']}"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
