"""A tiny student, exported once for all tests of the exporters."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from exporters.build import Built, Options, build
from exporters.calibration import CalibrationTable, calibrate
from exporters.onnx import read_master
from exporters.source import open_source
from sdk.package import Package, write_package
from sdk.shipped import DEFAULT_PACKAGE
from tests.exporters.calibrated import FLOATS, drawn_shots, quiet_tell
from tests.students import save_student


@pytest.fixture(scope="session")
def student_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny, untrained student's checkpoint."""
    return save_student(tmp_path_factory.mktemp("run") / "bl-tiny" / "last")


@pytest.fixture(scope="session")
def built(student_checkpoint: Path) -> Built:
    """That student's package in memory, with every variant in float."""
    with open_source(student_checkpoint) as source:
        return build(source, Options(FLOATS), quiet_tell())


@pytest.fixture(scope="session")
def master(built: Built) -> onnx.ModelProto:
    """Its master ONNX, manifest embedded."""
    return onnx.load_model_from_string(built.files["variants/onnx-fp32/model.onnx"])


@pytest.fixture(scope="session")
def package(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its package on disk."""
    path = tmp_path_factory.mktemp("packages") / "bl-tiny.skt"
    write_package(path, built.manifest, built.files).close()
    return path


@pytest.fixture(scope="session")
def shipped_master() -> onnx.ModelProto:
    """The master of the shipped package: a trained student, whose counts are well-conditioned."""
    with Package.open(DEFAULT_PACKAGE) as opened:
        return read_master(opened.read("onnx-fp32")["model.onnx"], "the shipped package")


@pytest.fixture(scope="session")
def shipped_table(shipped_master: onnx.ModelProto) -> CalibrationTable:
    """Its calibration on drawn photos."""
    return calibrate(shipped_master, drawn_shots(), multiple=16)
