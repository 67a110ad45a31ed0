"""OpenVINO variants."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import openvino
import pytest
from onnx import TensorProto, helper

from exporters.build import Built
from exporters.openvino import RT_INFO, openvino_ir
from sdk.errors import ExportError


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_same_master_gives_the_same_bytes(master: onnx.ModelProto, precision: str) -> None:
    assert openvino_ir(master, b"{}", precision) == openvino_ir(master, b"{}", precision)


def test_fp16_halves_the_weights(built: Built) -> None:
    whole, half = (len(built.files[f"variants/openvino-{precision}/model.bin"]) for precision in ("fp32", "fp16"))

    assert half == pytest.approx(whole / 2, rel=0.01)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_contract_and_the_manifest_are_in_the_ir(built: Built, precision: str) -> None:
    xml, weights = (built.files[f"variants/openvino-{precision}/model.{kind}"] for kind in ("xml", "bin"))

    model = openvino.Core().read_model(xml, weights)

    assert [put.get_any_name() for put in (*model.inputs, *model.outputs)] == ["image", "density", "count"]
    assert str(model.input(0).get_partial_shape()) == "[?,?,?,3]"
    assert json.loads(str(model.get_rt_info(RT_INFO).value))["name"] == "bl-tiny"


def test_nothing_of_the_machine_is_inside(built: Built) -> None:
    for precision in ("fp32", "fp16"):
        xml = built.files[f"variants/openvino-{precision}/model.xml"].decode()
        assert str(Path(__file__).parents[2]) not in xml
        assert "skt-export-" not in xml


def test_an_operator_that_openvino_lacks_is_told() -> None:
    put, out = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("image", "density"))
    graph = helper.make_graph([helper.make_node("Crystal", ["image"], ["density"], domain="ball")], "g", [put], [out])

    with pytest.raises(ExportError, match="OpenVINO does not take the master"):
        openvino_ir(helper.make_model(graph), b"{}", "fp32")
