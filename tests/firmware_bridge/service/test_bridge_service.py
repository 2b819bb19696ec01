"""The bridge on a simulated line: what it says when readings come, commands arrive, lines go and processes end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from firmware_bridge.contract import OFFLINE, ONLINE, Phase, Result
from firmware_bridge.errors import BridgeError
from firmware_bridge.host.clock import SystemClock
from firmware_bridge.host.instance_lock import AlreadyRunning
from firmware_bridge.service.bridge import Bridge, Said
from firmware_bridge.service.bus import matches
from firmware_bridge.settings.bridge import BridgeSettings
from firmware_bridge.switches.memory import SwitchMemory
from tests.firmware_bridge.service.field_scene import (
    BASE,
    GUARD_S,
    KEY,
    Street,
    Wire,
    bridge_on,
    order,
    serving,
    settings,
)

L1, L2, L3 = Phase.L1, Phase.L2, Phase.L3
SET, AVAILABILITY = f"{BASE}/switch/h1/set", f"{BASE}/switch/h1/availability"


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    street = Street(tmp_path / "adapter")
    with street.line:
        yield street


async def test_readings_go_out_with_the_meters_values_and_are_not_retained(street: Street, tmp_path: Path) -> None:
    wire = Wire()
    async with serving(bridge_on(street, tmp_path, wire)):
        await wire.until("a reading", lambda: wire.payloads("meter/h1"))
    assert json.loads(wire.payloads("meter/h1")[0]) == {"p": -1250.0, "q": 80.0, "v": 231.5, "i": 5.5}
    assert {(said.qos, said.retain) for said in wire.said if "/meter/" in said.topic} == {(0, False)}


async def test_readings_without_a_connection_are_counted_and_not_kept(street: Street, tmp_path: Path) -> None:
    wire = Wire(up=False)
    bridge = bridge_on(street, tmp_path, wire)
    async with serving(bridge):
        await wire.until("a reading is lost", lambda: bridge.diagnostics().unsent)
        wire.up = True
        await wire.until("readings", lambda: wire.payloads("meter/h1"))
        counted = bridge.diagnostics()
        assert len(wire.payloads("meter/h1")) == counted.readings


async def test_a_command_moves_the_relays_and_is_answered_moving_then_done(street: Street, tmp_path: Path) -> None:
    wire = Wire()
    bridge = bridge_on(street, tmp_path, wire)
    async with serving(bridge):
        await wire.online("h1", "h2")
        assert bridge.receive(SET, order("h1", "L3", "L1", seq=4), False)
        await wire.until("done", lambda: (Result.DONE, L3) in wire.results("h1"))
        assert street.closed() == {3, 4}, "the other house's relays on the same board stay as they are"
        states = wire.states("h1")
        assert [(s.id, s.result, s.phase) for s in states][-2:] == [
            ("c4-h1", Result.MOVING, L1),
            ("c4-h1", Result.DONE, L3),
        ]
        assert states[-1].operations == 1
        (one, two) = bridge.diagnostics().switches
        assert (one.house, one.position, one.operations, two.position) == ("h1", L3, 1, L1)
    assert street.never_two_closed()
    assert {(said.qos, said.retain) for said in wire.said if "/switch/" in said.topic} == {(1, True)}


async def test_the_position_is_told_before_the_switch_is_called_available(street: Street, tmp_path: Path) -> None:
    wire = Wire()
    async with serving(bridge_on(street, tmp_path, wire)):
        await wire.online("h1")
        topics = [(said.topic.rpartition("/")[2], said.payload) for said in wire.said if "/h1/" in said.topic]
        assert topics.index(("availability", ONLINE)) > [name for name, _ in topics].index("state")


async def test_at_each_connection_states_go_before_availability(street: Street, tmp_path: Path) -> None:
    wire = Wire()
    bridge = bridge_on(street, tmp_path, wire)
    async with serving(bridge):
        await wire.online("h1", "h2")
        wire.said.clear()
        bridge.announce()
        kinds = [said.topic.rpartition("/")[2] for said in wire.said if "/switch/" in said.topic]
        assert kinds == ["state", "state", "availability", "availability"]
        wire.said.clear()
        bridge.announce("h2")
        assert [said.topic for said in wire.said if "/switch/" in said.topic] == [
            f"{BASE}/switch/h2/state",
            f"{BASE}/switch/h2/availability",
        ]


async def test_before_anything_is_known_a_switch_is_offline_and_takes_no_command(tmp_path: Path) -> None:
    wire = Wire()
    state = tmp_path / "bridge.db"
    bridge = Bridge(settings(str(tmp_path / "no-port"), state), BASE, SystemClock(), wire, state=state)
    bridge.announce()
    assert {said.payload for said in wire.said} == {OFFLINE}
    bridge.receive(SET, order("h1", "L2", "L1"), False)
    assert (wire.states("h1")[0].result, wire.states("h1")[0].reason) == (Result.REJECTED, "the bridge is starting")


async def test_an_unplugged_line_makes_its_switches_offline_and_its_return_online(
    street: Street, tmp_path: Path
) -> None:
    wire = Wire()
    bridge = bridge_on(street, tmp_path, wire)
    async with serving(bridge):
        await wire.online("h1", "h2")
        street.line.unplug()
        await wire.until("offline", lambda: wire.payloads("switch/h2/availability")[-1] == OFFLINE)
        assert wire.states("h2")[-1].phase is not None, "it stands where it stood: a lost line is no lost house"
        (line,) = bridge.diagnostics().lines
        assert not line.up
        assert line.reason
        street.line.plug()
        await wire.online("h1", "h2")
        assert wire.states("h2")[-1].phase is L1
        before = len(wire.payloads("meter/h1"))
        await wire.until("readings are back", lambda: len(wire.payloads("meter/h1")) > before)


async def test_a_stuck_offline_of_an_earlier_connection_is_corrected(street: Street, tmp_path: Path) -> None:
    wire = Wire()
    bridge = bridge_on(street, tmp_path, wire)
    async with serving(bridge):
        await wire.online("h1")
        wire.said.clear()
        assert bridge.receive(AVAILABILITY, OFFLINE, True)
        assert Said(AVAILABILITY, ONLINE, 1, True) in wire.said
        wire.said.clear()
        bridge.receive(AVAILABILITY, ONLINE, True)
        assert not [said for said in wire.said if said.topic == AVAILABILITY]
    assert wire.payloads("switch/h1/availability")[-1] == OFFLINE
    wire.said.clear()
    bridge.receive(AVAILABILITY, OFFLINE, True)
    assert not wire.said, "at the end its own farewell is not taken back"


@pytest.mark.parametrize(
    ("payload", "retained"),
    [
        (order("h1", "L2", "L1"), True),
        (b"L2", False),
        (b'{"id": "x"}', False),
        (b"\xff\xfe", False),
        (b'{"id":"\xff","seq":1,"phase":"L2","from":"L1","issued":1,"expires":2}', False),
        (b'{"more":' + b"[" * 4000, False),
        (b" " * 5000 + order("h1", "L2", "L1"), False),
        (order("h1", "L2", "L1", seq=2**70), False),
        (order("h1", "L2", "L1", seq=-1), False),
    ],
    ids=["retained", "text", "incomplete", "binary", "broken text", "nested", "huge", "seq too great", "negative"],
)
async def test_what_is_no_command_is_counted_and_moves_nothing(
    payload: bytes, retained: bool, street: Street, tmp_path: Path
) -> None:
    wire = Wire()
    bridge = bridge_on(street, tmp_path, wire)
    async with serving(bridge):
        await wire.online("h1")
        told = len(wire.states("h1"))
        assert bridge.receive(SET, payload, retained)
        assert bridge.diagnostics().unread == 1
        # A good command afterwards is judged after it, so what that one did would have been seen.
        bridge.receive(SET, order("h1", "L3", "L1", seq=9), False)
        await wire.until("done", lambda: (Result.DONE, L3) in wire.results("h1"))
        assert {state.id for state in wire.states("h1")[told:]} == {"c9-h1"}


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (lambda: order("h1", "L2", "L1"), "not_signed"),
        (lambda: order("h1", "L2", "L1", key="another key of some length"), "wrong_signature"),
        (lambda: order("h1", "L2", "L1", key=KEY, base="site/feeder-8"), "wrong_signature"),
    ],
    ids=["no mac", "another key", "another feeder"],
)
async def test_an_unsigned_or_foreign_command_is_refused(
    payload: object, kind: str, street: Street, tmp_path: Path
) -> None:
    assert callable(payload)
    wire = Wire()
    bridge = bridge_on(street, tmp_path, wire, command_keys=KEY)
    async with serving(bridge):
        await wire.online("h1")
        bridge.receive(SET, payload(), False)
        assert wire.states("h1")[-1].result is Result.REJECTED
        assert wire.states("h1")[-1].reason.startswith(kind)
        bridge.receive(SET, order("h1", "L2", "L1", seq=2, key=KEY), False)
        await wire.until("the signed one is done", lambda: (Result.DONE, L2) in wire.results("h1"))
        assert bridge.diagnostics().switches[0].refusals == {"not_signed": 1}


async def test_a_sequence_number_stays_used_over_a_restart(street: Street, tmp_path: Path) -> None:
    first, second = Wire(), Wire()
    async with serving(bridge := bridge_on(street, tmp_path, first)):
        await first.online("h1")
        bridge.receive(SET, order("h1", "L2", "L1", seq=7), False)
        await first.until("done", lambda: (Result.DONE, L2) in first.results("h1"))
    async with serving(again := bridge_on(street, tmp_path, second)):
        await second.online("h1")
        again.receive(SET, order("h1", "L3", "L2", seq=7, name="replayed"), False)
        await second.until("an answer", lambda: second.states("h1")[-1].id == "replayed")
        assert second.states("h1")[-1].reason.startswith("old_sequence")
        assert second.states("h1")[-1].operations == 1


async def test_a_move_under_way_comes_to_its_end_when_the_bridge_is_stopped(street: Street, tmp_path: Path) -> None:
    wire = Wire()
    bridge = bridge_on(street, tmp_path, wire)
    async with serving(bridge):
        await wire.online("h1")
        bridge.receive(SET, order("h1", "L2", "L1"), False)
        await wire.until("moving", lambda: (Result.MOVING, L1) in wire.results("h1"))
    assert wire.results("h1")[-1] == (Result.DONE, L2)
    assert wire.payloads("switch/h1/availability")[-1] == OFFLINE


async def test_a_person_s_lock_out_is_followed_at_the_next_command(street: Street, tmp_path: Path) -> None:
    wire = Wire()
    bridge = bridge_on(street, tmp_path, wire)
    async with serving(bridge):
        await wire.online("h1")
        other_process = SwitchMemory(tmp_path / "bridge.db")
        other_process.lock("h1", "cable work", "Ada", 1_800_000_000.0)
        bridge.receive(SET, order("h1", "L2", "L1"), False)
        await wire.until("refused", lambda: wire.states("h1")[-1].reason.startswith("locked_out"))
        assert bridge.diagnostics().switches[0].locked == "locked out by Ada: cable work"
        other_process.close()


async def test_two_bridges_do_not_share_a_memory(street: Street, tmp_path: Path) -> None:
    wire = Wire()
    async with serving(bridge_on(street, tmp_path, wire)):
        await wire.online("h1")
        with pytest.raises(AlreadyRunning, match=r"stop that one first"):
            await bridge_on(street, tmp_path, Wire()).run(asyncio.Event())


async def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    line = {"name": "a", "port": "/dev/x", "meters": [{"house": "h1", "model": "sdm12", "unit": 1}]}
    wrong = BridgeSettings.model_validate({"lines": [line], "command_keys": "short"})
    with pytest.raises(BridgeError, match=r"(?s)the key in line 1.*lines\[0\]\.meters\[0\]\.model = sdm12"):
        Bridge(wrong, BASE, SystemClock(), Wire(), state=tmp_path / "bridge.db")


async def test_topics_and_what_is_not_ours(tmp_path: Path) -> None:
    relays = [{"house": "h3", "model": "tasmota", "relays": ["tas/1", "tas/2", "tas/3"]}]
    state = tmp_path / "bridge.db"
    bridge = Bridge(settings(str(tmp_path / "none"), state, relays=relays), BASE, SystemClock(), Wire(), state=state)
    assert bridge.houses == {"h1", "h2", "h3"}
    assert bridge.meters == {"h1"}
    assert set(bridge.topics) == {
        *((f"{BASE}/switch/{house}/{kind}", 1) for house in bridge.houses for kind in ("set", "availability")),
        ("stat/tas/POWER1", 0),
        ("stat/tas/POWER", 0),
        ("stat/tas/POWER2", 0),
        ("stat/tas/POWER3", 0),
        ("tele/tas/LWT", 0),
    }
    assert bridge.receive("stat/tas/POWER2", b"ON", False)
    assert not bridge.receive(f"{BASE}/switch/h4/set", b"{}", False)
    assert not bridge.receive(f"{BASE}/switch/h1/state", b"{}", False)


class Tasmota:
    """Three relays behind the wire, as Tasmota answers."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.on = {"1"}
        self.bridge: Bridge | None = None

    def __call__(self, said: Said) -> bool:
        sent = self.wire(said)
        if sent and said.topic.startswith("cmnd/tas/POWER") and self.bridge is not None:
            channel = said.topic[-1]
            if said.payload:
                (self.on.add if said.payload == b"ON" else self.on.discard)(channel)
            state = b"ON" if channel in self.on else b"OFF"
            asyncio.get_running_loop().call_soon(self.bridge.receive, f"stat/tas/POWER{channel}", state, False)
        return sent


async def test_relays_that_speak_mqtt_are_one_phase_switch(tmp_path: Path) -> None:
    wire = Wire()
    tasmota = Tasmota(wire)
    state = tmp_path / "bridge.db"
    limits = {"dead_time_s": 0.05, "dwell_s": 0.0, "watch_s": 0.5, "settle_s": 2.0}
    relays = [{"house": "h1", "model": "tasmota", "relays": ["tas/1", "tas/2", "tas/3"]}]
    chosen = BridgeSettings.model_validate({"state": state, "relays": relays, "interlock": limits})
    bridge = tasmota.bridge = Bridge(chosen, BASE, SystemClock(), tasmota, state=state)
    async with serving(bridge):
        await asyncio.sleep(0)
        assert not wire.said, "no relay is asked before there is a connection"
        bridge.announce()
        await wire.online("h1")
        bridge.receive(SET, order("h1", "L3", "L1"), False)
        await wire.until("done", lambda: (Result.DONE, L3) in wire.results("h1"))
        assert tasmota.on == {"3"}
        wire.up = False
        await wire.until("out of reach", lambda: not bridge.diagnostics().switches[0].available)


async def test_diagnostics_can_be_sent_as_they_are(street: Street, tmp_path: Path) -> None:
    wire = Wire()
    bridge = bridge_on(street, tmp_path, wire)
    async with serving(bridge):
        await wire.online("h1")
        await wire.until("a reading", lambda: wire.payloads("meter/h1"))
        told = json.loads(msgspec.json.encode(bridge.diagnostics()))
    assert told["lines"][0]["up"] is True
    assert told["lines"][0]["figures"]["replies"] > 0
    assert told["meters"][0]["house"] == "h1"
    assert told["switches"][1]["position"] == "L1"


@pytest.mark.parametrize(
    ("wanted", "topic", "fits"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/+/c", "a/b/c", True),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("#", "a/b", True),
        ("#", "$SYS/x", False),
        ("+/b", "a/c", False),
    ],
)
def test_topic_filters(wanted: str, topic: str, fits: bool) -> None:
    assert matches(wanted, topic) is fits


async def test_a_switch_that_was_never_there_is_told(
    street: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware_bridge.service.bridge._OVERDUE_S", 0.1)
    nobody = {"house": "h9", "model": "waveshare_relay_8ch", "unit": 77, "relays": [1, 2, 3]}
    line = {"name": "street", "port": street.line.path, "reply_timeout_s": 0.02, "quiet_s": 0.02, "switches": [nobody]}
    state = tmp_path / "bridge.db"
    chosen = BridgeSettings.model_validate({"lines": [line]})
    told = asyncio.Event()
    monkeypatch.setattr(
        "firmware_bridge.service.switch_post._log.warning",
        lambda text, *_: told.set() if "since the start" in text else None,
    )
    async with serving(Bridge(chosen, BASE, SystemClock(), Wire(), state=state)):
        await asyncio.wait_for(told.wait(), GUARD_S)
