"""One relay that speaks MQTT: how it is asked and told, and which of the messages that come is the answer.

Devices work through what they are sent in order, and the broker keeps the order of one topic. So an answer counts only
when every question before it has been answered too: else a slow device's old answer would be taken for a new one.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from firmware_bridge.errors import BridgeError
from firmware_bridge.switches.bus import Bus
from firmware_bridge.switches.template import Presence, RpcTemplate, TextTemplate, filled

_FORGOTTEN_S: Final = 30.0
"""A question without an answer is held to be lost after this: longer than a TCP connection that stalls and recovers
usually takes."""


class Channel(Protocol):
    """One relay."""

    @property
    def name(self) -> str: ...

    @property
    def hint(self) -> str:
        """What may explain that no answer comes; empty where nothing is known."""
        ...

    def ask(self) -> asyncio.Future[bool]:
        """Ask for the state. The future ends with it, or with BridgeError when the device goes away meanwhile."""
        ...

    def order(self, *, on: bool) -> asyncio.Future[bool]:
        """Switch the relay. The future ends once the device says that it is in that state."""
        ...


class TextChannel:
    """A relay that is told, asked, and answers in plain texts."""

    def __init__(
        self, bus: Bus, template: TextTemplate, device: str, channel: int, *, clock: Callable[[], float] | None = None
    ) -> None:
        self._bus = bus
        self._template = template
        self._device, self._channel = device, channel
        self._clock = clock or asyncio.get_running_loop().time
        self._asked: deque[float] = deque()
        self._waiting: asyncio.Future[bool] | None = None
        self._wanted: bool | None = None
        self._odd = ""
        self._presence = _Presence(bus, template.presence, device, self._came, self._went)
        topics = {self._fill(template.answer.topic)}
        if template.answer.single and channel == template.first:
            topics.add(self._fill(template.answer.single))
        for topic in topics:
            bus.subscribe(topic, self._heard)

    @property
    def name(self) -> str:
        return f"{self._device}/{self._channel}"

    @property
    def hint(self) -> str:
        return self._presence.hint or self._odd

    def ask(self) -> asyncio.Future[bool]:
        self._bus.publish(self._fill(self._template.ask.topic), self._template.ask.payload.encode())
        return self._wait(None)

    def order(self, *, on: bool) -> asyncio.Future[bool]:
        command = self._template.command
        self._bus.publish(self._fill(command.topic), (command.on if on else command.off).encode())
        if not command.answers:
            self._bus.publish(self._fill(self._template.ask.topic), self._template.ask.payload.encode())
        return self._wait(on)

    def _wait(self, wanted: bool | None) -> asyncio.Future[bool]:
        now = self._clock()
        while self._asked and now - self._asked[0] > _FORGOTTEN_S:
            self._asked.popleft()
        self._asked.append(now)
        self._odd = ""
        self._wanted = wanted
        self._waiting = asyncio.get_running_loop().create_future()
        return self._waiting

    def _heard(self, topic: str, payload: bytes, retained: bool) -> None:  # noqa: ARG002 - the topic is the filter
        if retained:
            return
        if self._asked:
            self._asked.popleft()
        if self._asked:
            return
        text = payload.decode("utf-8", "replace").strip()
        answer = self._template.answer
        if text not in (*answer.on, *answer.off):
            self._odd = f"; it says {text[:40]!r}, and {answer.on[0]} or {answer.off[0]} is expected"
            return
        state = text in answer.on
        if self._wanted not in (None, state):
            self._odd = f"; it still says {text}"
            return
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(state)

    def _came(self) -> None:
        # A device that connects anew has lost what it was asked before.
        self._asked.clear()

    def _went(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(BridgeError("went offline"))

    def _fill(self, topic: str) -> str:
        return filled(topic, self._device, self._channel)


class _Error(msgspec.Struct, frozen=True):
    message: str = ""


class _Reply(msgspec.Struct, frozen=True):
    """Of a JSON-RPC request. Of a status object only the relay's state is looked at."""

    id: int
    result: dict[str, Any] | None = None
    error: _Error | None = None


_REPLIES: Final = msgspec.json.Decoder(_Reply)


class RpcChannel:
    """A relay that speaks JSON-RPC: each answer carries its question's number, so none can be taken for another."""

    _numbers = itertools.count(1)

    def __init__(self, bus: Bus, template: RpcTemplate, device: str, channel: int) -> None:
        self._bus = bus
        self._topic = filled(template.topic, device, channel)
        self._device, self._channel = device, channel
        # Of this run alone: answers to what an earlier run asked go to a topic that nobody hears.
        self._source = f"firmware-bridge-{secrets.token_hex(6)}"
        self._waiting: asyncio.Future[bool] | None = None
        self._wanted: bool | None = None
        self._ids: tuple[int, ...] = ()
        self._odd = ""
        self._presence = _Presence(bus, template.presence, device, _nothing, self._went)
        bus.subscribe(f"{self._source}/rpc", self._heard)

    @property
    def name(self) -> str:
        return f"{self._device}/{self._channel}"

    @property
    def hint(self) -> str:
        return self._presence.hint or self._odd

    def ask(self) -> asyncio.Future[bool]:
        return self._wait((self._request("Switch.GetStatus"),), None)

    def order(self, *, on: bool) -> asyncio.Future[bool]:
        return self._wait((self._request("Switch.Set", on=on), self._request("Switch.GetStatus")), on)

    def _request(self, method: str, **more: bool) -> int:
        number = next(self._numbers)
        request = {"id": number, "src": self._source, "method": method, "params": {"id": self._channel, **more}}
        self._bus.publish(self._topic, msgspec.json.encode(request))
        return number

    def _wait(self, ids: tuple[int, ...], wanted: bool | None) -> asyncio.Future[bool]:
        self._ids = ids
        self._wanted = wanted
        self._odd = ""
        self._waiting = asyncio.get_running_loop().create_future()
        return self._waiting

    def _heard(self, topic: str, payload: bytes, retained: bool) -> None:  # noqa: ARG002 - the topic is the filter
        if retained or self._waiting is None or self._waiting.done():
            return
        try:
            reply = _REPLIES.decode(payload)
        except msgspec.DecodeError as error:
            self._odd = f"; its answer cannot be read: {error}"
            return
        if reply.id not in self._ids:
            return
        if reply.error is not None:
            self._waiting.set_exception(BridgeError(f"refuses: {reply.error.message or 'no reason given'}"))
            return
        if reply.id != self._ids[-1]:
            return
        state = (reply.result or {}).get("output")
        if not isinstance(state, bool):
            self._odd = "; its answer has no state of a relay"
        elif self._wanted not in (None, state):
            self._odd = f"; it still says {'on' if state else 'off'}"
        else:
            self._waiting.set_result(state)

    def _went(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(BridgeError("went offline"))


class _Presence:
    """A device's last will. It only explains: a will can get stuck at "offline", and an answer proves more."""

    def __init__(
        self, bus: Bus, presence: Presence, device: str, came: Callable[[], None], went: Callable[[], None]
    ) -> None:
        self._offline = presence.offline.encode()
        self._came, self._went = came, went
        self.hint = ""
        bus.subscribe(filled(presence.topic, device, 0), self._heard)

    def _heard(self, topic: str, payload: bytes, retained: bool) -> None:  # noqa: ARG002 - the topic is the filter
        away = payload.strip() == self._offline
        self.hint = "; its last will says that it is offline" if away else ""
        if not retained:
            (self._went if away else self._came)()


def _nothing() -> None:
    """Where a device's return changes nothing."""
