"""More samples run as their first lines say; those for other machines are checked as far as they can be here."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
from pathlib import Path

import cv2
import pytest
import yaml

from sdk.package import Package
from sdk.streams.cameras import read_cameras
from sdk.variants import gate_passed
from tests.docs.test_samples import PHOTO, ROOT, run
from tests.sdk.model_server import ModelServer
from tests.streams.videos import write_video
from tests.tiny_package import noise_photo

SAMPLES = ROOT / "samples"
ELSEWHERE = [path for place in ("jetson", "intel", "kubernetes") for path in sorted((SAMPLES / place).iterdir())]
SCRIPTS = sorted(SAMPLES.rglob("*.py"))
WRITTEN = [
    path
    for path in sorted(SAMPLES.rglob("*"))
    if path.suffix in ("", ".py", ".sh", ".yaml", ".service") and path.is_file()
]
DOCKERFILES = sorted(SAMPLES.rglob("Dockerfile*"))


def name(path: Path) -> str:
    return str(path.relative_to(SAMPLES))


@pytest.mark.parametrize("path", WRITTEN, ids=name)
def test_a_sample_is_short(path: Path) -> None:
    assert path.read_text("utf-8").count("\n") < 60


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_a_sample_imports_nothing_of_ours_but_sdk(path: Path) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    imported = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    imported += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]

    assert not {module.split(".")[0] for module in imported} & {
        "runtimes",
        "distiller",
        "exporters",
        "tests",
        "benchmarks",
    }


@pytest.mark.parametrize("path", ELSEWHERE, ids=name)
def test_what_never_ran_on_its_hardware_says_so_first(path: Path) -> None:
    first, *second = path.read_text("utf-8").splitlines()[:2]

    assert "not verified" in (second[0] if first.startswith("#!") else first).lower()


def test_a_folder_is_counted_into_a_table(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos" / "small.jpg"), cv2.resize(cv2.imread(PHOTO), (192, 128)))
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no photo")

    said = run(str(SAMPLES / "count_folder.py"), "photos", "counts.csv", cwd=tmp_path)

    assert "1 of 2 photos are in counts.csv" in said
    assert "left out: " in said
    assert len((tmp_path / "counts.csv").read_text().splitlines()) == 2


@pytest.mark.slow
def test_a_student_is_distilled_scored_and_exported(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="not run: torch is not installed")
    (tmp_path / "points.csv").write_text("photo,x,y\nsmall.jpg,20,30\nsmall.jpg,90,80\n")
    cv2.imwrite(str(tmp_path / "small.jpg"), cv2.resize(cv2.imread(PHOTO), (192, 128)))
    quick = ["steps=1", "warmup=0", "decay=1", "batch=1", "augment.crop=64", "n=16", "empty_scenes=0"]
    settings = [word for setting in quick for word in ("--set", setting)]

    said = run(str(SAMPLES / "distil_student.py"), "points.csv", "student", *settings, cwd=tmp_path)

    assert said.count("MAE") >= 2
    assert (tmp_path / "student.skt").exists()


@pytest.mark.slow
def test_a_package_is_exported_in_int8_and_its_variants_compared(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="not run: torch is not installed")
    from tests.students import save_student

    (tmp_path / "photos").mkdir()
    for seed in range(60):
        cv2.imwrite(str(tmp_path / "photos" / f"{seed}.png"), noise_photo(64, 96, seed))
    words = ["photos", "crowd.skt", "--model", str(save_student(tmp_path / "last")), "--allow-sparse"]

    said = run(str(SAMPLES / "export_int8.py"), *words, cwd=tmp_path).splitlines()

    with Package.open(tmp_path / "crowd.skt") as package:
        gates = {variant.id: gate_passed(variant) for variant in package.manifest.variants}
    assert gates["onnx-int8"]
    for variant in gates:
        assert any(re.match(rf"{variant} +[\d.]+ people in 8 photos", line) for line in said)


def test_each_device_is_tried_and_the_cpu_counts(tiny: Path, tmp_path: Path) -> None:
    words = [PHOTO, "--model", str(tiny), "--times", "1", "--device", "intel:npu", "--device", "cpu"]

    npu, cpu, *_ = run(str(SAMPLES / "intel" / "gpu_and_npu.py"), *words, cwd=tmp_path).splitlines()

    assert npu.startswith("intel:npu")
    assert re.match(r"cpu +[\d.]+ people", cpu)


@pytest.mark.parametrize("script", sorted(SAMPLES.rglob("*.sh")), ids=name)
def test_a_script_is_sound(script: Path) -> None:
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    if shutil.which("shellcheck"):
        done = subprocess.run(["shellcheck", str(script)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_a_power_mode_is_found_by_its_name(tmp_path: Path) -> None:
    conf, said = tmp_path / "nvpmodel.conf", tmp_path / "said"
    conf.write_text("< POWER_MODEL ID=0 NAME=15W >\nCPU_ONLINE CORE_0 1\n< POWER_MODEL ID=2 NAME=MAXN_SUPER >\n")
    tool = tmp_path / "nvpmodel"  # stands for the device's own, and writes what it is asked
    tool.write_text(f'#!/bin/sh\necho "$@" > {said}\n')
    tool.chmod(0o755)
    script, paths = (
        SAMPLES / "jetson" / "power_mode.sh",
        {"NVPMODEL_CONF": str(conf), "PATH": f"{tmp_path}:/usr/bin:/bin"},
    )

    done = subprocess.run([str(script), "MAXN_SUPER"], env=paths, check=False)
    wrong = subprocess.run([str(script), "7W"], env=paths, capture_output=True, text=True, check=False)

    assert done.returncode == 0
    assert said.read_text() == "-m 2\n"
    assert wrong.returncode == 2
    assert "no power mode 7W (this module has: 15W MAXN_SUPER)" in wrong.stderr


@pytest.mark.parametrize("path", DOCKERFILES, ids=name)
def test_what_a_dockerfile_copies_is_there(path: Path) -> None:
    copied = [line.split()[1:-1] for line in path.read_text().splitlines() if line.startswith("COPY ")]

    assert copied
    assert all((ROOT / file).exists() for files in copied for file in files)
    packages = {ROOT / part for part in ("runtimes", "sdk", "distiller", "exporters")}
    assert packages <= {ROOT / file for files in copied for file in files}


def test_systemd_takes_the_service(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("not run: systemd-analyze is not installed")
    unit = tmp_path / "skt-count.service"
    text = (SAMPLES / "jetson" / "skt-count.service").read_text()
    unit.write_text(text.replace("/opt/skt-edge/bin/skt-count", "/bin/true"))

    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_cameras_of_a_jetson_are_a_config() -> None:
    config = read_cameras(SAMPLES / "jetson" / "cameras.yaml")

    assert [camera.feed().source.kind for camera in config.cameras.values()] == ["csi", "usb"]


def test_the_cameras_of_each_pod_are_a_config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GATE_PASSWORD", "secret")
    found = list(yaml.safe_load_all((SAMPLES / "kubernetes" / "cameras.yaml").read_text()))
    groups = next(entry["data"] for entry in found if entry["kind"] == "ConfigMap")
    pods = next(entry["spec"]["replicas"] for entry in found if entry["kind"] == "StatefulSet")

    assert list(groups) == [f"crowd-counter-{number}.yaml" for number in range(pods)]
    for file, text in groups.items():
        (tmp_path / file).write_text(text)
        assert all(camera.feed() for camera in read_cameras(tmp_path / file).cameras.values())


def test_cameras_are_counted_through_a_server(tiny: Path, tmp_path: Path) -> None:
    write_video(tmp_path / "walk.avi", [noise_photo(64, 96, seed) for seed in range(10)])
    config = {"cameras": {"gate": {"source": "walk.avi", "every": 0.4}}, "sinks": ["counts.jsonl"]}
    (tmp_path / "cameras.yaml").write_text(yaml.safe_dump(config))
    with ModelServer(model="crowd") as server:
        words = ["cameras.yaml", "--server", server.url, "--name", "crowd", "--model", str(tiny)]
        said = run(str(SAMPLES / "kubernetes" / "count_cameras.py"), *words, cwd=tmp_path)

    readings = [json.loads(line) for line in (tmp_path / "counts.jsonl").read_text().splitlines()]
    assert said.count("gate: ") == len(readings) + 1
    assert {reading["backend"] for reading in readings} == {"onnxruntime_onnx server as served"}
