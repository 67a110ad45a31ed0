"""What the sinks' tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sinks.servers import Mosquitto, WebServer


@pytest.fixture(autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outboxes of a test go to a folder of its own, never to the user's."""
    monkeypatch.setenv("SKT_STATE_DIR", str(tmp_path_factory.mktemp("state")))


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    pytest.importorskip("paho.mqtt.client", reason="not run: paho-mqtt is not installed")
    mosquitto = Mosquitto(tmp_path)
    mosquitto.start()
    yield mosquitto
    mosquitto.stop()
