"""The samples' manifests and dashboards against what others publish: schemas, metrics, recorded lines."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.test_samples import ROOT

SAMPLES = ROOT / "samples"
TEGRASTATS = SAMPLES / "jetson" / "tegrastats_log.py"
# In the formats that tegrastats prints, as recorded by others: an Orin Nano with JetPack 6 and an AGX Orin with JetPack
# 7.2 (jetson_stats, tests of its parser), a Thor (the same), an Orin NX with cores switched off. The numbers are ours.
ORIN_NANO = (
    "11-25-2026 10:00:00 RAM 3645/7620MB (lfb 63x4MB) SWAP 236/3810MB (cached 0MB) "
    "CPU [10%@729,20%@729,30%@729,40%@729,0%@729,0%@729] EMC_FREQ 2%@204 GR3D_FREQ 55%@[305] NVDEC off NVJPG off "
    "VIC off OFA off APE 200 cpu@44.125C soc2@43.375C soc0@42.125C gpu@44.531C tj@44.531C soc1@43.156C "
    "VDD_IN 2957mW/2950mW VDD_CPU_GPU_CV 486mW/480mW VDD_SOC 1012mW/1010mW"
)
AGX_ORIN_7 = (
    "11-25-2026 10:00:00 RAM 20642/62817MB (lfb 1x2MB) CPU [23%@2201,10%@2201] EMC_FREQ 3%@3199 "
    "GR3D_FREQ 12%@[1300,1300] NVENC0 off NVDLA0 off PVA0_FREQ off APE 174 cpu@52.968C/52.968C gpu@47.625C/47.625C "
    "VDD_GPU_SOC 5139mW/5100mW/5200mW VDD_CPU_CV 3268mW/3200mW/3300mW VIN_SYS_5V0 5500mW/5500mW/5500mW"
)
ORIN_NX_CORES_OFF = "RAM 1729/15657MB (lfb 8x4MB) CPU [1%@1420,off] GR3D_FREQ 0% cv0@43.5C VDD_IN 6120mW/6120mW"
THOR = "RAM 4722/7844MB (lfb 1x512kB) EMC_FREQ 2%@1866 GR3D_FREQ @[1000,1000,1000] APE 150"


def logged(*lines: str) -> list[dict[str, Any]]:
    text = "".join(f"{line}\n" for line in lines)
    command = [sys.executable, str(TEGRASTATS), "--stdin"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_lines_of_tegrastats_are_logged() -> None:
    nano, agx, cores_off, thor = logged(ORIN_NANO, AGX_ORIN_7, "", ORIN_NX_CORES_OFF, THOR)

    assert nano["ram_mb"] == {"used": 3645, "total": 7620}
    assert nano["swap_mb"] == {"used": 236, "total": 3810}
    assert nano["cpu_percent"] == [10, 20, 30, 40, 0, 0]
    assert (nano["gpu_percent"], nano["memory_bus_percent"]) == (55, 2)
    assert nano["celsius"] == {
        "cpu": 44.125,
        "soc2": 43.375,
        "soc0": 42.125,
        "gpu": 44.531,
        "tj": 44.531,
        "soc1": 43.156,
    }
    assert nano["milliwatts"] == {"VDD_IN": 2957, "VDD_CPU_GPU_CV": 486, "VDD_SOC": 1012}
    assert agx["gpu_percent"] == 12
    assert agx["celsius"] == {"cpu": 52.968, "gpu": 47.625}
    assert agx["milliwatts"] == {"VDD_GPU_SOC": 5139, "VDD_CPU_CV": 3268, "VIN_SYS_5V0": 5500}
    assert cores_off["cpu_percent"] == [1, None]
    assert cores_off["gpu_percent"] == 0
    assert "gpu_percent" not in thor
    assert "milliwatts" not in thor


def manifests(file: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((SAMPLES / "kubernetes" / file).read_text("utf-8")))


@pytest.mark.parametrize("file", ["triton.yaml", "ovms.yaml", "cameras.yaml"])
def test_kubernetes_takes_the_manifests(file: str) -> None:
    validate = pytest.importorskip(
        "kubernetes_validate", reason="not run: pip install kubernetes-validate, for Kubernetes's published schema"
    )
    for manifest in manifests(file):
        validate.validate(manifest, "1.31", strict=True)


@pytest.mark.parametrize("file", ["triton.yaml", "ovms.yaml", "cameras.yaml"])
def test_a_selector_finds_its_own_pods(file: str) -> None:
    found = manifests(file)
    pods = next(entry for entry in found if entry["kind"] in ("Deployment", "StatefulSet"))
    labels = pods["spec"]["template"]["metadata"]["labels"]
    service = next(entry for entry in found if entry["kind"] == "Service")
    ports = {
        port["name"] for container in pods["spec"]["template"]["spec"]["containers"] for port in container["ports"]
    }

    assert pods["spec"]["selector"]["matchLabels"] == service["spec"]["selector"] == labels
    assert {port.get("targetPort", port["name"]) for port in service["spec"]["ports"]} <= ports


def kserve_keys(models: Path, kind: str) -> dict[str, str]:
    """The keys of a kind of KServe's published models, and the kinds of their values."""
    module = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.removeprefix("V1beta1")).lower()
    text = (models / f"v1beta1_{module}.py").read_text("utf-8")
    tables = [dict(re.findall(r"'(\w+)': '([^']+)'", text.split(f"{name} = {{")[1].split("}")[0]))
              for name in ("openapi_types", "attribute_map")]  # fmt: skip
    return {tables[1][field]: value for field, value in tables[0].items()}


def test_kserve_knows_every_key_of_its_manifest() -> None:
    found = importlib.util.find_spec("kserve")
    if found is None or not found.submodule_search_locations:
        pytest.skip("not run: pip install --no-deps kserve, for its published models")
    models = Path(found.submodule_search_locations[0], "models")
    [manifest] = manifests("kserve.yaml")

    def check(values: dict[str, Any], kind: str) -> None:
        keys = kserve_keys(models, kind)
        assert set(values) <= set(keys), kind
        for key, value in values.items():
            if keys[key].startswith("V1beta1"):
                check(value, keys[key])

    check(manifest, "V1beta1InferenceService")
    assert manifest["spec"]["predictor"]["model"]["protocolVersion"] == "v2"


def test_the_dashboard_asks_for_metrics_that_are_served() -> None:
    pytest.importorskip("prometheus_client", reason="not run: prometheus_client is not installed")
    from tests.sinks.records import full_reading
    from tests.sinks.test_prometheus import opened, scrape

    with opened() as sink:
        sink.send(full_reading())
        served = {name for name, _ in scrape(sink)}
    dashboard = json.loads((SAMPLES / "grafana.json").read_text("utf-8"))
    asked = {
        metric
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for metric in re.findall(r"crowd_\w+", target["expr"])
    }

    assert asked <= served
    assert {"crowd_count", "crowd_state", "crowd_drops_total", "crowd_reading_timestamp_seconds"} <= asked
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
