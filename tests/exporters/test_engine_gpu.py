"""The whole of it on a machine with an NVIDIA GPU and TensorRT: built, run beside the source, timed, chosen, kept."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner

from exporters.calibration import CalibrationTable
from exporters.commands import main
from exporters.tensorrt import tensorrt_source
from runtimes.cuda import cuda
from tests.exporters.engine_package import write_with_engines

HERE = bool(cuda().version and importlib.util.find_spec("tensorrt"))
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not HERE, reason="not run: no NVIDIA GPU with TensorRT")]


def test_the_shipped_model_becomes_engines_that_count_like_their_sources(
    shipped_master: onnx.ModelProto, shipped_table: CalibrationTable, tmp_path: Path
) -> None:
    precisions = ("fp32", "fp16", "int8")
    sources = {
        precision: tensorrt_source(shipped_master, precision, shipped_table).SerializeToString(deterministic=True)
        for precision in precisions
    }
    package = write_with_engines(tmp_path / "engines.skt", sources)
    words = ["build-engine", str(package), "--size", "576x864", "--batch", "2", "--json", "-o", str(tmp_path / "plan")]
    words += [word for precision in precisions for word in ("--precision", precision)]

    first, second = (CliRunner().invoke(main, words) for _ in range(2))

    assert first.exit_code == second.exit_code == 0, first.stderr
    told = json.loads(first.stdout)
    assert [row["doubt"] for row in told["engines"]] == [""] * 3
    assert all(row["milliseconds"]["576x864"] > 0 for row in told["engines"])
    assert json.loads(second.stdout) == told  # from the cache, measurements and all
    assert (tmp_path / "plan" / "model.plan").stat().st_size > 10_000
