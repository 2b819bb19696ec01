"""A flood of readings on a real broker: orders, switches' answers and the readings of other houses do not wait for it.
Nothing here depends on how fast the machine is."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge_balancer.demo.broker import Broker
from edge_balancer.types.events import EventKind
from firmware_bridge.host.link import Link
from tests.daemon.daemon_cases import CALM, POSITIONS, recorded, running, small_feeder
from tests.daemon.field import Field, field_at, fresh_base, until

JUNK = 5000


def publish(topic: str, payload: bytes) -> bytes:
    """A PUBLISH of QoS 0; short enough for a length of one byte."""
    name = topic.encode()
    body = len(name).to_bytes(2) + name + payload
    assert len(body) < 128
    return b"\x30" + bytes([len(body)]) + body


def flood(port: int, messages: bytes) -> None:
    """Say it all at once, and return when the broker has taken it."""
    with socket.create_connection(("127.0.0.1", port), timeout=30.0) as line:
        line.sendall(b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05thief")
        assert line.recv(4)[:2] == b"\x20\x02"
        line.sendall(messages + b"\xc0\x00")
        assert line.recv(2) == b"\xd0\x00"


async def at_rest(field: Field, houses: int = 6) -> None:
    await field.see("availability", lambda m: m.text == "online")
    field.present(*POSITIONS)
    field.loads(*CALM)
    await field.see("phases", lambda m: m.json["houses_fresh"] == houses)


async def ask(field: Field, house: str, phase: str, operator: str) -> Any:
    here = field.now()
    field.say(f"switch/{house}/request", {"phase": phase, "operator": operator})
    return (await field.see("decision", lambda m: m.json["operator"] == operator, since=here)).json


async def test_a_move_is_asked_for_and_made_while_no_reading_is_read(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection for readings never gets its turn, and 5,000 messages lie before it."""
    base, held, turns = fresh_base(), [False], Link._readable
    waiting: list[tuple[Any, ...]] = []

    def readable(self: Link, *what: Any) -> None:
        if held[0] and self.client_id.endswith("-readings"):
            waiting[:] = [(self, *what)]
        else:
            turns(self, *what)

    monkeypatch.setattr(Link, "_readable", readable)
    config = small_feeder(broker.port, base, tmp_path / "eb.db")
    async with field_at(broker.port, base) as field, running(config) as daemon:
        await at_rest(field)
        held[0] = True
        flood(broker.port, publish(f"{base}/meter/h01", b'{"p":9000}') * JUNK)
        await until(lambda: bool(waiting), "the flood")
        read = daemon._link.readings_received
        decision = await ask(field, "h02", "L3", "anna")
        assert decision["commanded"] is True
        command = await field.see("switch/h02/set")
        field.answer(command)
        (done,) = await recorded(config.storage.path, EventKind.ACKNOWLEDGED)
        assert done.house == "h02"
        assert daemon._link.readings_received == read
        held[0] = False
        await until(lambda: daemon._link.readings_received > read, "the readings' turn")


async def test_of_a_flood_little_is_read_and_all_that_others_say(broker: Broker, tmp_path: Path) -> None:
    base = fresh_base()
    config = small_feeder(broker.port, base, tmp_path / "eb.db", telemetry={"messages_per_second": 5})
    async with field_at(broker.port, base) as field, running(config) as daemon:
        await at_rest(field)
        accepted = daemon._intake.ledger.accepted
        honest = [publish(f"{base}/meter/h{n:02d}", b'{"p":%d}' % (1000 * n)) for n in range(2, 7)]
        junk = publish(f"{base}/meter/h01", b'{"p":1000}')
        # Whoever speaks in between, the flood before and behind.
        flood(broker.port, junk * 700 + b"".join(one + junk * 50 for one in honest))
        await field.see("phases", lambda m: m.json["L3"]["p"] == 9000.0 and m.json["L2"]["p"] == 7000.0)
        assert (await ask(field, "h01", "L1", "anna"))["commanded"] is False
        unread = daemon._budgets.unread
        assert 0 < unread < 950
        # All that was heard was either read or counted.
        await until(lambda: daemon._intake.ledger.accepted - accepted + daemon._budgets.unread >= 955, "all of it")
        assert daemon._intake.ledger.refused == 0


async def test_a_flood_is_told_with_its_topic_and_counted(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_balancer.daemon.DIAGNOSTICS_EVERY_S", 0.2)
    base = fresh_base()
    async with field_at(broker.port, base) as field, running(small_feeder(broker.port, base, tmp_path / "eb.db")):
        await at_rest(field)
        flood(broker.port, publish(f"{base}/meter/h01", b'{"p":1000}') * 900)
        alert = (await field.see("alert/message_flood/h01")).json
        assert f"{base}/meter/h01" in alert["text"]
        assert alert["limit"] == 50.0
        told = await field.see("diagnostics", lambda m: bool(m.json["unread"]))
        assert told.json["unread"].keys() == {f"{base}/meter/h01"}
        await field.see("alert/message_flood/h01", lambda m: m.payload == b"")


async def test_a_switch_that_says_too_much_delays_no_order(broker: Broker, tmp_path: Path) -> None:
    base = fresh_base()
    config = small_feeder(broker.port, base, tmp_path / "eb.db")
    async with field_at(broker.port, base) as field, running(config) as daemon:
        await at_rest(field)
        # Said at QoS 1, as the contract has it, and heard at 0.
        for _ in range(600):
            field.say("switch/h01/state", {"phase": "L1"}, retain=False)
        assert (await ask(field, "h02", "L3", "anna"))["commanded"] is True
        field.answer(await field.see("switch/h02/set"))
        await recorded(config.storage.path, EventKind.ACKNOWLEDGED)
        assert daemon._budgets.left_unread().keys() == {daemon._intake.source(f"{base}/switch/h01/state")}


async def test_without_readings_control_goes_on_and_nothing_is_commanded(broker: Broker, tmp_path: Path) -> None:
    base = fresh_base()
    config = small_feeder(broker.port, base, tmp_path / "eb.db")
    async with field_at(broker.port, base) as field, running(config) as daemon:
        await at_rest(field)
        here = field.now()
        other = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"{config.client_id}-readings")
        other.connect("127.0.0.1", broker.port)
        other.loop_start()
        try:
            await until(lambda: not daemon._link.up, "the loss")
            # Heard, decided, and not commanded: what it would do could not be checked.
            await ask(field, "h02", "L3", "anna")
            failed = (await recorded(config.storage.path, EventKind.FAILED))[0]
            assert failed.body["sent"] is False
        finally:
            other.disconnect()
            other.loop_stop()
        await until(lambda: daemon._link.up, "the return")
        await field.sync()
        assert field.said("switch/*/set") == []
        assert [m.text for m in field.messages[here:] if m.topic == "availability" and m.text == "offline"] == []
