"""MQTT: each reading to TOPIC/CAMERA/reading with QoS 1, retained; TOPIC/status is online or, by will, offline."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from sdk.errors import ConfigError
from sdk.sinks import tls
from sdk.sinks.base import Sink, log
from sdk.sinks.delivered import DeliverySettings, Receiver, open_delivered
from sdk.sinks.errors import SinkError, SinkRefused, SinkUnreachable
from sdk.sinks.home_assistant import Place, announcements, topic_of
from sdk.sinks.reading import Reading
from sdk.sinks.secret import reveal
from sdk.sinks.target import Target, settings
from sdk.timing import Stopwatch

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessageInfo

PORTS = {"mqtt": 1883, "mqtts": 8883}
TOPIC = "crowd"
KEEPALIVE_S = 30  # the broker sends the last will after one and a half of these
BAD_CREDENTIALS = (134, 135)  # MQTT 5 reason codes: bad user name or password, not authorised
UNAVAILABLE = (136, 137, 159)  # server unavailable, server busy, connection rate exceeded
STARTS = ("check", "wait")


@dataclass(frozen=True, kw_only=True)
class MqttSettings(DeliverySettings):
    """How to speak to the broker."""

    user: str = ""
    password: str = field(default="", repr=False)  # env:NAME, file:PATH, or the password itself
    client_id: str = ""  # empty: the broker or chance chooses
    ca: str = ""  # PEM file of the only authority to trust; empty: those of the system
    certificate: str = ""  # PEM file that this client shows
    key: str = ""  # PEM file of its private key
    retain: bool = True  # the broker keeps each camera's last reading for whoever comes later
    discovery: str = ""  # prefix under which Home Assistant looks for sensors, as in homeassistant; empty: none
    protocol: str = "5"  # or 3.1.1, in which a broker does not say that it refused a topic
    start: str = "check"  # a broker that is away at the start is an error; wait: readings wait for it

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value, known in (("protocol", self.protocol, ("5", "3.1.1")), ("start", self.start, STARTS)):
            if value not in known:
                raise ConfigError(f"{name} is {value!r}, expected {' or '.join(known)}")
        for name, value in (("discovery", self.discovery), ("client_id", self.client_id)):
            _check_topic(name, value)


@dataclass(frozen=True)
class Broker:
    """Where the broker is, and below which topic everything goes."""

    name: str  # as it may be shown
    host: str
    port: int
    encrypted: bool
    topic: str


class MqttReceiver(Receiver):
    """One connection to a broker; after a failure the next delivery makes a new one."""

    def __init__(self, broker: Broker, chosen: MqttSettings) -> None:
        self._broker = broker
        self._chosen = chosen
        self._client: Client | None = None
        self._place = Place(broker.topic, chosen.discovery)
        self._status = f"{broker.topic}/status"
        self._lost = threading.Event()  # the connection ended
        self._answered = threading.Event()  # the broker took or refused the connection
        self._refusal: tuple[int, str] | None = None  # code and text of the broker's refusal to connect
        self._not_taken: dict[int, str] = {}  # message -> why the broker refused it
        self._announced: set[str] = set()

    def deliver(self, readings: Sequence[Reading]) -> int:
        if self._lost.is_set():
            self.drop()
        client = self._client or self.connect()
        sent = [self._publish(client, reading) for reading in readings]
        watch = Stopwatch()
        taken = 0
        try:
            for topic, info in sent:
                self._wait(topic, info, watch)
                taken += 1
        except SinkError:
            self.drop()
            if not taken:
                raise
        return taken

    def connect(self) -> Client:
        """A connection on which the status was published; raises SinkRefused or SinkUnreachable."""
        client = self._new_client()
        self._lost.clear()
        self._answered.clear()
        self._refusal = None
        self._not_taken.clear()
        self._announced.clear()
        try:
            client.connect(self._broker.host, self._broker.port, KEEPALIVE_S)
        except (OSError, ValueError) as error:
            raise self._no_connection(error) from error
        self._client = client
        client.loop_start()
        try:
            self._check_answer()
            self._wait(self._status, client.publish(self._status, "online", qos=1, retain=True), Stopwatch())
        except SinkError:
            self.drop()
            raise
        return client

    def drop(self) -> None:
        """End the connection as a cut would: the broker sends the last will."""
        client, self._client = self._client, None
        if client is not None:
            if isinstance(end := client.socket(), socket.socket):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            client.loop_stop()

    def close(self) -> None:
        client = self._client
        if client is not None and not self._lost.is_set():
            info = client.publish(self._status, "offline", qos=1, retain=True)
            with suppress(RuntimeError, ValueError):  # the connection ended just now
                info.wait_for_publish(1.0)
            client.disconnect()
            self._lost.wait(1.0)
        self.drop()

    def _new_client(self) -> Client:
        from paho.mqtt.client import Client, MQTTv5, MQTTv311
        from paho.mqtt.enums import CallbackAPIVersion

        protocol = MQTTv5 if self._chosen.protocol == "5" else MQTTv311
        client = Client(
            CallbackAPIVersion.VERSION2, self._chosen.client_id, protocol=protocol, reconnect_on_failure=False
        )
        client.connect_timeout = self._chosen.timeout_s
        if self._chosen.user:
            client.username_pw_set(self._chosen.user, reveal(self._chosen.password) or None)
        if self._broker.encrypted:
            client.tls_set_context(tls.context(self._chosen.ca, self._chosen.certificate, self._chosen.key))
        client.will_set(self._status, "offline", qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        return client

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        self._refusal = (code.value, str(code)) if code.is_failure else None
        self._answered.set()

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, _code: Any, _properties: Any) -> None:
        self._lost.set()
        self._answered.set()

    def _on_publish(self, _client: Any, _data: Any, message: int, code: Any, _properties: Any) -> None:
        if code.is_failure:
            self._not_taken[message] = str(code)
            log.warning("broker %s refuses a message: %s", self._broker.name, code)

    def _check_answer(self) -> None:
        self._answered.wait(self._chosen.timeout_s)
        if self._refusal is not None:
            raise self._refused(*self._refusal)
        if self._lost.is_set() or not self._answered.is_set():
            raise SinkUnreachable(f"broker {self._broker.name} does not speak MQTT, or not in time",
                                  hint="check the port, and mqtts:// against mqtt://")  # fmt: skip

    def _refused(self, code: int, text: str) -> SinkError:
        if code in BAD_CREDENTIALS:
            who = f"user {self._chosen.user!r}" if self._chosen.user else "a client without a user name"
            return SinkRefused(f"broker {self._broker.name} refuses {who}: {text}", hint="check user and password")
        kind = SinkUnreachable if code in UNAVAILABLE else SinkRefused
        return kind(f"broker {self._broker.name} refuses the connection: {text}", hint="see the broker's log")

    def _no_connection(self, error: Exception) -> SinkError:
        if isinstance(error, ssl.SSLError):
            message = f"broker {self._broker.name} is refused: {tls.reason(error)}"
            return SinkRefused(message, hint="give its authority with ca=FILE")
        text = tls.reason(error) if isinstance(error, OSError) else "its address cannot be used"
        hint = "check host and port; start=wait lets readings wait for it"
        return SinkUnreachable(f"broker {self._broker.name} cannot be reached: {text}", hint=hint)

    def _wait(self, topic: str, info: MQTTMessageInfo, watch: Stopwatch) -> None:
        """Until the broker has taken a message."""
        while info.rc == 0 and not info.is_published():
            if self._lost.is_set() or watch.seconds() > self._chosen.timeout_s:
                break
            with suppress(RuntimeError, ValueError):  # the connection ended just now
                info.wait_for_publish(0.1)
        if info.mid in self._not_taken:
            text = self._not_taken.pop(info.mid)
            raise SinkRefused(f"broker {self._broker.name} refuses topic {topic}: {text}", hint="see its access list")
        if info.rc != 0 or not info.is_published():
            raise SinkUnreachable(f"broker {self._broker.name} went away", hint="readings wait for it")

    def _publish(self, client: Client, reading: Reading) -> tuple[str, MQTTMessageInfo]:
        if self._chosen.discovery:
            self._announce(client, reading)
        topic = topic_of(self._broker.topic, reading.camera)
        return topic, client.publish(topic, reading.to_line(), qos=1, retain=self._chosen.retain)

    def _announce(self, client: Client, reading: Reading) -> None:
        for topic, sensor in announcements(self._place, reading):
            if topic not in self._announced:
                client.publish(topic, json.dumps(sensor), qos=1, retain=True)
                self._announced.add(topic)


def open_mqtt(target: Target) -> Sink:
    """mqtt://HOST/TOPIC or mqtts://; checks broker, credentials and topic first."""
    _check_client()
    if not target.host:
        raise ConfigError(f"sink {target.name} names no host", hint="mqtt://broker.local/crowd")
    own = {key: value for key, value in (("user", target.user), ("password", target.password)) if value}
    chosen = settings(MqttSettings, target, own)
    topic = unquote(target.path.strip("/")) or TOPIC
    _check_topic("topic", topic)
    encrypted = target.kind == "mqtts"
    broker = Broker(target.name, target.host, target.port or PORTS[target.kind], encrypted, topic)
    receiver = MqttReceiver(broker, chosen)
    try:
        receiver.connect()
    except SinkUnreachable:
        if chosen.start == "check":
            raise
    try:
        return open_delivered(target.name, receiver, chosen, f"mqtt {broker.host}:{broker.port}/{broker.topic}")
    except BaseException:
        receiver.close()
        raise


def _check_topic(name: str, text: str) -> None:
    if not text.isprintable() or any(letter in text for letter in "+#"):
        raise ConfigError(f"{name} is {text!r}, expected printable text without + and #")


def _check_client() -> None:
    try:
        import paho.mqtt.client  # noqa: F401
    except ImportError as error:
        raise ConfigError("MQTT needs the package paho-mqtt", hint="pip install 'skt-edge[sinks]'") from error
