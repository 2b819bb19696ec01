"""Three relays that speak MQTT as one phase switch: Tasmota, Shelly, and what a template of plain texts describes.

Nothing that was heard earlier counts: each reading asks the devices afresh and waits for the answers, and each order
is followed by such a reading. Orders go at QoS 0: the broker keeps none for a device that is away, so no relay closes
long after it was given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from firmware_bridge.contract import Phase
from firmware_bridge.errors import BridgeError
from firmware_bridge.switches.bus import Bus
from firmware_bridge.switches.mqtt_channels import Channel, Group, RpcGroup, TextGroup
from firmware_bridge.switches.relay_board import PHASES
from firmware_bridge.switches.template import MqttTemplate, RpcTemplate

ANSWER_S: Final = 2.0
"""How long a device may take: a round trip over broker and Wi-Fi, with a lost packet or two."""

_ALL: Final = (0, 1, 2)


@dataclass(frozen=True, slots=True)
class Relay:
    """One relay: device topic and channel as in the configuration, `shelly-a1b2/0`."""

    device: str
    channel: int

    def __str__(self) -> str:
        return f"{self.device}/{self.channel}"


def parse_relay(text: str) -> Relay:
    """Raises ValueError. The device's topic may itself have levels."""
    device, slash, channel = text.rpartition("/")
    if not slash or not device or not channel.isascii() or not channel.isdigit():
        raise ValueError(f'{text!r} is no relay: write the device topic and the channel, as "shelly-a1b2/0"')
    if set("+#\0") & set(device) or device.strip("/") != device:
        raise ValueError(f"{text!r}: a device topic has no '+', no '#', and no '/' at its ends")
    return Relay(device, int(channel))


class MqttRelays:
    """`relays` are those on L1, L2, L3. Make it in the event loop's thread: it subscribes at once."""

    def __init__(
        self, bus: Bus, template: MqttTemplate, relays: Sequence[Relay], *, answer_s: float = ANSWER_S
    ) -> None:
        self._answer_s = answer_s
        names = [(relay.device, relay.channel) for relay in relays]
        self._group: Group = (
            RpcGroup(bus, template, names) if isinstance(template, RpcTemplate) else TextGroup(bus, template, names)
        )

    @property
    def opens(self) -> bool:
        return True

    async def open_all(self) -> None:
        """All three are told before any answer is waited for."""
        await self._together(_ALL, on=False)

    async def close(self, phase: Phase) -> None:
        await self._together((PHASES.index(phase),), on=True)

    async def read(self) -> frozenset[Phase] | None:
        states = await self._together(_ALL, on=None)
        return frozenset(phase for phase, on in zip(PHASES, states, strict=True) if on)

    async def _together(self, chosen: Sequence[int], *, on: bool | None) -> tuple[bool, ...]:
        """The answers; raises BridgeError naming every device that gave none in time."""
        waits = self._group.start(chosen, on=on)
        try:
            await asyncio.wait(waits, timeout=self._answer_s)
        finally:
            for wait in waits:
                wait.cancel()
            problems = [
                f"{channel.name} {problem}"
                for index, wait in zip(chosen, waits, strict=True)
                if (problem := self._problem(channel := self._group.channels[index], wait))
            ]
        if problems:
            raise BridgeError("; ".join(problems))
        return tuple(wait.result() for wait in waits)

    def _problem(self, channel: Channel, wait: asyncio.Future[bool]) -> str:
        if wait.cancelled():
            return f"gave no answer within {self._answer_s:g} s{channel.hint}"
        return "" if (error := wait.exception()) is None else str(error)
