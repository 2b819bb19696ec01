"""Part of the demo's houses on a simulated serial line: Modbus meters and relay boards behind a pty.

The daemon opens the line as it would open an adapter's: real frames at a real pace, real relays with their delays. The
feeder learns what the boards' contacts do, the meters show what the feeder does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from edge_balancer.clock import Clock
from edge_balancer.twin.feeder import Truth, TwinFeeder
from edge_balancer.types.phases import Phase
from firmware_bridge.contract import Phase as WirePhase
from firmware_bridge.meters.catalogue import load_meter
from firmware_bridge.meters.points import Point, Quantity
from firmware_bridge.settings.bridge import BridgeSettings, InterlockLimits
from firmware_bridge.settings.devices import LineMeter, LineSettings, LineSwitch
from firmware_bridge.simulator.boards import VirtualRelayBoard
from firmware_bridge.simulator.contacts import Change
from firmware_bridge.simulator.meter import VirtualMeter
from firmware_bridge.simulator.pty_line import PtyLine
from firmware_bridge.switches.interlock_types import Memory
from firmware_bridge.switches.memory import SwitchMemory

LINE: Final = "demo"
BAUD: Final = 38_400
_METERS: Final = ("eastron_sdm120", "eastron_sdm230")
_BOARD: Final = "waveshare_relay_8ch"
_HOUSES_PER_BOARD: Final = 2
_FIRST_BOARD: Final = 101
_READ_EVERY_S: Final = 0.5
"""Real time, as everything on a line."""

OnContact = Callable[[str, Phase | None], None]


class SerialLine:
    """A line with the meters and the phase switches of the feeder's first `count` houses.

    `on_contact` is called on the loop when a house's contacts open (None) or close.
    """

    def __init__(self, feeder: TwinFeeder, count: int, clock: Clock, on_contact: OnContact) -> None:
        self._feeder = feeder
        self._clock = clock
        self._on_contact = on_contact
        self._loop: asyncio.AbstractEventLoop | None = None
        self._truth: Truth = feeder.at(clock.wall())
        self.houses = tuple(feeder.houses.ids[:count])
        self.operations = 0
        """Contacts that closed."""
        meters = [
            VirtualMeter(load_meter(_METERS[k % len(_METERS)]), k + 1, partial(self._measured, k)) for k in range(count)
        ]
        self._line = PtyLine([*meters, *self._boards()], baud=BAUD)

    def _boards(self) -> list[VirtualRelayBoard]:
        boards: list[VirtualRelayBoard] = []
        now = 0.0
        for first in range(0, len(self.houses), _HOUSES_PER_BOARD):
            here = self.houses[first : first + _HOUSES_PER_BOARD]
            board = VirtualRelayBoard(_FIRST_BOARD + len(boards), on_change=partial(self._changed, here))
            for k in range(len(here)):
                board.contacts.drive(3 * k + 1 + int(self._feeder.houses.phase_of(first + k)), True, now)
            # They stood so before the demo began.
            board.contacts.settle(now + 1.0)
            boards.append(board)
        return boards

    @property
    def settings(self) -> BridgeSettings:
        """What a user would write for this line, with time limits that suit the demo's fast clock."""
        speed = self._clock.speed
        houses = list(enumerate(self.houses))
        return BridgeSettings(
            id="demo",
            interlock=InterlockLimits(settle_s=min(60.0, max(1.0, speed)), watch_s=max(5.0, 2.0 * speed)),
            lines=(
                LineSettings(
                    name=LINE,
                    port=self._line.path,
                    baud=BAUD,
                    reply_timeout_s=0.2,
                    quiet_s=0.2,
                    meters=tuple(
                        LineMeter(house=house, model=_METERS[k % len(_METERS)], unit=k + 1, every_s=_READ_EVERY_S)
                        for k, house in houses
                    ),
                    switches=tuple(
                        LineSwitch(
                            house=house,
                            model=_BOARD,
                            unit=_FIRST_BOARD + k // _HOUSES_PER_BOARD,
                            relays=tuple(3 * (k % _HOUSES_PER_BOARD) + n for n in (1, 2, 3)),
                        )
                        for k, house in houses
                    ),
                ),
            ),
        )

    def remember(self, state: Path) -> None:
        """Write what the interlocks would remember: their switches stood here, at rest, long before the demo began.

        Without it the start would count as an operation, and every first command be refused for the dwell.
        """
        memory, wall, now = SwitchMemory(state), self._clock.wall(), self._clock.monotonic()
        try:
            for k, house in enumerate(self.houses):
                # Asked first, as a bridge does: nothing unread is written over.
                memory.load(house, wall=wall, monotonic=now)
                at_rest = Memory(position=WirePhase[self._feeder.houses.phase_of(k).name])
                memory.save(house, at_rest, wall=wall, monotonic=now)
        finally:
            memory.close()

    def open(self) -> None:
        """Plug it in. Its devices live in a thread of their own."""
        self._loop = asyncio.get_running_loop()
        self._line.start()

    def close(self) -> None:
        self._line.close()

    def see(self, truth: Truth) -> None:
        """What the meters measure from now on."""
        self._truth = truth

    def _measured(self, k: int) -> dict[Point, float]:
        truth = self._truth
        p, q, v = float(truth.p[k]), float(truth.q[k]), float(truth.v[k])
        return {
            Point(Quantity.P): p,
            Point(Quantity.Q): q,
            Point(Quantity.V): v,
            Point(Quantity.I): (p * p + q * q) ** 0.5 / v if v > 0.0 else 0.0,
            Point(Quantity.F): 50.0,
        }

    def _changed(self, houses: tuple[str, ...], change: Change) -> None:
        """A contact moved; called in the line's thread."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        which, phase = divmod(change.channel - 1, 3)
        if which < len(houses):
            loop.call_soon_threadsafe(self._moved, houses[which], Phase(phase) if change.closed else None)

    def _moved(self, house: str, phase: Phase | None) -> None:
        self.operations += phase is not None
        self._on_contact(house, phase)
