"""Loading: the table, the order of attempts, and what is held against the plan."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

from runtimes import Candidate, Plan, Request, Variant, load, open_first, plan
from runtimes.checks import agree, import_engine
from runtimes.cpu import cpu_flags
from runtimes.errors import ArtifactError, BackendError
from tests.models import tiny_files, tiny_onnx
from tests.runtimes.machines import ONNX, OPENVINO, OPENVINO_FP16, PACKAGE, machine

if TYPE_CHECKING:
    from collections.abc import Mapping

pytest.importorskip("openvino", reason="not run: openvino is not installed")

ON_ORT = Candidate(ONNX, "onnxruntime", "cpu", "fp32")
ON_OPENVINO = Candidate(OPENVINO, "openvino", "cpu", "fp32")
BLACK = np.zeros((1, 32, 32, 3), np.uint8)


def files_for(variant: Variant) -> Mapping[str, bytes]:
    return tiny_files()[variant.format]


def broken_openvino(variant: Variant) -> Mapping[str, bytes]:
    return {"model.xml": b"<net/>", "model.bin": b""} if variant.format == "openvino" else files_for(variant)


def no_files(variant: Variant) -> Mapping[str, bytes]:
    return {}


def all_broken(variant: Variant) -> Mapping[str, bytes]:
    return {"model.xml": b"", "model.bin": b"", "model.onnx": b"nothing"}


def test_the_best_candidate_is_opened() -> None:
    backend, attempts = open_first(Plan((ON_OPENVINO, ON_ORT), ()), files_for)

    with backend:
        assert (backend.info().engine, backend.info().variant, attempts) == ("openvino", "openvino-fp32", ())


@pytest.mark.skipif("bf16" not in cpu_flags(), reason="not run: this CPU has no bf16")
def test_bf16_is_read_back_and_close() -> None:
    with load(Candidate(OPENVINO, "openvino", "cpu", "bf16"), files_for(OPENVINO)) as backend:
        assert backend.info().precision == "bf16"
        answer = backend.run(BLACK + 90)
    with load(ON_OPENVINO, files_for(OPENVINO)) as backend:
        np.testing.assert_allclose(answer.density, backend.run(BLACK + 90).density, atol=0.05)


def test_auto_that_is_strict_takes_its_first_choice_or_nothing() -> None:
    with pytest.raises(BackendError, match="openvino cannot load variant openvino-fp32"):
        open_first(Plan((ON_OPENVINO, ON_ORT), (), Request(strict=True)), broken_openvino)


def test_a_request_that_is_not_strict_goes_on_within_what_it_names() -> None:
    backend, attempts = open_first(Plan((ON_OPENVINO, ON_ORT), (), Request("cpu", strict=False)), broken_openvino)

    with backend:
        assert (backend.info().engine, len(attempts)) == ("onnxruntime", 1)


def test_auto_goes_on_to_the_next_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        backend, attempts = open_first(Plan((ON_OPENVINO, ON_ORT), ()), broken_openvino)

    with backend:
        assert backend.info().engine == "onnxruntime"
        assert backend.info().notes[0].startswith("openvino-fp32 on openvino cpu did not load: openvino cannot load")
    assert [attempt.candidate for attempt in attempts] == [ON_OPENVINO]
    assert "openvino-fp32 on openvino cpu did not load" in caplog.text


@pytest.mark.parametrize("request_", [Request("cpu"), Request(backend="openvino"), Request(precision="fp32")])
def test_an_explicit_request_raises_the_first_failure(request_: Request) -> None:
    with pytest.raises(BackendError, match=r"^openvino cannot load variant openvino-fp32 on cpu"):
        open_first(Plan((ON_OPENVINO, ON_ORT), (), request_), broken_openvino)


def test_when_all_fail_each_attempt_is_told() -> None:
    with pytest.raises(BackendError, match=r"no variant loads here: openvino-fp32 on .*; onnx-fp32 on onnxruntime cpu"):
        open_first(Plan((ON_OPENVINO, ON_ORT), ()), all_broken)


def test_a_damaged_package_is_no_reason_to_try_another_engine() -> None:
    with pytest.raises(ArtifactError, match=r"^variant openvino-fp32 has no model.xml; it has no files .export"):
        open_first(Plan((ON_OPENVINO, ON_ORT), ()), no_files)


@pytest.mark.parametrize(
    ("request_", "hint"),
    [
        (Request(backend="tensorrt-rtx"), "tensorrt-fp16 on tensorrt-rtx: tensorrt-rtx is not installed; pip install"),
        (Request("cuda", precision="fp32"), "onnx-fp32 on onnxruntime: onnxruntime is built without CUDA"),
        (Request("cuda", "onnxruntime"), "onnx-fp32 on onnxruntime: onnxruntime is built without CUDA"),
    ],
)
def test_a_plan_without_candidates_says_why_and_what_would_help(request_: Request, hint: str) -> None:
    with pytest.raises(BackendError, match=r"nothing here can run device") as caught:
        open_first(plan(PACKAGE, machine("jetpack62-orin"), request_), files_for)

    assert caught.value.hint.startswith(hint)
    assert len(caught.value.details["discarded"]) == len(PACKAGE) * 7  # ONNX Runtime twice: on the CPU, and on the GPU


def test_an_empty_package_points_to_the_doctor() -> None:
    with pytest.raises(BackendError, match=r"see skt-doctor"):
        open_first(plan([], machine("h200")), files_for)


def test_an_engine_outside_the_table_is_refused() -> None:
    with pytest.raises(BackendError, match=r"no backend for ncnn; it has onnxruntime, .*openvino"):
        load(Candidate(ONNX, "ncnn", "cuda:0", "fp16"), {})


def test_onnx_runtime_refuses_a_device_of_another_provider() -> None:
    with pytest.raises(BackendError, match=r"onnxruntime runs on NVIDIA GPUs \(cuda:0\), not on intel:gpu"):
        load(Candidate(ONNX, "onnxruntime", "intel:gpu", "fp32"), tiny_files()["onnx"])


@pytest.mark.parametrize(
    ("engine", "provider"), [("onnxruntime", "CUDAExecution"), ("onnxruntime-tensorrt", "TensorrtExecution")]
)
def test_onnx_runtime_never_runs_on_the_cpu_in_the_place_of_a_gpu(engine: str, provider: str) -> None:
    if f"{provider}Provider" in import_engine("onnxruntime").get_available_providers():
        pytest.skip("not run: this onnxruntime is built for GPUs")
    with pytest.raises(BackendError, match=rf"is built without {provider}Provider .pip install 'onnxruntime-gpu"):
        load(Candidate(ONNX, engine, "cuda:0", "fp32"), tiny_files()["onnx"])


def test_onnx_runtime_refuses_what_is_no_model() -> None:
    with pytest.raises(BackendError, match=r"^onnxruntime cannot load variant onnx-fp32 on cpu: .*INVALID_PROTOBUF"):
        load(ON_ORT, {"model.onnx": b"garbage"})


def test_openvino_refuses_a_device_that_is_not_there() -> None:
    if "GPU" in import_engine("openvino").Core().available_devices:
        pytest.skip("not run: this machine has an Intel GPU")
    with pytest.raises(BackendError, match=r"^openvino cannot load variant openvino-fp32 on intel:gpu: "):
        load(Candidate(OPENVINO, "openvino", "intel:gpu", "fp32"), tiny_files()["openvino"])


def test_openvino_refuses_another_precision_than_planned() -> None:
    if "FP16" in import_engine("openvino").Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("not run: this CPU computes in fp16, as it would be asked to")
    with pytest.raises(BackendError, match=r"openvino was to load precision f16, and loaded b?f") as caught:
        load(Candidate(OPENVINO_FP16, "openvino", "cpu", "fp16"), tiny_files()["openvino"])

    assert caught.value.details["planned"] == "f16"
    assert caught.value.details["loaded"] in ("bf16", "f32")


def test_a_difference_from_the_plan_names_both_values() -> None:
    with pytest.raises(BackendError, match=r"onnxruntime was to load provider CUDA, and loaded CPU .see skt-doctor"):
        agree("provider", "CUDA", "CPU", ON_ORT)


def test_a_model_of_another_kind_is_refused() -> None:
    model = onnx.load_from_string(tiny_onnx())
    model.graph.output[1].name = model.graph.node[-1].output[0] = "people"

    with pytest.raises(ArtifactError, match=r"variant onnx-fp32 takes image and answers density, people .a counting"):
        load(ON_ORT, {"model.onnx": model.SerializeToString()})


def test_fp16_weights_on_a_cpu_are_computed_in_fp32_and_the_info_says_so() -> None:
    with load(Candidate(OPENVINO_FP16, "openvino", "cpu", "fp32"), tiny_files()["openvino"]) as backend:
        assert backend.info().precision == "fp32"
        assert backend.info().notes == ()


def test_an_engine_that_is_not_installed_ends_with_the_install_line() -> None:
    with pytest.raises(BackendError, match=r"no_such_engine is not installed \(pip install no_such_engine\)$"):
        import_engine("no_such_engine")
