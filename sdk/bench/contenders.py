"""Who takes part: a package's variants on this machine's engines, and the engines' own convolutions."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runtimes import Candidate, Environment, Plan, Request, plan, probe
from runtimes.peak import OPENERS, PRECISIONS
from runtimes.tables import READS
from sdk.errors import BackendError
from sdk.frame import scaled_size
from sdk.manifest import Manifest
from sdk.package import Package
from sdk.variants import planned_variants

COUNTING, PEAK = "sdk.bench.subjects:Counting", "sdk.bench.subjects:Peak"
MACS_PIXELS = 576 * 864  # of the photo that a manifest's multiply-adds are for


@dataclass(frozen=True)
class Photo:
    """What is counted."""

    path: Path  # an array (.npy), or a photo file that is decoded each time
    height: int
    width: int
    name: str

    @property
    def decoded(self) -> bool:
        """Whether decoding is left out."""
        return self.path.suffix == ".npy"


@dataclass(frozen=True)
class Contender:
    """One that takes part."""

    name: str
    opener: str  # module:function, of the contender's own process
    options: dict[str, Any]
    network: str  # those of one network must count a photo alike
    engine: str
    precision: str
    threads: int
    parameters: int | None = None
    macs: int | None = None  # multiply-adds for the photo
    bytes: int | None = None  # of the variant's files
    variant: str = ""
    reference: bool = False  # the fp32 that others of the network are held beside
    notes: tuple[str, ...] = field(default=())

    @property
    def speed(self) -> tuple[str, str, int]:
        """Of which convolutions it may be a fraction."""
        return self.engine, self.precision, self.threads


@dataclass(frozen=True)
class Asked:
    """The engines and settings that the user asks for."""

    request: Request = field(default_factory=Request)
    threads: int | None = None  # None: all cores
    in_flight: int = 1
    all_variants: bool = False
    max_side: int | None = None  # pixels; larger photos are shrunk to it


def of_package(path: Path, asked: Asked, photo: Photo, label: str = "") -> list[Contender]:
    """The chosen variant and the fp32 that it is held beside; or every variant on every engine of this machine."""
    environment = probe()
    with Package.open(path) as package:
        manifest = package.manifest
    found = candidates(manifest, environment, asked)
    plain = [one for one in found if one.precision == "fp32"]
    reference = min(plain, key=lambda one: one.variant.precision != "fp32", default=None)
    threads = asked.threads or environment.cores
    label = label or manifest.name
    return [_contender(path, manifest, one, asked, photo, (label, threads, one == reference)) for one in found]


def candidates(manifest: Manifest, environment: Environment, asked: Asked) -> list[Candidate]:
    """What can run here of what was asked for, best first: all of it, or the best and its like in fp32."""
    variants, wanted = planned_variants(manifest), asked.request
    chosen = plan(variants, environment, wanted)
    found = [*chosen.candidates]
    if asked.all_variants:
        found += [
            one for variant in variants for one in plan(variants, environment, _named(wanted, variant.id)).candidates
        ]
    elif found:
        any_precision = plan(variants, environment, Request(wanted.device, wanted.backend)).candidates
        plain = [one for one in any_precision if one.precision == "fp32"]
        plain.sort(key=lambda one: one.engine != found[0].engine)
        found = found[:1] + plain[:1]
    if not found:
        raise BackendError(f"nothing of package {manifest.name} runs here as asked", hint=_why(chosen))
    return list(dict.fromkeys(found))


def _named(wanted: Request, variant: str) -> Request:
    """The same request for one variant, which a user who names it takes without a gate, too."""
    return Request(wanted.device, wanted.backend, wanted.precision, variant)


def _why(found: Plan) -> str:
    reading = [one for one in found.discarded if READS[one.engine] == one.variant.format]
    reasons = list(dict.fromkeys(f"{one.engine}: {one.reason}" for one in reading))
    return "; ".join(reasons[:4]) or "see skt-doctor"


def _contender(
    path: Path, manifest: Manifest, one: Candidate, asked: Asked, photo: Photo, about: tuple[str, int, bool]
) -> Contender:
    label, threads, reference = about
    multiple, variant = manifest.input.multiple, manifest.variant(one.variant.id)
    scale = min(1.0, (asked.max_side or max(photo.height, photo.width)) / max(photo.height, photo.width))
    width, height = scaled_size(photo.width, photo.height, scale)
    height, width = (side + -side % multiple for side in (height, width))
    options = {
        "package": str(path),
        "variant": one.variant.id,
        "device": one.device,
        "backend": one.engine,
        "precision": one.variant.precision,
        "threads": threads,
        "in_flight": asked.in_flight,
        "max_side": asked.max_side,
        "photo": str(photo.path),
    }
    return Contender(
        name=f"{label} {one.variant.id}",
        opener=COUNTING,
        options=options,
        network=f"{manifest.name} {manifest.version}",
        engine=one.engine,
        precision=one.precision,
        threads=threads,
        parameters=manifest.parameters,
        macs=round(manifest.macs_576x864 * height * width / MACS_PIXELS),
        bytes=sum(entry.size for entry in variant.files),
        variant=one.variant.id,
        reference=reference,
    )


def peaks_for(contenders: list[Contender]) -> list[Contender]:
    """The convolutions of each engine, precision and number of threads that take part on a CPU."""
    speeds = {one.speed for one in contenders if one.options.get("device", "cpu") == "cpu" and one.macs is not None}
    known = sorted(speed for speed in speeds if speed[0] in OPENERS and speed[1] in PRECISIONS)
    return [
        Contender(
            name=f"convolutions of {engine} in {precision}",
            opener=PEAK,
            options={"engine": engine, "precision": precision, "threads": threads},
            network="",
            engine=engine,
            precision=precision,
            threads=threads,
        )
        for engine, precision, threads in known
    ]
