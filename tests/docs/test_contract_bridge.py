"""What `firmware-bridge run` really publishes, as a process on a simulated line, is what docs/asyncapi.yaml says."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from paho.mqtt.client import MQTTMessage

from firmware_bridge.contract import Phase, SetCommand
from firmware_bridge.simulator.boards import VirtualRelayBoard
from firmware_bridge.simulator.models import meter_named
from firmware_bridge.simulator.pty_line import PtyLine
from tests.docs.contract_file import Node, channel_complaints, channel_of, contract, filter_of, fits, operations
from tests.docs.ears import Ear

if TYPE_CHECKING:
    from edge_balancer.demo.broker import Broker

HANG_S: Final = 90.0
CONFIGURATION: Final = """
[mqtt]
host = "{host}"
port = {port}
base_topic = "{base}"

[bridge]
id = "cabinet-1"

[bridge.interlock]
dwell_s = 0
watch_s = 0.5

[[bridge.lines]]
name = "street-1"
port = "{line}"
baud = 115200
meters = [
    {{ house = "h1", model = "eastron_sdm120", unit = 1, every_s = 0.3, slow_every_s = 1 }},
    {{ house = "transformer", model = "eastron_sdm630", unit = 2, every_s = 0.3, slow_every_s = 1 }},
]
switches = [{{ house = "h1", model = "waveshare_relay_8ch", unit = 10, relays = [1, 2, 3] }}]
"""


class Said:
    """One run: what was heard in order, and what a late listener found retained."""

    def __init__(self, base: str, broker: str, heard: list[MQTTMessage], retained: set[str]) -> None:
        self.base, self.broker, self.heard, self.retained = base, broker, heard, retained

    def about(self, end: str) -> list[MQTTMessage]:
        return [message for message in self.heard if message.topic == f"{self.base}/{end}"]


@pytest.fixture(scope="module")
def said(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Said:
    folder, base = tmp_path_factory.mktemp("bridge"), f"site/{uuid.uuid4().hex[:8]}"
    board = VirtualRelayBoard(10, operate_s=0.0, release_s=0.0)
    board.contacts.drive(1, True, time.monotonic())
    board.contacts.settle(time.monotonic())
    meters = [meter_named(name, time.monotonic, 1).device for name in ("eastron_sdm120@1", "eastron_sdm630@2")]
    early, late = Ear(f"{base}/#"), Ear(f"{base}/#")
    with PtyLine([*meters, board], baud=115_200, paced=False, link=folder / "line") as line, early.listening(broker):
        text = CONFIGURATION.format(host=broker.host, port=broker.port, base=base, line=line.path)
        (folder / "firmware-bridge.toml").write_text(text, encoding="utf-8")
        bridge = _started(folder)
        try:
            _has(early, "switch/h1/availability", b"online")
            now = time.time()
            command = SetCommand(str(uuid.uuid4()), 1, Phase.L2, Phase.L1, now, now + 60.0)
            early.say(f"{base}/switch/h1/set", _encoded(command))
            _has(early, "switch/h1/state", b'"done"')
            _has(early, "meter/h1", b'"e_import"')
            _has(early, "meter/transformer", b'"e_import"')
            _has(early, "bridge/cabinet-1", b'"lines"')
            with late.listening(broker):
                late.say(f"{base}/end", b"end")
                late.wait_for(lambda heard: any(m.topic.endswith("/end") for m in heard), "its own marker")
        finally:
            bridge.terminate()
            code = bridge.wait(HANG_S)
        assert code == 0, (folder / "log").read_text(encoding="utf-8")
        _has(early, "bridge/cabinet-1/availability", b"offline")
    heard = [m for m in early.heard if not m.topic.endswith(("/end", "/set"))]
    return Said(base, broker.name, heard, {m.topic for m in late.heard if m.retain})


def _started(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "firmware_bridge", "run", "--config", str(folder / "firmware-bridge.toml")]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(command, cwd=folder, stderr=log)


def _has(ear: Ear, topic: str, part: bytes) -> None:
    ear.wait_for(lambda heard: any(m.topic.endswith(topic) and part in bytes(m.payload) for m in heard), topic)


def _encoded(command: SetCommand) -> bytes:
    fields = {"id": command.id, "seq": command.seq, "phase": command.phase, "from": command.origin}
    return json.dumps({**fields, "issued": command.issued, "expires": command.expires}).encode()


def _operation(topic: str, base: str) -> Node:
    """A bridge's own, or the controller's reading of a meter or a switch: what it sends there another receives."""
    own = operations("send", "firmware-bridge")
    found = [
        op for op in (*own.values(), *operations("receive").values()) if fits(topic, filter_of(channel_of(op), base))
    ]
    assert found, f"{topic} is not in docs/asyncapi.yaml"
    return min(found, key=lambda op: channel_of(op)["address"].count("{"))


def test_every_message_of_a_bridge_is_in_the_file(said: Said) -> None:
    wrong = {
        message.topic: complaints
        for message in said.heard
        if (complaints := channel_complaints(channel_of(_operation(message.topic, said.base)), bytes(message.payload)))
    }
    assert wrong == {}


def test_everything_that_the_file_lets_a_bridge_say_of_itself_was_said(said: Said) -> None:
    promised = {filter_of(channel_of(op), said.base) for op in operations("send", "firmware-bridge").values()}
    assert promised == {f"{said.base}/bridge/+", f"{said.base}/bridge/+/availability"}
    assert all(any(fits(message.topic, wanted) for message in said.heard) for wanted in promised)


def test_quality_of_service_and_retain_flags_are_those_of_the_file(said: Said) -> None:
    expected = {
        "meter/h1": (0, False),
        "meter/transformer": (0, False),
        "switch/h1/state": (1, True),
        "switch/h1/availability": (1, True),
        "bridge/cabinet-1": (0, True),
        "bridge/cabinet-1/availability": (1, True),
    }
    assert {m.topic.removeprefix(f"{said.base}/") for m in said.heard} == expected.keys()
    for topic, (qos, retained) in expected.items():
        assert (f"{said.base}/{topic}" in said.retained) is retained, topic
        if said.broker != "amqtt":  # it raises a message's QoS to the subscription's
            assert {m.qos for m in said.about(topic)} == {qos}, topic
    for name, topic in (
        ("sendBridge", "bridge/cabinet-1"),
        ("sendBridgeAvailability", "bridge/cabinet-1/availability"),
    ):
        stated = contract()["operations"][name]["bindings"]["mqtt"]
        assert (stated["qos"], stated["retain"]) == expected[topic]


def test_a_bridge_greets_and_takes_its_leave(said: Said) -> None:
    for topic in ("bridge/cabinet-1/availability", "switch/h1/availability"):
        words = [bytes(message.payload) for message in said.about(topic)]
        assert b"online" in words
        assert words[-1] == b"offline"
