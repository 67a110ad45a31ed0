"""MQTT, against a real mosquitto that is stopped and started."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sdk.errors import ConfigError
from sdk.sinks import SinkRefused, SinkUnreachable, open_sink
from tests.sinks.records import full_reading, reading
from tests.sinks.servers import Mosquitto, free_port, wait_for

pytest.importorskip("paho.mqtt.client", reason="not run: paho-mqtt is not installed")

if TYPE_CHECKING:
    from typing_extensions import Self

Message = tuple[str, dict[str, Any] | str, bool]


class Subscriber:
    """Hears everything that a broker passes on."""

    def __init__(self, port: int) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self.heard: list[Message] = []
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._hear
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("#", qos=1)
        self._client.loop_start()
        assert self._ready.wait(5)

    def _hear(self, _client: Any, _data: Any, message: Any) -> None:
        text = message.payload.decode()
        self.heard.append((message.topic, json.loads(text) if text.startswith("{") else text, message.retain))

    def counts(self, topic: str = "crowd/gate/reading") -> list[float]:
        """Counts, those of a double once."""
        once = {data["id"]: data["count"] for name, data, _ in self.heard if name == topic and isinstance(data, dict)}
        return list(once.values())

    def said(self, topic: str) -> Any:
        """The last that was said there."""
        return next((data for name, data, _ in reversed(self.heard) if name == topic), None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that knows one user, who may write below `crowd` alone."""
    passwords, rights = tmp_path / "passwords", tmp_path / "rights"
    broker = Mosquitto(tmp_path, f"password_file {passwords}", f"acl_file {rights}")
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "ann", "pa55word"], check=True, capture_output=True)
    rights.write_text("user ann\ntopic readwrite crowd/#\n")
    rights.chmod(0o700)
    broker.start()
    yield broker
    broker.stop()


def uri(broker: Mosquitto, rest: str = "/crowd") -> str:
    return f"mqtt://127.0.0.1:{broker.port}{rest}"


def test_readings_arrive_and_the_last_one_stays_for_whoever_comes_later(broker: Mosquitto) -> None:
    last = full_reading()
    with open_sink(uri(broker)) as sink:
        with Subscriber(broker.port) as early:
            sink.send(reading(1))
            sink.send(last)
            wait_for(lambda: early.counts() == [1, 7])
        with Subscriber(broker.port) as late:
            wait_for(lambda: len(late.heard) == 2)

    assert ("crowd/gate/reading", last.to_json(), True) in late.heard
    assert ("crowd/status", "online", True) in late.heard


def test_names_of_cameras_become_topics_of_one_level(broker: Mosquitto) -> None:
    with open_sink(uri(broker, "/town/hall")) as sink, Subscriber(broker.port) as hears:
        sink.send(reading(3, camera="a/b +#ü"))
        wait_for(lambda: hears.counts("town/hall/a%2Fb%20%2B%23%C3%BC/reading") == [3])


def test_readings_wait_for_a_broker_that_is_stopped_and_go_out_in_order(broker: Mosquitto) -> None:
    with open_sink(uri(broker)) as sink:
        sink.send(reading(0))
        wait_for(lambda: sink.health()[0].sent == 1)
        broker.stop()
        for number in range(1, 60):
            sink.send(reading(number))
        away = wait_for(lambda: sink.health()[0].trouble and sink.health()[0])
        broker.start()
        with Subscriber(broker.port) as hears:
            wait_for(lambda: hears.counts()[-1:] == [59])
            wait_for(lambda: sink.health()[0].ok)

    assert away.waiting == 59
    assert hears.counts() == sorted(hears.counts())
    assert sink.health()[0].sent == 60


def test_nothing_is_lost_between_two_stops(broker: Mosquitto) -> None:
    """The broker goes away again and again while readings are sent."""
    heard: list[float] = []
    with open_sink(uri(broker)) as sink:
        for part in range(3):
            with Subscriber(broker.port) as hears:
                for number in range(20 * part, 20 * part + 20):
                    sink.send(reading(number))
                wait_for(lambda n=20 * part + 19, h=hears: h.counts()[-1:] == [n])
                heard += [count for count in hears.counts() if count not in heard]
            broker.stop()
            sink.send(reading(1000 + part))
            broker.start()

    assert [count for count in heard if count < 1000] == list(range(60))


def test_a_process_that_ends_says_offline_and_one_that_is_cut_off_leaves_a_will(broker: Mosquitto) -> None:
    from sdk.sinks.delivered import Delivered

    with Subscriber(broker.port) as hears:
        sink = open_sink(uri(broker))
        wait_for(lambda: hears.said("crowd/status") == "online")
        sink.close()
        wait_for(lambda: hears.said("crowd/status") == "offline")
        with open_sink(uri(broker)) as second:
            wait_for(lambda: hears.said("crowd/status") == "online")
            assert isinstance(second, Delivered)
            second._receiver.drop()  # type: ignore[attr-defined] - as a cut cable
            wait_for(lambda: hears.said("crowd/status") == "offline")
            second.send(reading(4))
            wait_for(lambda: hears.said("crowd/status") == "online" and hears.counts() == [4])


def test_home_assistant_finds_every_sensor(broker: Mosquitto) -> None:
    sent = full_reading()
    with open_sink(uri(broker, "/crowd?discovery=homeassistant")) as sink, Subscriber(broker.port) as hears:
        sink.send(sent)
        wait_for(lambda: hears.counts() == [7])
        sink.send(reading(8))
        wait_for(lambda: hears.counts() == [7, 8])

    sensors = {topic: data for topic, data, _ in hears.heard if topic.startswith("homeassistant/")}
    people = ["Count", "Count, highest", "Count, lowest"]
    assert sorted(data["name"] for data in sensors.values()) == [*people, "Reasons", "State", "left, door", 'say "hi"']
    assert len({data["unique_id"] for data in sensors.values()}) == 7
    highest = next(data for data in sensors.values() if data["name"] == "Count, highest")
    assert highest["value_template"] == "{{ value_json.interval[1] }}"
    count = next(data for data in sensors.values() if data["name"] == "Count")
    assert count["state_topic"] == "crowd/gate/reading"
    assert count["availability_topic"] == "crowd/status"
    assert (count["value_template"], count["unit_of_measurement"]) == ("{{ value_json.count }}", "people")
    quoted = next(data for data in sensors.values() if "say" in data["name"])
    assert quoted["value_template"] == '{{ value_json.zones["say \\"hi\\""] }}'
    assert all(topic.replace("/", "").replace("_", "").isalnum() for topic in sensors)
    assert len([topic for topic, _, _ in hears.heard if topic.endswith("count/config")]) == 1


def test_bad_credentials_are_told_apart_from_an_absent_broker(locked: Mosquitto) -> None:
    place = f"@127.0.0.1:{locked.port}/crowd"
    with pytest.raises(SinkRefused, match=r"refuses user 'ann': Not authorized") as wrong:
        open_sink(f"mqtt://ann:wr0ng{place}")
    with pytest.raises(SinkRefused, match="refuses a client without a user name: Not authorized"):
        open_sink(uri(locked))
    with pytest.raises(SinkUnreachable, match="cannot be reached: Connection refused") as absent:
        open_sink(f"mqtt://ann:wr0ng@127.0.0.1:{free_port()}/crowd")

    for caught in (wrong, absent):
        assert (caught.value.exit_code, "wr0ng" in str(caught.value)) == (2, False)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_credentials_open_the_door_and_stay_out_of_every_log(
    locked: Mosquitto, protocol: str, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "password").write_text("pa55word\n")
    spec = {"to": uri(locked), "user": "ann", "password": f"file:{tmp_path}/password", "protocol": protocol}
    for place in (spec, uri(locked).replace("//", "//ann:pa55word@")):
        with open_sink(place) as sink:
            sink.send(reading())
            wait_for(lambda s=sink: s.health()[0].sent == 1)
            locked.stop()
            sink.send(reading())
            wait_for(lambda s=sink: not s.health()[0].ok)
            told = caplog.text + repr(sink.health())
            locked.start()

    assert "pa55word" not in told
    assert "127.0.0.1" in told


def test_a_topic_that_may_not_be_written_is_told_before_the_first_reading(locked: Mosquitto) -> None:
    with pytest.raises(SinkRefused, match="refuses topic secret/status: Not authorized"):
        open_sink(uri(locked, "/secret").replace("//", "//ann:pa55word@"))


def test_an_absent_broker_can_be_waited_for(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    with open_sink(uri(broker, "/crowd?start=wait")) as sink:
        sink.send(reading(5))
        broker.start()
        with Subscriber(broker.port) as hears:
            wait_for(lambda: hears.counts() == [5])
    broker.stop()


# paho leaves the socket of a failed handshake to the garbage collector
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
def test_the_broker_must_show_a_trusted_certificate(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    broker = Mosquitto(tmp_path, f"certfile {certificate[0]}", f"keyfile {certificate[1]}")
    broker.start()
    try:
        place = f"mqtts://localhost:{broker.port}/crowd"
        with pytest.raises(SinkRefused, match=r"is refused: its certificate is not trusted: self.signed certificate"):
            open_sink(place)
        with pytest.raises(SinkRefused, match="not trusted: IP address mismatch"):
            open_sink(f"{place.replace('localhost', '127.0.0.1')}?ca={certificate[0]}")
        with pytest.raises(SinkUnreachable, match=r"does not speak MQTT|cannot be reached|went away"):
            open_sink(uri(broker))
        with open_sink(f"{place}?ca={certificate[0]}") as sink:
            sink.send(reading())
            wait_for(lambda: sink.health()[0].sent == 1)
    finally:
        broker.stop()


def test_a_client_shows_its_own_certificate(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    pem, key = certificate
    broker = Mosquitto(tmp_path, f"certfile {pem}", f"keyfile {key}", f"cafile {pem}", "require_certificate true")
    broker.start()
    try:
        with open_sink(f"mqtts://localhost:{broker.port}/?ca={pem}&certificate={pem}&key={key}") as sink:
            sink.send(reading())
            wait_for(lambda: sink.health()[0].sent == 1)
    finally:
        broker.stop()


def test_what_is_no_broker_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(SinkUnreachable, match=rf"broker mqtt://127.0.0.1:{port}/crowd does not speak MQTT"):
            open_sink(f"mqtt://127.0.0.1:{port}/crowd?timeout_s=0.3")
    with pytest.raises(SinkUnreachable, match="cannot be reached: "):
        open_sink("mqtt://no.such.host.invalid/crowd")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mqtt:///crowd", "sink mqtt:///crowd names no host"),
        ("mqtt://host/a+b", r"topic is 'a\+b', expected printable text without \+ and #"),
        ("mqtt://host/?discovery=a%23", "discovery is 'a#'"),
        ("mqtt://host/?protocol=4", "protocol is '4', expected 5 or 3.1.1"),
        ("mqtt://host/?start=later", "start is 'later', expected check or wait"),
        ("mqtt://host/?retain=perhaps", "sink mqtt://host/: setting retain is 'perhaps', expected bool"),
        ("mqtt://host/?retian=true", r"unknown setting retian \(did you mean retain\?\)"),
        ("mqtts://host/?certificate=/no/where", "cannot read the certificates in /no/where"),
    ],
)
def test_settings_that_cannot_work_are_refused(spec: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_sink(spec)
