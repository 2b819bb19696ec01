"""The daemon with a serial line of its own: meters read over Modbus, relays moved and read back, all seen by others."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from edge_balancer.demo.broker import Broker
from edge_balancer.settings.root import Configuration
from edge_balancer.storage.verify import verify
from edge_balancer.types.events import EventKind
from firmware_bridge.contract import Phase
from firmware_bridge.meters.catalogue import load_meter
from firmware_bridge.meters.points import Point, Quantity
from firmware_bridge.simulator.boards import VirtualRelayBoard
from firmware_bridge.simulator.contacts import Change
from firmware_bridge.simulator.meter import VirtualMeter
from firmware_bridge.simulator.pty_line import PtyLine
from tests.daemon.daemon_cases import CALM, POSITIONS, SKEWED, recorded, running, small_feeder, trail
from tests.daemon.field import field_at, fresh_base, retained, until


class Street:
    """Six houses on a simulated line: a meter each, and a relay board for every two."""

    def __init__(self, link: Path) -> None:
        self.loads: tuple[float, ...] = CALM
        self.changes: list[tuple[str, Change]] = []
        meters = [VirtualMeter(load_meter("eastron_sdm120"), k + 1, partial(self._measured, k)) for k in range(6)]
        self.boards = [VirtualRelayBoard(20 + n, on_change=partial(self._changed, n)) for n in range(3)]
        for k, phase in enumerate(POSITIONS):
            self.boards[k // 2].contacts.drive(3 * (k % 2) + int(phase[1]), True, 0.0)
        for board in self.boards:
            board.contacts.settle(1.0)
        self.changes.clear()
        self.line = PtyLine([*meters, *self.boards], baud=38_400, paced=False, link=link)

    def _measured(self, k: int) -> dict[Point, float]:
        power = self.loads[k]
        return {
            Point(Quantity.P): power,
            Point(Quantity.Q): 0.0,
            Point(Quantity.V): 230.0,
            Point(Quantity.I): abs(power) / 230.0,
        }

    def _changed(self, board: int, change: Change) -> None:
        self.changes.append((f"h{2 * board + (change.channel - 1) // 3 + 1:02d}", change))

    def closed(self, house: str) -> set[Phase]:
        k = int(house[1:]) - 1
        relays = self.boards[k // 2].contacts.driven()[3 * (k % 2) : 3 * (k % 2) + 3]
        return {phase for phase, on in zip(Phase, relays, strict=True) if on}

    def lit(self) -> list[str]:
        """Where each house is; empty for one in the dark."""
        return ["".join(self.closed(f"h{number:02d}")) for number in range(1, 7)]

    def settings(self, **keys: Any) -> dict[str, Any]:
        meters = [
            {"house": f"h{k + 1:02d}", "model": "eastron_sdm120", "unit": k + 1, "every_s": 0.3} for k in range(6)
        ]
        switches = [
            {
                "house": f"h{k + 1:02d}",
                "model": "waveshare_relay_8ch",
                "unit": 20 + k // 2,
                "relays": [3 * (k % 2) + n for n in (1, 2, 3)],
            }
            for k in range(6)
        ]
        line = {
            "name": "street",
            "port": self.line.path,
            "baud": 38400,
            "reply_timeout_s": 0.2,
            "quiet_s": 0.05,
            "meters": meters,
            "switches": switches,
        }
        # The store remembers no dwell either, so the first move need not wait for a minute.
        return {"lines": [line], "interlock": {"dwell_s": 0, "watch_s": 0.5}, **keys}


@contextmanager
def street(tmp_path: Path) -> Iterator[Street]:
    built = Street(tmp_path / "ttyLINE")
    with built.line:
        yield built


def configured(broker: Broker, base: str, tmp_path: Path, street: Street, **keys: Any) -> Configuration:
    bridge = street.settings(state=str(tmp_path / "bridge.db"), **keys)
    return small_feeder(broker.port, base, tmp_path / "eb.db", bridge=bridge)


@pytest.mark.parametrize("keys", ["", "a key of thirty-two characters..."], ids=["unsigned", "signed"])
async def test_a_load_seen_on_the_line_moves_relays_and_is_verified_there(
    broker: Broker, tmp_path: Path, keys: str
) -> None:
    base = fresh_base()
    with street(tmp_path) as houses:
        config = configured(broker, base, tmp_path, houses, command_keys=keys)
        async with field_at(broker.port, base) as field, running(config) as daemon:
            for number in range(1, 7):
                await field.see(f"switch/h{number:02d}/availability", lambda m: m.text == "online")
            houses.loads = SKEWED
            command = await field.see("switch/*/set")
            assert ("mac" in command.json) is bool(keys)
            done = await field.see(f"switch/{command.house}/state", lambda m: m.json.get("result") == "done")
            assert done.json["id"] == command.json["id"]
            assert houses.closed(command.house) == {Phase(command.json["phase"])}
            await recorded(config.storage.path, EventKind.VERIFIED)
            shown = json.loads((await field.see("diagnostics")).payload)
            assert {meter["house"] for meter in shown["bridge"]["meters"]} == {f"h{n:02d}" for n in range(1, 7)}
            assert daemon.engine.roster.known.all()
            states = await retained(broker.port, base)
            assert "switch/h01/state" in {topic.removeprefix(f"{base}/") for topic in states}
        kinds = [e.kind for e in trail(config.storage.path) if e.command == command.json["id"]]
    assert kinds == [EventKind.PLANNED, EventKind.SENT, EventKind.ACKNOWLEDGED, EventKind.VERIFIED]
    assert verify(config.storage.path).intact
    opened, closed = (change for house, change in houses.changes if house == command.house)
    assert (opened.closed, closed.closed) == (False, True)
    assert closed.at - opened.at >= config.bridge.interlock.dead_time_s


async def test_an_unplugged_line_takes_its_switches_offline_and_brings_them_back(
    broker: Broker, tmp_path: Path
) -> None:
    base = fresh_base()
    with street(tmp_path) as houses:
        config = configured(broker, base, tmp_path, houses)
        async with field_at(broker.port, base) as field, running(config) as daemon:
            await field.see("switch/h01/availability", lambda m: m.text == "online")
            mark = field.now()
            houses.line.unplug()
            await field.see("switch/h01/availability", lambda m: m.text == "offline", since=mark)
            await until(lambda: bool(daemon.engine.roster.offline.all()), "all switches offline in the engine")
            mark = field.now()
            houses.line.plug()
            await field.see("switch/h01/availability", lambda m: m.text == "online", since=mark, within_s=20.0)
            await until(lambda: not daemon.engine.roster.offline.any(), "the switches back in the engine")
            assert daemon.engine.roster.lock_reason == {}, "an unplugged adapter is nobody's fault at the switch"


async def test_after_a_mains_failure_the_houses_come_back_to_their_phases_and_stay_free(
    broker: Broker, tmp_path: Path
) -> None:
    base = fresh_base()
    with street(tmp_path) as houses:
        config = configured(broker, base, tmp_path, houses)
        async with field_at(broker.port, base) as field, running(config) as daemon:
            for number in range(1, 7):
                await field.see(f"switch/h{number:02d}/availability", lambda m: m.text == "online")
            mark = field.now()
            houses.line.unplug()
            for board in houses.boards:
                board.power(False, time.monotonic())
            await field.see("switch/h06/availability", lambda m: m.text == "offline", since=mark)
            assert houses.closed("h01") == set(), "its relays fell off"
            for board in houses.boards:
                board.power(True, time.monotonic())
            mark = field.now()
            houses.line.plug()
            for number in range(1, 7):
                topic = f"switch/h{number:02d}/availability"
                await field.see(topic, lambda m: m.text == "online", since=mark, within_s=20.0)
            await until(lambda: houses.lit() == list(POSITIONS), "every house back where it was")
            assert daemon.engine.roster.lock_reason == {}


async def test_nobody_else_commands_its_switches(broker: Broker, tmp_path: Path) -> None:
    base = fresh_base()
    with street(tmp_path) as houses:
        config = configured(broker, base, tmp_path, houses)
        async with field_at(broker.port, base) as field, running(config) as daemon:
            await field.see("switch/h01/availability", lambda m: m.text == "online")
            order = {"id": "x", "seq": 2**40, "phase": "L3", "from": "L1", "issued": 0, "expires": 4e9}
            field.say("switch/h01/set", order)
            field.say("switch/h01/state", {"phase": "L3", "t": 1}, retain=True)
            await field.sync()
            side = daemon._field
            assert side is not None
            read = side.diagnostics().readings
            await until(lambda: side.diagnostics().readings > read + 12, "two more readings of each house")
            assert houses.closed("h01") == {Phase.L1}
            assert houses.changes == []
