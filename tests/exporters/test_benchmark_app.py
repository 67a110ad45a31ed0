"""OpenVINO's own benchmark_app on our IR, as it stands: free sides, uint8 in."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sdk.package import Package

TOOL = shutil.which("benchmark_app", path=str(Path(sys.executable).parent)) or shutil.which("benchmark_app")


@pytest.mark.slow
@pytest.mark.skipif(TOOL is None, reason="not run: no benchmark_app, which openvino brings, beside this Python")
@pytest.mark.parametrize("variant", ["openvino-fp32", "openvino-fp16"])
def test_benchmark_app_runs_our_model_as_it_is(package: Path, tmp_path: Path, variant: str) -> None:
    with Package.open(package) as opened:
        for name, data in opened.read(variant).items():
            (tmp_path / name).write_bytes(data)
    command = [TOOL, "-m", tmp_path / "model.xml", "-d", "CPU", "-t", "1"]
    done = subprocess.run(
        [*command, "-hint", "none", "-nstreams", "1", "-nthreads", "1", "-data_shape", "[1,96,128,3]"],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"image .*u8", done.stdout)
    assert float(re.search(r"Throughput: *([\d.]+) FPS", done.stdout)[1]) > 0
