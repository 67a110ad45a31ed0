"""`skt-export build-engine`: plans for this device, the faster one that counts right chosen."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from exporters.command_options import package_argument
from exporters.engine_choose import Contender, Measured, choose, variants_to_build
from exporters.engine_make import Site, engines_folder, measured_plan, ready_plan
from exporters.engine_warnings import unread
from exporters.lint_finding import check_profiles
from runtimes.cuda_memory import Gpu
from runtimes.tensorrt_build import build_plan
from runtimes.tensorrt_device import Device, find_device, import_tensorrt
from runtimes.tensorrt_engine import lane_at, load_engine
from runtimes.tensorrt_options import DEFAULT_BUCKETS, LARGEST, EngineOptions, default_options, parse_bucket
from runtimes.tensorrt_store import PLAN, SIDECAR, StoredPlan
from sdk.commands.common import Progress, friendly, json_option, print_json
from sdk.errors import ConfigError
from sdk.files import write_whole
from sdk.manifest import VariantEntry
from sdk.package import Package
from sdk.variants import gate_passed

SIZES = ", ".join(bucket.name for bucket in DEFAULT_BUCKETS) + f", and any up to {LARGEST}x{LARGEST}"
FILE = click.Path(path_type=Path)


@dataclass(frozen=True)
class Made:
    """What came out for one variant."""

    contender: Contender
    stored: StoredPlan

    def to_json(self) -> dict[str, Any]:
        """A row of the report."""
        variant, measured = self.contender.variant, self.contender.measured
        notes = {"warnings": self.stored.notes.get("warnings", []), "gate_passed": bool(gate_passed(variant))}
        row = {"variant": variant.id, "plan": str(self.stored.path), "doubt": self.contender.doubt}
        return {**row, **notes, **measured.to_json()}


@click.command("build-engine")
@package_argument
@click.option("--precision", "precisions", type=click.Choice(["fp16", "int8", "fp32"]), multiple=True,
              help="Repeat it for several. [default: fp16 and int8, as far as they are in PACKAGE]")  # fmt: skip
@click.option(
    "--size", "sizes", multiple=True, metavar="HxW", help=f"Of photos; HxW:HxW for a range. [default: {SIZES}]"
)
@click.option("--batch", type=click.IntRange(min=1), default=1, show_default=True, help="Most photos at once.")
@click.option("--workspace", type=click.IntRange(min=1), default=2048, show_default=True, help="MiB of scratch memory.")
@click.option("--dla", type=click.IntRange(min=0), help="The DLA core to use, on devices that have one.")
@click.option("--gpu", type=click.IntRange(min=0), default=0, show_default=True, help="Which GPU.")
@click.option("--rebuild", is_flag=True, help="Build also what was built before.")
@click.option("-o", "--output", type=FILE, metavar="FOLDER", help="Copy the chosen plan and its notes here, too.")
@json_option
@friendly
def build_engine(
    package: Path,
    precisions: tuple[str, ...],
    sizes: tuple[str, ...],
    batch: int,
    workspace: int,
    dla: int | None,
    gpu: int,
    rebuild: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Build TensorRT engines of PACKAGE on this device, and choose one.

    Each is timed, and compared with its source on the CPU. They are kept for this user, and built again when the
    package, the GPU, its driver, TensorRT or an option changes.
    """
    named = tuple(parse_bucket(name, batch) for name in sizes)
    _check_output(output)
    with Package.open(package) as opened:
        multiple = opened.manifest.input.multiple
        buckets = named or tuple(replace(one, batch=batch) for one in default_options(multiple).buckets)
        options = EngineOptions(buckets, workspace, dla)
        check_profiles([bucket.profile for bucket in buckets], multiple)
        entries = variants_to_build(opened.manifest, precisions)
        device = find_device(gpu)
        trt = import_tensorrt()
        site = Site(device, f"tensorrt {trt.__version__}", engines_folder(), options)
        made = _make(opened, entries, trt, site, explicit=bool(precisions), anew=rebuild)
    chosen = choose([each.contender for each in made])
    plan = next(each.stored for each in made if each.contender is chosen)
    if output is not None:
        plan = copied(plan, output)
    report(made, chosen, plan, device, as_json=as_json)


def copied(plan: StoredPlan, folder: Path) -> StoredPlan:
    """The plan and its sidecar in another folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / PLAN, plan.data)
    write_whole(folder / SIDECAR, plan.path.with_name(SIDECAR).read_bytes())
    return StoredPlan(folder / PLAN, plan.data, plan.notes)


def report(made: Sequence[Made], chosen: Contender, plan: StoredPlan, device: Device, *, as_json: bool) -> None:
    """One row an engine, and which one to use."""
    if as_json:
        rows = [each.to_json() for each in made]
        told = {"gpu": device.name, "compute_capability": device.compute_capability, "cuda_driver": device.cuda_driver}
        print_json({"device": told, "engines": rows, "chosen": chosen.variant.id, "plan": str(plan.path)})
        return
    for each in made:
        times = ", ".join(f"{ms:.2f} ms at {name}" for name, ms in each.contender.measured.milliseconds.items())
        click.echo(f"{each.contender.variant.id:<14} {times}  {each.contender.doubt or 'ok'}")
        for warning in unread(each.stored.notes.get("warnings", [])):
            click.echo(f"  TensorRT warns: {warning[:200]}", err=True)
    click.echo(f"chosen: {chosen.variant.id}, {plan.path}")


def _make(
    package: Package, entries: Sequence[VariantEntry], trt: Any, site: Site, *, explicit: bool, anew: bool
) -> list[Made]:
    """An engine of each variant, measured."""
    made = []
    for entry in entries:
        source = package.read(entry.id)["model.onnx"]
        click.echo(f"building {entry.id} for {site.device.name}", err=True)
        notes = {"package": package.manifest.name, "version": package.manifest.version, "variant": entry.id}
        with Gpu(site.device.index) as gpu:
            stored = ready_plan(site, source, functools.partial(build_plan, trt, draw=Progress), notes, anew=anew)
            stored, measured = _measured(trt, site, source, stored, gpu)
        made.append(Made(Contender(entry, measured, explicit=explicit), stored))
    return made


def _measured(trt: Any, site: Site, source: bytes, stored: StoredPlan, gpu: Gpu) -> tuple[StoredPlan, Measured]:
    """The plan measured; what TensorRT holds on the GPU is given back when this ends, while the GPU is still open."""
    if stored.measured:
        return stored, Measured.from_json(stored.measured)
    with gpu.current():
        lane = lane_at(load_engine(trt, stored.data), gpu)
    return measured_plan(site, source, stored, lane)


def _check_output(output: Path | None) -> None:
    if output is not None and output.exists() and not output.is_dir():
        raise ConfigError(f"{output} is a file, expected a folder for the plan", hint="name another with -o")
