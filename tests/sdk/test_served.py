"""A counter whose network runs on a server counts like one that runs here."""

from __future__ import annotations

import importlib.util
import json
import threading
from pathlib import Path

import numpy as np
import pytest

from sdk import CountOptions, CrowdCounter
from sdk.errors import BackendError, ConfigError, InferenceError
from sdk.scenes import draw_scene
from sdk.served import open_served
from tests.sdk.model_server import ModelServer
from tests.sinks.servers import free_port
from tests.tiny_package import noise_photo

PHOTO = noise_photo(100, 150)


@pytest.mark.parametrize("binary", [True, False])
def test_a_server_counts_what_is_counted_here(tiny: Path, binary: bool) -> None:
    with ModelServer(binary=binary) as server, open_served(server.url, tiny) as counter:
        served = counter.count(PHOTO)
    with CrowdCounter(tiny, backend="onnxruntime") as counter:
        here = counter.count(PHOTO)

    assert served.count == pytest.approx(here.count, rel=1e-5)
    assert np.allclose(served.density, here.density, atol=1e-4)
    assert served.backend.engine == "onnxruntime_onnx"
    assert served.backend.device_name == server.url.removeprefix("http://")


def test_what_a_server_counts_has_the_interval_and_the_state_of_the_package() -> None:
    photo = draw_scene(3, width=320, height=240, people=12).photo
    dark = (photo * 0.1).astype(np.uint8)
    with ModelServer() as server, open_served(server.url, model="tiny") as served:
        seen = [served.count(one) for one in (photo, dark, PHOTO)]
    with CrowdCounter(threads=1) as counter:
        states = [counter.count(one) for one in (photo, dark, PHOTO)]

    assert [(one.state, one.reasons) for one in seen] == [(one.state, one.reasons) for one in states]
    assert [one.interval for one in seen] == [states[0].intervals.around(one.count) for one in seen]


def test_a_large_frame_goes_in_tiles(tiny: Path) -> None:
    photo = noise_photo(300, 200)
    with ModelServer() as server, open_served(server.url, tiny, options=CountOptions(tile=128)) as counter:
        tiles, whole = counter.count(photo), open_served(server.url, tiny).count(photo)

    assert tiles.tiles > 1
    assert tiles.count == pytest.approx(whole.count, rel=1e-5)


def test_the_request_is_what_triton_s_own_client_sends(tiny: Path) -> None:
    if importlib.util.find_spec("tritonclient") is None:
        pytest.skip("not run: pip install --no-deps tritonclient, for Triton's own client")
    http = pytest.importorskip("tritonclient.http", reason="not run: tritonclient's own dependencies are missing")
    with ModelServer() as server:
        open_served(server.url, tiny).count(noise_photo(64, 96))
    image = http.InferInput("image", [1, 64, 96, 3], "UINT8")
    image.set_data_from_numpy(noise_photo(64, 96)[None])
    outputs = [http.InferRequestedOutput("density", binary_data=True)]
    theirs, size = http.InferenceServerClient.generate_request_body([image], outputs=outputs)

    [(ours, own_size)] = server.asked
    assert json.loads(ours[:own_size]) == json.loads(theirs[:size])
    assert ours[own_size:] == theirs[size:]


def test_a_server_that_is_busy_is_asked_again(tiny: Path) -> None:
    with ModelServer(refusals=[503, 429]) as server, open_served(server.url, tiny) as counter:
        assert counter.count(PHOTO).count > 0

    assert len(server.asked) == 3


def test_a_server_that_goes_away_is_waited_for(tiny: Path) -> None:
    with ModelServer() as first:
        counter = open_served(first.url, tiny)
    second = ModelServer(port=first.port)
    timer = threading.Timer(0.5, second.__enter__)
    timer.start()
    try:
        assert counter.count(PHOTO).count > 0
    finally:
        timer.join()
        second.__exit__()


def test_patience_ends(tiny: Path) -> None:
    with ModelServer() as server:
        counter = open_served(server.url, tiny, patience_s=0.0)

    with pytest.raises(InferenceError, match=r"server 127\.0\.0\.1:\d+ does not answer for 0 s: Connection refused"):
        counter.count(PHOTO)


def test_a_photo_that_is_refused_is_not_sent_again(tiny: Path) -> None:
    with (
        ModelServer(refusals=[400]) as server,
        open_served(server.url, tiny) as counter,
        pytest.raises(InferenceError, match="refuses the photo: 400 not now"),
    ):
        counter.count(PHOTO)

    assert len(server.asked) == 1


def test_an_answer_of_other_tensors_is_refused(tiny: Path) -> None:
    with ModelServer() as server, open_served(server.url, tiny) as counter:
        server.outputs = ("heat",)
        with pytest.raises(InferenceError, match="answer holds no density in FP32"):
            counter.count(PHOTO)


def test_a_model_of_other_tensors_is_refused(tiny: Path) -> None:
    with (
        ModelServer(outputs=("boxes",)) as server,
        pytest.raises(BackendError, match=r"has outputs \['boxes'\], expected density"),
    ):
        open_served(server.url, tiny)


def test_a_model_that_is_not_there_is_told(tiny: Path) -> None:
    with (
        ModelServer() as server,
        pytest.raises(BackendError, match=r"has no model at .*/plaza: 404 Request for unknown model"),
    ):
        open_served(server.url, tiny, model="plaza")


def test_a_server_that_is_away_at_the_start_is_told(tiny: Path) -> None:
    with pytest.raises(BackendError, match="cannot be reached: Connection refused"):
        open_served(f"http://127.0.0.1:{free_port()}", tiny)


def test_a_page_is_no_model_server(tiny: Path, tmp_path: Path) -> None:
    from tests.streams.cameras import served

    (tmp_path / "v2" / "models").mkdir(parents=True)
    (tmp_path / "v2" / "models" / "tiny").write_text("<html>")
    with served(tmp_path) as url, pytest.raises(BackendError, match="answers something else than JSON"):
        open_served(url, tiny)


@pytest.mark.parametrize("url", ["triton:8000", "grpc://triton:8001", "http://"])
def test_what_is_no_address_is_refused(tiny: Path, url: str) -> None:
    with pytest.raises(ConfigError, match="is no address"):
        open_served(url, tiny)
