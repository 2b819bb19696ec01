"""A simulated line with a meter and a relay board, and a bridge on it whose connection is a list."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from firmware_bridge.contract import Phase, Result, SetCommand, State
from firmware_bridge.host.clock import SystemClock
from firmware_bridge.meters.catalogue import load_meter
from firmware_bridge.meters.points import Point, Quantity
from firmware_bridge.service.bridge import Bridge, Said
from firmware_bridge.settings.bridge import BridgeSettings
from firmware_bridge.signature import sign
from firmware_bridge.simulator.boards import VirtualRelayBoard
from firmware_bridge.simulator.contacts import Change
from firmware_bridge.simulator.meter import VirtualMeter
from firmware_bridge.simulator.pty_line import PtyLine

GUARD_S = 90.0
"""Against hanging only."""
BASE = "site/feeder-7"
KEY = "a key of thirty-two characters ..."

MEASURED: Mapping[Point, float] = {
    Point(Quantity.P): -1250.0,
    Point(Quantity.Q): 80.0,
    Point(Quantity.V): 231.5,
    Point(Quantity.I): 5.5,
    Point(Quantity.F): 50.0,
    Point(Quantity.E_IMPORT): 1_234_000.0,
    Point(Quantity.E_EXPORT): 56_000.0,
}


class Street:
    """What hangs on the line: an SDM120 of h1 at unit 1, and at unit 10 a board whose relays 1 to 3 move h1 and 4 to 6
    move h2. Both houses begin on L1."""

    def __init__(self, link: Path, *, operate_s: float = 0.0) -> None:
        self.changes: list[Change] = []
        self.board = VirtualRelayBoard(10, operate_s=operate_s, release_s=0.0, on_change=self.changes.append)
        for channel in (1, 4):
            self.board.contacts.drive(channel, True, time.monotonic())
        self.board.contacts.settle(time.monotonic() + operate_s)
        meter = VirtualMeter(load_meter("eastron_sdm120"), 1, lambda: MEASURED)
        self.line = PtyLine([meter, self.board], paced=False, link=link)

    def closed(self) -> frozenset[int]:
        return self.board.contacts.closed(time.monotonic())

    def never_two_closed(self) -> bool:
        """Of either house, by the record of every movement."""
        closed = {1, 4}
        for change in self.changes:
            (closed.add if change.closed else closed.discard)(change.channel)
            if len(closed & {1, 2, 3}) > 1 or len(closed & {4, 5, 6}) > 1:
                return False
        return True


def settings(port: str, state: Path, **more: Any) -> BridgeSettings:
    """A bridge on that street, quick at everything."""
    line = {
        "name": "street",
        "port": port,
        "reply_timeout_s": 0.2,
        "quiet_s": 0.02,
        "meters": [{"house": "h1", "model": "eastron_sdm120", "unit": 1, "every_s": 0.1}],
        "switches": [
            {"house": "h1", "model": "waveshare_relay_8ch", "unit": 10, "relays": [1, 2, 3]},
            {"house": "h2", "model": "waveshare_relay_8ch", "unit": 10, "relays": [4, 5, 6]},
        ],
    }
    limits = {"dead_time_s": 0.05, "dwell_s": 0.0, "watch_s": 0.5, "settle_s": 2.0}
    return BridgeSettings.model_validate({"id": "b1", "state": state, "lines": [line], "interlock": limits, **more})


def order(
    house: str, target: str, origin: str, *, seq: int = 1, key: str = "", base: str = BASE, name: str = ""
) -> bytes:
    """A command of now."""
    now = time.time()
    command = SetCommand(name or f"c{seq}-{house}", seq, target, origin, now, now + 60.0)
    if key:
        command = msgspec.structs.replace(command, mac=sign(key.encode(), base, house, command))
    return msgspec.json.encode(command)


@dataclass(slots=True)
class Wire:
    """The connection: what was said, in order. `up` False is a broker that is away."""

    said: list[Said] = field(default_factory=list)
    up: bool = True
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, said: Said) -> bool:
        if self.up:
            self.said.append(said)
        self._news.set()
        return self.up

    def payloads(self, topic: str) -> list[bytes]:
        return [said.payload for said in self.said if said.topic == f"{BASE}/{topic}"]

    def states(self, house: str) -> list[State]:
        return [msgspec.json.decode(payload, type=State) for payload in self.payloads(f"switch/{house}/state")]

    def results(self, house: str) -> list[tuple[Result | None, Phase | None]]:
        return [(state.result, state.phase) for state in self.states(house)]

    async def until(self, what: str, condition: Callable[[], object]) -> None:
        """Wait for it, looking whenever something was said, or was tried."""
        try:
            async with asyncio.timeout(GUARD_S):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"never: {what}; said: {self.said[-20:]}") from None

    async def online(self, *houses: str) -> None:
        await self.until(
            f"{houses} online",
            lambda: all(self.payloads(f"switch/{house}/availability")[-1:] == [b"online"] for house in houses),
        )


@asynccontextmanager
async def serving(bridge: Bridge) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    running = asyncio.create_task(bridge.run(stop))
    try:
        yield running
    finally:
        stop.set()
        await asyncio.wait_for(running, GUARD_S)


def bridge_on(street: Street, tmp_path: Path, wire: Wire, **more: Any) -> Bridge:
    state = tmp_path / "bridge.db"
    return Bridge(settings(street.line.path, state, **more), BASE, SystemClock(), wire, state=state)
