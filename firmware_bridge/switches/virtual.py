"""Virtual phase switches: simulated contacts behind the real interlock, speaking the real contract over MQTT.

For trying the controller without hardware, for the demo and for tests. One connection speaks for many houses, and MQTT
gives a connection one last will: after a crash only the first house reads `offline`; at a clean end all of them do.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from firmware_bridge.contract import (
    OFFLINE,
    ONLINE,
    Phase,
    Result,
    SetCommand,
    State,
    availability_topic,
    decode_set,
    encode_state,
    set_topic,
    state_topic,
)
from firmware_bridge.host.clock import BridgeClock
from firmware_bridge.switches.interlock import Interlock
from firmware_bridge.switches.interlock_types import Answer, InterlockLimits, Memory, What
from firmware_bridge.switches.virtual_contacts import Fault, VirtualContacts

_log = logging.getLogger(__name__)

_FAREWELL_S = 2.0


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the switches behave. Times are in the clock's seconds."""

    delay_s: float = 0.3
    """Median time between a command's arrival and its judgement: radio, gateway, sleepy microcontroller."""
    delay_spread: float = 0.6
    """Standard deviation of the delay's logarithm."""
    failure_rate: float = 0.0
    """Probability that a move goes wrong."""
    faults: tuple[Fault, ...] = (Fault.REFUSES, Fault.REFUSES, Fault.STUCK, Fault.LYING)
    """Drawn from, evenly, when one does."""
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0.0 <= self.failure_rate <= 1.0:
            raise ValueError(f"failure_rate = {self.failure_rate:g} is a probability: give a value from 0 to 1")
        if self.delay_s < 0.0:
            raise ValueError(f"delay_s = {self.delay_s:g} must not be negative")


class _Switch:
    """One house's switch."""

    def __init__(self, phase: Phase, on_change: Callable[[Phase | None], None]) -> None:
        self.contacts = VirtualContacts(phase, on_change)
        self.interlock: Interlock | None = None
        self.state: State | None = None


class VirtualSwitches:
    """Phase switches of many houses. `on_change(house, phase)` tells when main contacts open (None) or close."""

    def __init__(
        self,
        positions: Mapping[str, Phase],
        *,
        base_topic: str,
        clock: BridgeClock,
        behaviour: Behaviour | None = None,
        limits: InterlockLimits | None = None,
        on_change: Callable[[str, Phase | None], None] | None = None,
    ) -> None:
        if not positions:
            raise ValueError("no houses: name at least one with its phase")
        self._base = base_topic
        self._clock = clock
        self._behaviour = behaviour or Behaviour()
        self._limits = limits or InterlockLimits()
        tell = on_change or _ignore
        self._switches = {house: _Switch(phase, partial(tell, house)) for house, phase in positions.items()}
        self._houses_by_topic = {set_topic(base_topic, house): house for house in positions}
        self._availability = {availability_topic(base_topic, house): house for house in positions}
        self._tasks: set[asyncio.Task[None]] = set()
        self._client: paho.Client | None = None
        self._ending = False
        self.refused_messages = 0
        """Commands that were retained or could not be read; no answer is due to those."""

    @property
    def positions(self) -> dict[str, Phase | None]:
        """Where the main contacts really are."""
        return {house: switch.contacts.main for house, switch in self._switches.items()}

    @property
    def operations(self) -> int:
        return sum(switch.interlock.operations for switch in self._switches.values() if switch.interlock)

    async def run(self, host: str, port: int, stop: asyncio.Event, ready: asyncio.Event | None = None) -> None:
        """Serve until `stop` is set; sets `ready` when announced. Raises OSError if the broker is not there."""
        loop = asyncio.get_running_loop()
        now = self._clock.monotonic()
        for house, switch in self._switches.items():
            # These contacts were at rest before the program began, so the start does not count for their dwell.
            switch.interlock = Interlock(self._limits, now, memory=Memory())
            switch.interlock.seen(switch.contacts.read(), now)
            switch.state = State(phase=switch.interlock.position, t=self._clock.wall(), operations=0)
            _log.debug("virtual switch of %s on %s", house, switch.interlock.position)
        subscribed = ready or asyncio.Event()
        client = self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="")
        client.reconnect_delay_set(1, 30)
        client.will_set(next(iter(self._availability)), OFFLINE, qos=1, retain=True)

        def on_connect(client: paho.Client, data: Any, flags: Any, code: Any, properties: Any) -> None:  # noqa: ARG001
            if code.is_failure:
                _log.warning("the broker at %s:%d refuses the connection: %s", host, port, code)
                return
            client.subscribe([(topic, 1) for topic in (*self._houses_by_topic, *self._availability)])
            loop.call_soon_threadsafe(self._announce)

        def on_subscribe(*_: Any) -> None:
            loop.call_soon_threadsafe(subscribed.set)

        def on_message(client: paho.Client, data: Any, message: paho.MQTTMessage) -> None:  # noqa: ARG001
            loop.call_soon_threadsafe(self._receive, message.topic, message.payload, message.retain)

        client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
        try:
            await asyncio.to_thread(client.connect, host, port)
            client.loop_start()
            await stop.wait()
        finally:
            await self._farewell(client)
            # The client holds our callbacks; without this the two would keep each other, and its sockets, alive.
            self._client = None

    async def _farewell(self, client: paho.Client) -> None:
        self._ending = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        last = [client.publish(topic, OFFLINE, qos=1, retain=True) for topic in self._availability]
        if client.is_connected():
            await asyncio.to_thread(_wait_published, last)
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)

    def _announce(self) -> None:
        """At each connection, state before availability: who reads `online` finds the position already there."""
        for house in self._switches:
            self._publish_state(house)
        for topic in self._availability:
            self._publish(topic, ONLINE)

    def _receive(self, topic: str, payload: bytes | bytearray, retained: bool) -> None:
        if topic in self._availability:
            # A last will of an earlier connection may arrive after our birth and would stay for ever.
            if payload == OFFLINE and not self._ending:
                self._publish(topic, ONLINE)
            return
        house = self._houses_by_topic.get(topic)
        if house is None:
            # amqtt sends a newcomer what is retained on other clients' topics: no command, so nothing to refuse.
            return
        if retained:
            self.refused_messages += 1
            _log.warning("retained command for %s ignored: a retained command is an old one", house)
            return
        try:
            command = decode_set(bytes(payload))
        except msgspec.DecodeError as error:
            self.refused_messages += 1
            _log.warning("command for %s cannot be read: %s", house, error)
            return
        task = asyncio.ensure_future(self._act(house, command))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _act(self, house: str, command: SetCommand) -> None:
        """Judge one command after a delay, and see its move through."""
        switch, behaviour = self._switches[house], self._behaviour
        if (interlock := switch.interlock) is None:
            raise RuntimeError("a command before the start")
        # Drawn from house and sequence number: a command that QoS 1 delivers twice meets the same fate twice.
        rng = random.Random(f"{behaviour.seed}/{house}/{command.seq}")
        fault = rng.choice(behaviour.faults) if rng.random() < behaviour.failure_rate else Fault.NONE
        await self._sleep(behaviour.delay_s * rng.lognormvariate(0.0, behaviour.delay_spread))
        if fault is Fault.REFUSES and not interlock.moving and interlock.position is not None:
            answer = Answer(interlock.position, command.id, Result.FAILED, "the drive has no voltage; nothing moved")
            self._tell(house, answer, interlock)
            return
        if not interlock.moving:
            switch.contacts.fault = fault
        judged = interlock.command(command, wall=self._clock.wall(), now=self._clock.monotonic())
        if judged is not None:
            self._tell(house, judged, interlock)
        else:
            await self._see_through(house, interlock, switch.contacts)

    async def _see_through(self, house: str, interlock: Interlock, contacts: VirtualContacts) -> None:
        """Carry out one move to its end. It begins at once: a duplicate must find the command under way."""
        while interlock.moving:
            if (wait_s := interlock.want.at - self._clock.monotonic()) > 0.0:
                await self._sleep(wait_s)
            if (said := _carry_out(interlock, contacts, self._clock.monotonic())) is not None:
                self._tell(house, said, interlock)

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._clock.speed)

    def _tell(self, house: str, answer: Answer, interlock: Interlock) -> None:
        state = State(
            phase=answer.phase,
            t=self._clock.wall(),
            operations=interlock.operations,
            id=answer.id,
            result=answer.result,
            reason=answer.reason,
        )
        self._switches[house].state = state
        self._publish_state(house)

    def _publish_state(self, house: str) -> None:
        state = self._switches[house].state
        if state is not None:
            self._publish(state_topic(self._base, house), encode_state(state))

    def _publish(self, topic: str, payload: bytes) -> None:
        if self._client is not None:
            self._client.publish(topic, payload, qos=1, retain=True)


def _ignore(house: str, phase: Phase | None) -> None:
    """For who does not want to know when contacts move."""


def _carry_out(interlock: Interlock, contacts: VirtualContacts, now: float) -> Answer | None:
    """Do what the interlock wants; these contacts obey, or lie, at once."""
    want = interlock.want
    if want.what is What.READ:
        return interlock.seen(contacts.read(), now)
    if want.phase is None:
        contacts.open_all()
    else:
        contacts.close(want.phase)
    interlock.did(now)
    return None


def _wait_published(messages: list[paho.MQTTMessageInfo]) -> None:
    for message in messages:
        message.wait_for_publish(_FAREWELL_S)
