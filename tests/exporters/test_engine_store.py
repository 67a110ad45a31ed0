"""Plans on disk: found again, and built again when anything changes that they depend on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from exporters.engine_choose import Measured
from exporters.engine_make import Site, engines_folder, measured_plan, ready_plan
from runtimes import Output
from runtimes.tensorrt_build import BuiltPlan
from runtimes.tensorrt_device import Device
from runtimes.tensorrt_options import Bucket, EngineOptions
from runtimes.tensorrt_store import PLAN, SIDECAR, read_plan, write_plan
from sdk.errors import BackendError
from tests.models import tiny_density, tiny_onnx

OPTIONS = EngineOptions((Bucket((64, 96), (64, 96)), Bucket((96, 128), (96, 128))))


class Builds:
    """Builds what it is asked for, and counts."""

    def __init__(self) -> None:
        self.timings: list[bytes] = []

    def __call__(self, source: bytes, options: EngineOptions, timings: bytes) -> BuiltPlan:
        assert options.buckets
        self.timings.append(timings)
        return BuiltPlan(b"plan of " + source[:8], timings + b"t", ("a warning",), 7, 0)


class Runner:
    """Runs the tiny model in NumPy, in 2 ms a thousand pixels."""

    def run(self, batch: np.ndarray) -> Output:
        density = tiny_density(batch)
        return Output(density, density.sum(axis=(1, 2)))

    def milliseconds(self, batch: np.ndarray) -> float:
        return batch.shape[1] * batch.shape[2] * 2e-3


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(Device(0, "Orin", "8.7", "12.6"), "tensorrt 10.3.0", tmp_path / "engines", OPTIONS)


def test_a_plan_is_built_once(site: Site) -> None:
    builds = Builds()
    first = ready_plan(site, b"source", builds, {"variant": "tensorrt-fp16"})
    second = ready_plan(site, b"source", builds, {})

    assert len(builds.timings) == 1
    assert first == second
    assert second.path.read_bytes() == b"plan of source"


def test_the_sidecar_says_what_the_plan_is_for(site: Site) -> None:
    stored = ready_plan(site, b"source", Builds(), {"variant": "tensorrt-fp16"})
    sidecar = json.loads(stored.path.with_name(SIDECAR).read_text())

    assert sidecar["name"] == "Orin"
    assert (sidecar["compute_capability"], sidecar["cuda_driver"]) == ("8.7", "12.6")
    assert (sidecar["engine"], sidecar["variant"]) == ("tensorrt 10.3.0", "tensorrt-fp16")
    assert sidecar["options"]["workspace_mib"] == 2048
    assert sidecar["warnings"] == ["a warning"]
    assert len(sidecar["source_sha256"]) == len(sidecar["plan_sha256"]) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"device": Device(0, "Thor", "8.7", "12.6")},
        {"device": Device(0, "Orin", "11.0", "12.6")},
        {"device": Device(0, "Orin", "8.7", "13.0")},
        {"engine": "tensorrt 10.7.0"},
        {"options": replace(OPTIONS, workspace_mib=512)},
        {"options": replace(OPTIONS, buckets=OPTIONS.buckets[:1])},
    ],
)
def test_it_is_built_again_when_the_device_or_an_option_changes(site: Site, change: dict[str, object]) -> None:
    builds = Builds()
    ready_plan(site, b"source", builds, {})
    ready_plan(replace(site, **change), b"source", builds, {})

    assert len(builds.timings) == 2


def test_it_is_built_again_for_another_source_or_when_asked_for(site: Site) -> None:
    builds = Builds()
    for source, anew in ((b"source", False), (b"another", False), (b"source", True)):
        ready_plan(site, source, builds, {}, anew=anew)

    assert builds.timings == [b"", b"t", b"tt"]


def test_equal_gpus_share_a_plan(site: Site) -> None:
    builds = Builds()
    ready_plan(site, b"source", builds, {})
    ready_plan(replace(site, device=replace(site.device, index=1)), b"source", builds, {})

    assert len(builds.timings) == 1


@pytest.mark.parametrize(("name", "content"), [(PLAN, b"cut"), (SIDECAR, b"{"), (SIDECAR, b"[]"), (SIDECAR, b"{}")])
def test_a_damaged_plan_is_built_again(site: Site, name: str, content: bytes) -> None:
    builds = Builds()
    stored = ready_plan(site, b"source", builds, {})
    stored.path.with_name(name).write_bytes(content)

    ready_plan(site, b"source", builds, {})
    assert len(builds.timings) == 2


def test_what_is_written_is_read(site: Site) -> None:
    key = site.key(b"source")

    assert read_plan(site.root, key) is None
    assert write_plan(site.root, key, b"plan", {"layers": 3}) == read_plan(site.root, key)


def test_a_plan_is_measured_beside_its_source_and_keeps_that(site: Site) -> None:
    stored = ready_plan(site, tiny_onnx(), Builds(), {})
    stored, measured = measured_plan(site, tiny_onnx(), stored, Runner())  # type: ignore[arg-type]

    assert measured.milliseconds == {"64x96": 12.288, "96x128": 24.576}
    assert measured.total == pytest.approx(36.864)
    assert measured.case.shape == (1, 64, 96, 3)
    assert measured.case.relative < 1e-5

    again = ready_plan(site, tiny_onnx(), Builds(), {})
    assert again == stored
    assert Measured.from_json(again.measured or {}) == measured


def test_a_user_without_a_cache_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SKT_CACHE_DIR", str(tmp_path / "cache"))
    assert engines_folder() == tmp_path / "cache" / "engines"

    (tmp_path / "file").write_text("", "utf-8")
    monkeypatch.setenv("SKT_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(BackendError, match=r"no folder to keep engines in .*set SKT_CACHE_DIR"):
        engines_folder()
