"""Quantise OpenVINO IR with NNCF: a process of its own, for an environment of its own.

python int8_nncf.py FOLDER minmax|default   # reads FOLDER/model.xml and FOLDER/*.npy, writes FOLDER/int8/model.xml
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nncf
import numpy as np
import openvino
from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters
from nncf.quantization.range_estimator import RangeEstimatorParametersSet


def main(folder: Path, preset: str) -> None:
    """Quantise and save."""
    photos = sorted(folder.glob("*.npy"))
    dataset = nncf.Dataset(photos, lambda path: {"image": np.load(path)})
    model = openvino.Core().read_model(folder / "model.xml")
    made = nncf.quantize(model, dataset, subset_size=len(photos), advanced_parameters=parameters(preset))
    (folder / "int8").mkdir()
    openvino.save_model(made, folder / "int8" / "model.xml", compress_to_fp16=False)


def parameters(preset: str) -> Any:
    """NNCF's own choices, or ranges from the least to the greatest value."""
    if preset == "default":
        return None
    ranges = RangeEstimatorParametersSet.MINMAX
    return AdvancedQuantizationParameters(activations_range_estimator_params=ranges)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
