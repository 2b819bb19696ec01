"""From a reading to a verified move, over a real broker with raw clients: what the daemon commands, and what it must
not."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_balancer.demo.broker import Broker
from edge_balancer.settings.root import Configuration
from edge_balancer.storage.verify import verify
from edge_balancer.types.events import EventKind
from tests.daemon.daemon_cases import CALM, POSITIONS, SKEWED, recorded, running, small_feeder, trail
from tests.daemon.field import Field, field_at, fresh_base, retained


@asynccontextmanager
async def feeder(broker: Broker, tmp_path: Path, **changes: Any) -> AsyncIterator[tuple[Field, Configuration]]:
    """The daemon and its field, both up, every switch in its place."""
    base = fresh_base()
    config = small_feeder(broker.port, base, tmp_path / "eb.db", **changes)
    async with field_at(broker.port, base) as field, running(config):
        await field.see("availability", lambda m: m.text == "online")
        field.present(*POSITIONS)
        await field.sync()
        yield field, config


async def no_command(field: Field, since: int = 0, mode: str = "auto") -> None:
    """Nothing was commanded, although the daemon has taken in all that was said before."""
    await taken_in(field, mode)
    assert [m for m in field.messages[since:] if m.topic.startswith("switch/") and m.topic.endswith("/set")] == []


async def taken_in(field: Field, mode: str = "auto") -> None:
    """Wait until the daemon has acted on all that was said: it confirms a mode, also the one in force, in the same step
    in which it decides, and after the commands."""
    mark = uuid.uuid4().hex
    field.say("mode/set", {"mode": mode, "operator": mark})
    await field.see("mode", lambda m: m.json == {"mode": mode, "by": mark})


async def test_a_reading_becomes_a_command_and_the_next_one_verifies_it(broker: Broker, tmp_path: Path) -> None:
    async with feeder(broker, tmp_path) as (field, config):
        asked = time.time()
        field.loads(*SKEWED)
        command = await field.see("switch/*/set")
        assert time.time() - asked < 1.0
        order = command.json
        assert command.house in {"h01", "h04"}
        assert order["from"] == "L1"
        assert order["phase"] in {"L2", "L3"}
        assert str(uuid.UUID(order["id"])) == order["id"]
        assert order["seq"] > 0
        assert asked - 0.1 <= order["issued"] <= time.time()
        assert order["expires"] == pytest.approx(order["issued"] + config.switching.expiry_s)
        assert "mac" not in order
        assert command.qos == 1
        assert not [topic for topic in await retained(broker.port, field.base) if topic.endswith("/set")]

        field.answer(command, "moving", phase="L1")
        field.answer(command, operations=7)
        acknowledged = (await recorded(config.storage.path, EventKind.ACKNOWLEDGED))[0]
        assert acknowledged.body["operations"] == 7
        assert trail(config.storage.path, EventKind.VERIFIED) == []
        field.meter(command.house, 5000.0)
        verified = (await recorded(config.storage.path, EventKind.VERIFIED))[0]
        assert (verified.house, verified.command) == (command.house, order["id"])
        await no_command(field, since=field.messages.index(command) + 1)
    kinds = [e.kind for e in trail(config.storage.path) if e.command == order["id"]]
    assert kinds == [EventKind.PLANNED, EventKind.SENT, EventKind.ACKNOWLEDGED, EventKind.VERIFIED]
    assert verify(config.storage.path).intact


async def test_the_decision_is_published_with_its_explanation(broker: Broker, tmp_path: Path) -> None:
    async with feeder(broker, tmp_path) as (field, _):
        field.loads(*SKEWED)
        command = await field.see("switch/*/set")
        decision = (await field.see("decision")).json
        move = {"house": command.house, "origin": "L1", "target": command.json["phase"]}
        assert decision["moves"] == [move]
        assert decision["commanded"] is True
        assert decision["trigger"] == "imbalance"
        assert decision["trigger_value"] > decision["trigger_limit"]
        assert decision["neutral_after_a"] < decision["neutral_before_a"]
        assert move in [candidate["move"] for candidate in decision["candidates"]]
        assert decision["gain"] > decision["price"]
        assert decision["blocks"]
        assert command.house in decision["text"]


async def test_a_rejected_command_leaves_the_house_where_it_is_and_usable(broker: Broker, tmp_path: Path) -> None:
    async with feeder(broker, tmp_path) as (field, config):
        field.loads(*SKEWED)
        first = await field.see("switch/*/set")
        here = field.now()
        field.answer(first, "rejected", phase="L1", reason="dwell: 3 s left")
        second = await field.see("switch/*/set", since=here)
        assert second.json["id"] != first.json["id"]
        assert second.json["seq"] > first.json["seq"]
        failed = (await recorded(config.storage.path, EventKind.FAILED))[0]
        assert failed.body["reason"] == "dwell: 3 s left"
        assert trail(config.storage.path, EventKind.LOCKED) == []


async def test_a_failed_switch_is_locked_out_until_a_person_clears_it(broker: Broker, tmp_path: Path) -> None:
    # A feeder calm in itself, so that only people's wishes move anything.
    async with feeder(broker, tmp_path) as (field, config):
        field.loads(*CALM)
        field.say("switch/h02/request", {"phase": "L3", "operator": "Ann", "reason": "trial"})
        command = await field.see("switch/h02/set")
        field.answer(command, "failed", phase=None, reason="contact welded")
        alert = await field.see("alert/switch_locked/h02")
        assert alert.json["severity"] == "critical"
        assert "contact welded" in alert.json["text"]

        here = field.now()
        field.say("switch/h02/request", {"phase": "L3", "operator": "Ann", "reason": "again"})
        refused = await field.see("decision", since=here)
        assert [veto["reason"] for veto in refused.json["vetoes"]] == ["locked"]

        field.switch("h02", "L2")
        field.say("switch/h02/clear", {"operator": "Bob", "reason": "replaced"})
        over = await field.see("alert/switch_locked/h02", lambda m: m.payload == b"")
        assert over.payload == b""
        assert "alert/switch_locked/h02" not in await retained(broker.port, field.base)
        cleared = (await recorded(config.storage.path, EventKind.CLEARED))[0]
        assert cleared.body == {"operator": "Bob", "reason": "replaced"}

        here = field.now()
        field.say("switch/h02/request", {"phase": "L1", "operator": "Ann", "reason": "once more"})
        assert (await field.see("switch/h02/set", since=here)).json["from"] == "L2"


async def test_a_wish_of_an_operator_is_carried_out_and_named(broker: Broker, tmp_path: Path) -> None:
    async with feeder(broker, tmp_path) as (field, config):
        field.loads(*CALM)
        field.say("switch/h05/request", {"phase": "L3", "operator": "Ann", "reason": "works on L2"})
        command = await field.see("switch/h05/set")
        assert (command.json["from"], command.json["phase"]) == ("L2", "L3")
        decision = (await field.see("decision")).json
        assert (decision["trigger"], decision["operator"]) == ("request", "Ann")
        request = (await recorded(config.storage.path, EventKind.REQUEST))[0]
        assert request.body == {"phase": "L3", "operator": "Ann", "reason": "works on L2"}


HOUSES = [
    {"id": "h01", "phase": "L1", "critical": True},
    {"id": "h02", "phase": "L2", "switchable": False},
    {"id": "h03", "three_phase": True},
    {"id": "h04", "phase": "L1"},
    {"id": "h05", "phase": "L2"},
    {"id": "h06", "phase": "L3"},
]
"""One house for each kind of veto; h05's switch says nothing, h06's is offline."""


@pytest.mark.parametrize(
    ("house", "phase", "veto"),
    [
        ("h01", "L2", "critical"),
        ("h02", "L3", "not_switchable"),
        ("h03", "L3", "three_phase"),
        ("h04", "L1", "already_there"),
        ("h05", "L3", "position_unknown"),
        ("h06", "L1", "switch_offline"),
    ],
)
async def test_a_wish_is_judged_as_any_other_move(
    broker: Broker, tmp_path: Path, house: str, phase: str, veto: str
) -> None:
    base = fresh_base()
    config = small_feeder(broker.port, base, tmp_path / "eb.db", houses=HOUSES)
    async with field_at(broker.port, base) as field, running(config):
        await field.see("availability", lambda m: m.text == "online")
        for name, position in (("h01", "L1"), ("h02", "L2"), ("h04", "L1"), ("h06", "L3")):
            field.switch(name, position)
        field.say("switch/h06/availability", "offline", retain=True)
        field.loads(*CALM)
        field.say(f"switch/{house}/request", {"phase": phase, "operator": "Ann", "reason": ""})
        decision = (await field.see("decision")).json
        assert [v["reason"] for v in decision["vetoes"]] == [veto]
        assert decision["moves"] == []
        assert decision["commanded"] is False
        await no_command(field)
    assert trail(config.storage.path, EventKind.PLANNED) == []


async def test_a_retained_wish_is_an_old_one_and_refused(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_balancer.daemon.DIAGNOSTICS_EVERY_S", 0.2)
    base = fresh_base()
    config = small_feeder(broker.port, base, tmp_path / "eb.db")
    async with field_at(broker.port, base) as field:
        field.present(*POSITIONS)
        field.say("switch/h01/request", {"phase": "L2", "operator": "Ann", "reason": ""}, retain=True)
        field.say("mode/set", "hold", retain=True)
        field.say("meter/h01", {"p": 5000}, retain=True)
        await field.sync()
        async with running(config):
            await field.see("availability", lambda m: m.text == "online")
            field.loads(*CALM)
            await no_command(field)
            diagnostics = await field.see("diagnostics", lambda m: "retained" in m.json["refused"], since=field.now())
            refused = {sample["topic"] for sample in diagnostics.json["refused_last"]["retained"]}
            assert refused == {f"{base}/{topic}" for topic in ("switch/h01/request", "mode/set", "meter/h01")}
            assert field.said("mode")[0].json == {"mode": "auto", "by": "start"}
        assert trail(config.storage.path, EventKind.REQUEST, EventKind.MODE) == []
        for topic in ("switch/h01/request", "mode/set", "meter/h01"):
            field.say(topic, b"", retain=True)


async def test_the_mode_set_by_a_person_stops_and_starts_commands_and_outlives_a_restart(
    broker: Broker, tmp_path: Path
) -> None:
    base = fresh_base()
    config = small_feeder(broker.port, base, tmp_path / "eb.db")
    async with field_at(broker.port, base) as field:
        field.present(*POSITIONS)
        async with running(config):
            await field.see("availability", lambda m: m.text == "online")
            field.say("mode/set", {"mode": "hold", "operator": "Ann"})
            await field.see("mode", lambda m: m.json == {"mode": "hold", "by": "Ann"})
            field.loads(*SKEWED)
            await no_command(field, mode="hold")
            assert field.said("decision") == []
        here = field.now()
        async with running(config):
            assert (await field.see("mode", since=here)).json["mode"] == "hold"
            here = field.now()
            field.say("mode/set", "advise")
            await field.see("mode", lambda m: m.json["mode"] == "advise", since=here)
            field.loads(*SKEWED)
            assert (await field.see("decision", since=here)).json["commanded"] is False
            await no_command(field, since=here, mode="advise")
            field.say("mode/set", "auto")
            # A change of the load is what makes it look anew.
            field.loads(*(1.2 * p for p in SKEWED))
            await field.see("switch/*/set", since=here)
    modes = [e.body["mode"] for e in trail(config.storage.path, EventKind.MODE)]
    assert modes == ["hold", "advise", "auto"]


async def test_several_daemons_commands_are_never_mixed_up(broker: Broker, tmp_path: Path) -> None:
    """Two feeders on one broker, each with its own base topic: each moves its own houses only."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with feeder(broker, tmp_path / "a") as (one, _), feeder(broker, tmp_path / "b") as (other, _):
        other.loads(*CALM)
        one.loads(*SKEWED)
        await one.see("switch/*/set")
        await no_command(other)
