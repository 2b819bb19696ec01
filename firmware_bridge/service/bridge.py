"""The bridge: the configured lines, meters and phase switches at work, in terms of the MQTT contract.

It knows no connection: what it says is handed out (`say`), what arrives is handed in (`receive`). So it runs inside the
controller as well as alone (`standalone`). Lines and meters live in real time, switches by the clock handed in.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from firmware_bridge.errors import BridgeError
from firmware_bridge.host.clock import BridgeClock
from firmware_bridge.host.instance_lock import held
from firmware_bridge.lines.owner import LineOwner, make_line
from firmware_bridge.meters.catalogue import load_meter
from firmware_bridge.meters.points import Measurement
from firmware_bridge.meters.polled import line_costs, polled_meter
from firmware_bridge.meters.poller import Poller
from firmware_bridge.service.bus import RelayBus, Said, Say
from firmware_bridge.service.diagnostics import BridgeDiagnostics, LineDiagnostics
from firmware_bridge.service.problems import problems
from firmware_bridge.service.switch_post import SwitchPost
from firmware_bridge.settings.base import Finding
from firmware_bridge.settings.bridge import BridgeSettings
from firmware_bridge.settings.devices import LineSettings
from firmware_bridge.signature import parse_keys
from firmware_bridge.switches.authority import Authority
from firmware_bridge.switches.board import Board
from firmware_bridge.switches.catalogue import load_switch
from firmware_bridge.switches.choice import line_board, mqtt_board
from firmware_bridge.switches.driver import SwitchDriver, start_interlock
from firmware_bridge.switches.memory import SwitchMemory

__all__ = ["Bridge", "BridgeClock", "BridgeDiagnostics", "Said", "problems"]

_log = logging.getLogger(__name__)

REST_STOP_S: Final = 1.0
"""At the end, for a switch at rest: longer than one reading of its contacts usually takes."""
MOVE_STOP_S: Final = 2.0
"""At the end, for a switch in mid-move: most moves are over by then, and what is not is found at the next start."""
ANOTHER: Final = "another process drives these switches"
_PARTS_STOP_S: Final = 1.0
STUCK_S: Final = 120.0
"""A loop that has not turned for this long waits for something that never comes: the slowest meter or board, and a disk
that is busy, take less."""
_OVERDUE_S: Final = 15.0
"""After the start, until it is told that a switch was never reached: several tries at the usual pace."""


@dataclass(slots=True)
class _Line:
    """One line and when it last went up or down."""

    settings: LineSettings
    owner: LineOwner
    poller: Poller | None
    since: float
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """It has been opened, or cannot be."""


@dataclass(slots=True)
class _Switch:
    post: SwitchPost
    board: Board
    settled: asyncio.Event
    """Its line, or the broker, has been tried: reading the contacts before would only find that nothing is there."""


class Bridge:
    """All that one machine serves of the field.

    `say` hands a message to the broker's connection and gives False where there is none. With relays that speak MQTT
    it must be made where an event loop runs.
    """

    def __init__(
        self,
        settings: BridgeSettings,
        base_topic: str,
        clock: BridgeClock,
        say: Say,
        *,
        may_feed_in: Collection[str] = (),
        state: Path,
    ) -> None:
        """`may_feed_in` are houses that may export; `state` is the file of the switches' memory, absolute.

        Raises BridgeError with all problems of a configuration that cannot be served.
        """
        if wrong := [found for found in problems(settings, may_feed_in=may_feed_in) if found.severity == "error"]:
            raise BridgeError("\n".join(map(_told, wrong)))
        self._settings = settings
        self._base_topic = base_topic
        self._clock = clock
        self._say = say
        self._state = state
        self._authority = Authority(parse_keys(settings.command_keys.get_secret_value()), base_topic)
        self._memory = SwitchMemory(state)
        self._bus = RelayBus(say)
        self._bus_tried = asyncio.Event()
        self._readings = self._unsent = 0
        self._lines = tuple(self._line(line) for line in settings.lines)
        self._switches = self._all_switches()
        self.houses: Final = frozenset(self._switches)
        """Houses whose phase switch is served here."""
        self.meters: Final = frozenset(meter.house for line in settings.lines for meter in line.meters)
        """Houses, or `transformer`, that are metered here."""
        self.begun: Final = asyncio.Event()
        """Set by `run` once these switches are ours: connections under the same names must not be made before."""

    @property
    def topics(self) -> tuple[tuple[str, int], ...]:
        """Filters to subscribe to, and QoS."""
        own = [topic for house in self.houses for topic in self.topics_of(house)]
        return (*own, *self.relay_topics)

    def topics_of(self, house: str) -> tuple[tuple[str, int], ...]:
        """Those of one switch, where each has a connection of its own."""
        post = self._switches[house].post
        return ((post.set_topic, 1), (post.availability_topic, 1))

    @property
    def relay_topics(self) -> tuple[tuple[str, int], ...]:
        """What MQTT relays say. At QoS 0: a message that comes twice would be taken for two answers."""
        return tuple((wanted, 0) for wanted in self._bus.filters)

    def receive(self, topic: str, payload: bytes, retained: bool) -> bool:
        """Hand in a message; False where the topic is none of ours. Never raises."""
        for switch in self._switches.values():
            if switch.post.receive(topic, payload, retained):
                return True
        return self._bus.receive(topic, payload, retained)

    def announce(self, house: str | None = None) -> None:
        """At each new connection: states first, then availability, all retained. With `house` of that switch alone,
        for a connection of its own."""
        if house is not None:
            self._switches[house].post.announce()
            return
        self.relays_can_be_asked()
        posts = [switch.post for switch in self._switches.values()]
        for post in posts:
            post.announce_state()
        for post in posts:
            post.announce_availability()

    def relays_can_be_asked(self) -> None:
        """The connection that carries the MQTT relays' topics is there."""
        self._bus_tried.set()

    def diagnostics(self) -> BridgeDiagnostics:
        now = time.monotonic()
        return BridgeDiagnostics(
            t=self._clock.wall(),
            lines=tuple(
                LineDiagnostics(
                    name=line.owner.name,
                    port=line.settings.port,
                    up=line.owner.up,
                    since=line.since,
                    reason=line.owner.reason,
                    figures=line.owner.tally.snapshot(now),
                )
                for line in self._lines
            ),
            meters=tuple(health for line in self._lines if line.poller for health in line.poller.health()),
            switches=tuple(switch.post.diagnostics() for switch in self._switches.values()),
            readings=self._readings,
            unsent=self._unsent,
            unread=sum(switch.post.unread for switch in self._switches.values()),
        )

    def stuck(self) -> str:
        """The part that no longer turns; empty while all do. What has not begun yet is not stuck."""
        oldest = time.monotonic() - STUCK_S
        for line in self._lines:
            if line.poller is not None and line.poller.turned < oldest:
                return f"the meters of line {line.owner.name}"
        for house, switch in self._switches.items():
            driver = switch.post.driver
            if driver is not None and driver.turned < oldest:
                return f"the switch of {house}"
        return ""

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`; then end within seconds: switches first, then lines.

        Raises AlreadyRunning where another bridge has the same memory, and what nobody expects: then too everything is
        ended in order.
        """
        with held(self._state, ANOTHER, "bridge.state") if self._switches else nullcontext():
            self.begun.set()
            ending = asyncio.Event()
            parts: list[asyncio.Task[None]] = []
            drivers: dict[str, asyncio.Task[None]] = {}
            stopping = asyncio.create_task(stop.wait())
            try:
                for line in self._lines:
                    parts.append(asyncio.create_task(line.owner.run(ending), name=f"line {line.owner.name}"))
                    if line.poller is not None:
                        parts.append(asyncio.create_task(line.poller.run(ending), name=f"meters of {line.owner.name}"))
                for house, switch in self._switches.items():
                    drivers[house] = asyncio.create_task(self._drive(switch), name=f"switch of {house}")
                await asyncio.wait((stopping, *parts, *drivers.values()), return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopping.cancel()
                await self._end_switches(drivers)
                ending.set()
                await _end(parts)
                self._memory.close()
            for task in (*parts, *drivers.values()):
                if not task.cancelled() and (error := task.exception()) is not None:
                    raise error

    # -- making the parts ---------------------------------------------------------------------------------------------

    def _line(self, settings: LineSettings) -> _Line:
        changed: list[_Line] = []

        def on_change(up: bool, reason: str) -> None:  # noqa: ARG001 - the owner keeps the reason
            changed[0].since = self._clock.wall()
            changed[0].settled.set()

        owner = make_line(settings, on_change=on_change)
        transaction_s, register_s = line_costs(settings)
        meters = [
            polled_meter(
                meter,
                load_meter(meter.model, self._settings.templates),
                transaction_s=transaction_s,
                register_s=register_s,
            )
            for meter in settings.meters
        ]
        poller = Poller(owner, meters, self._on_reading, time.monotonic) if meters else None
        changed.append(_Line(settings, owner, poller, self._clock.wall()))
        return changed[0]

    def _all_switches(self) -> dict[str, _Switch]:
        folder = self._settings.templates
        switches: dict[str, _Switch] = {}
        for line in self._lines:
            for wired in line.settings.switches:
                board = line_board(line.owner, wired, load_switch(wired.model, folder))
                switches[wired.house] = _Switch(self._post(wired.house), board, line.settled)
        for relays in self._settings.relays:
            board = mqtt_board(self._bus, relays, load_switch(relays.model, folder))
            switches[relays.house] = _Switch(self._post(relays.house), board, self._bus_tried)
        return switches

    def _post(self, house: str) -> SwitchPost:
        return SwitchPost(house, self._base_topic, self._clock, self._say)

    # -- at work ------------------------------------------------------------------------------------------------------

    async def _drive(self, switch: _Switch) -> None:
        post = switch.post
        await switch.settled.wait()
        limits = self._settings.interlock
        interlock, heeded = await asyncio.to_thread(
            start_interlock, post.house, switch.board, limits, self._memory, self._clock
        )
        post.interlock = interlock
        post.driver = SwitchDriver(
            post.house,
            switch.board,
            interlock,
            self._memory,
            self._clock,
            post.tell,
            heeded=heeded,
            authority=self._authority,
            on_available=post.on_available,
        )
        overdue = asyncio.get_running_loop().call_later(_OVERDUE_S, post.complain_where_unreached)
        try:
            await post.driver.run()
        finally:
            overdue.cancel()

    def _on_reading(self, house: str, measured: Measurement) -> None:
        said = Said(f"{self._base_topic}/meter/{house}", msgspec.json.encode(measured))
        if self._say(said) is False:
            self._unsent += 1
        else:
            self._readings += 1

    async def _end_switches(self, drivers: dict[str, asyncio.Task[None]]) -> None:
        await asyncio.gather(*(self._end_switch(self._switches[house].post, task) for house, task in drivers.items()))
        for switch in self._switches.values():
            switch.post.end()

    async def _end_switch(self, post: SwitchPost, task: asyncio.Task[None]) -> None:
        if post.driver is not None and not task.done():
            moving = post.moving
            if not await post.driver.stop(MOVE_STOP_S if moving else REST_STOP_S) and moving:
                _log.warning("switch of %s: ended in mid-move; the next start finds out how it ended", post.house)
        await _end([task], 0.0)


async def _end(tasks: Collection[asyncio.Task[Any]], within_s: float = _PARTS_STOP_S) -> None:
    """Wait for tasks that were told to end, and cancel those that do not. What they raised stays in them."""
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=within_s)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=_PARTS_STOP_S)


def _told(finding: Finding) -> str:
    """As one line, for errors."""
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in finding.at)
    value = "" if finding.value is None else f" = {finding.value}"
    return f"bridge{place}{value} {finding.wrong}: {finding.remedy}"
