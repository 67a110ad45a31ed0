"""What the streams' tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.streams.cameras import RtspCamera, require_rtsp_server


@pytest.fixture(autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outboxes of a test go to a folder of its own, never to the user's."""
    monkeypatch.setenv("SKT_STATE_DIR", str(tmp_path_factory.mktemp("state")))


@pytest.fixture(scope="session")
def _gstreamer() -> None:
    require_rtsp_server()


@pytest.fixture
def rtsp(_gstreamer: None) -> Iterator[RtspCamera]:
    """A camera that works, and can be made not to."""
    with RtspCamera() as camera:
        yield camera
