"""Relays that speak MQTT: how each is asked and told, and which of the messages that come is the answer.

Devices work through what they are sent in order, and the broker keeps the order of one topic. So an answer counts only
when every question before it has been answered too: else a slow device's old answer would be taken for a new one.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import msgspec

from firmware_bridge.errors import BridgeError
from firmware_bridge.switches.bus import Bus
from firmware_bridge.switches.template import Presence, RpcTemplate, TextTemplate, filled

_FORGOTTEN_S: Final = 3.0
"""A question without an answer is held to be lost after this: longer than a TCP connection that stalls and recovers
usually takes."""
_CALM_S: Final = 0.25
"""Where an order may or may not be answered by itself besides the question that follows it, the second answer is
awaited this long, so that it is not taken for the answer to the next question."""


class Channel(Protocol):
    """One relay."""

    @property
    def name(self) -> str: ...

    @property
    def hint(self) -> str:
        """What may explain that no answer comes; empty where nothing is known."""
        ...


class Group(Protocol):
    """The relays of one switch."""

    @property
    def channels(self) -> Sequence[Channel]: ...

    def start(self, chosen: Sequence[int], *, on: bool | None) -> list[asyncio.Future[bool]]:
        """Switch the chosen relays, or (None) ask for their states. Each future ends with the relay's state, where it
        was switched only once it is in that state, or with BridgeError when the device goes away meanwhile."""
        ...


class TextGroup:
    """Relays that speak plain texts. Where a device answers for all its relays at once, it is asked once."""

    def __init__(
        self,
        bus: Bus,
        template: TextTemplate,
        relays: Sequence[tuple[str, int]],
        *,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._bus = bus
        self._answers = template.command.answers
        self._channels = [_TextChannel(bus, template, *relay, clock=clock) for relay in relays]

    @property
    def channels(self) -> Sequence[Channel]:
        return self._channels

    def start(self, chosen: Sequence[int], *, on: bool | None) -> list[asyncio.Future[bool]]:
        channels = [self._channels[index] for index in chosen]
        if on is not None:
            for channel in channels:
                self._bus.publish(*channel.order(on=on))
                if self._answers:
                    channel.asked()
        if on is None or not self._answers:
            questions = dict.fromkeys(channel.question for channel in channels)
            for question in questions:
                self._bus.publish(*question)
            for channel in self._channels:
                if channel.question in questions:
                    channel.asked()
        return [channel.expect(on) for channel in channels]


class _Relay:
    """One relay of a device: what is asked of it, and what its last will says."""

    def __init__(self, bus: Bus, presence: Presence, device: str, channel: int) -> None:
        self._device, self._channel = device, channel
        self._waiting: asyncio.Future[bool] | None = None
        self._wanted: bool | None = None
        self._odd = ""
        self._presence = _Presence(bus, presence, device, self._came, self._went)

    @property
    def name(self) -> str:
        return f"{self._device}/{self._channel}"

    @property
    def hint(self) -> str:
        return self._presence.hint or self._odd

    def expect(self, wanted: bool | None) -> asyncio.Future[bool]:
        self._odd = ""
        self._wanted = wanted
        self._waiting = asyncio.get_running_loop().create_future()
        return self._waiting

    def _came(self) -> None:
        """The device has connected anew."""

    def _went(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(BridgeError("went offline"))


class _TextChannel(_Relay):
    """Knows which answers are due, and which of those that come is the one to believe."""

    def __init__(
        self, bus: Bus, template: TextTemplate, device: str, channel: int, *, clock: Callable[[], float] | None
    ) -> None:
        self._template = template
        self._clock = clock or asyncio.get_running_loop().time
        self._calm_s = 0.0 if template.command.answers else _CALM_S
        self._asked: deque[float] = deque()
        self._last: bool | None = None
        super().__init__(bus, template.presence, device, channel)
        topics = {self._fill(template.answer.topic)}
        if template.answer.single and channel == template.first:
            topics.add(self._fill(template.answer.single))
        for topic in topics:
            bus.subscribe(topic, self._heard)

    @property
    def question(self) -> tuple[str, bytes]:
        """Topic and payload. The same for several relays where the device answers for all at once."""
        return self._fill(self._template.ask.topic), self._template.ask.payload.encode()

    def order(self, *, on: bool) -> tuple[str, bytes]:
        """Topic and payload."""
        command = self._template.command
        return self._fill(command.topic), (command.on if on else command.off).encode()

    def asked(self) -> None:
        """One more answer is due."""
        now = self._clock()
        while self._asked and now - self._asked[0] > _FORGOTTEN_S:
            self._asked.popleft()
        self._asked.append(now)

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
        self._last = text in answer.on
        if self._waiting is None or self._waiting.done():
            return
        if self._wanted is None:
            self._waiting.set_result(self._last)
        elif self._wanted is not self._last:
            self._odd = f"; it still says {text}"
        elif self._calm_s:
            asyncio.get_running_loop().call_later(self._calm_s, self._calmed, self._waiting)
        else:
            self._waiting.set_result(self._last)

    def _calmed(self, waiting: asyncio.Future[bool]) -> None:
        if not waiting.done() and self._last is not None and self._last is self._wanted:
            waiting.set_result(self._last)

    def _came(self) -> None:
        # A device that connects anew has lost what it was asked before.
        self._asked.clear()

    def _fill(self, topic: str) -> str:
        return filled(topic, self._device, self._channel)


class RpcGroup:
    """Relays that speak JSON-RPC."""

    def __init__(self, bus: Bus, template: RpcTemplate, relays: Sequence[tuple[str, int]]) -> None:
        self._channels = [_RpcChannel(bus, template, *relay) for relay in relays]

    @property
    def channels(self) -> Sequence[Channel]:
        return self._channels

    def start(self, chosen: Sequence[int], *, on: bool | None) -> list[asyncio.Future[bool]]:
        return [self._channels[index].start(on) for index in chosen]


class _Error(msgspec.Struct, frozen=True):
    message: str = ""


class _Reply(msgspec.Struct, frozen=True):
    """Of a JSON-RPC request. Of a status object only the relay's state is looked at."""

    id: int
    result: dict[str, Any] | None = None
    error: _Error | None = None


_REPLIES: Final = msgspec.json.Decoder(_Reply)


class _RpcChannel(_Relay):
    """Each answer carries its question's number, so none can be taken for another."""

    _numbers = itertools.count(1)

    def __init__(self, bus: Bus, template: RpcTemplate, device: str, channel: int) -> None:
        self._bus = bus
        self._topic = filled(template.topic, device, channel)
        # Of this run alone: answers to what an earlier run asked go to a topic that nobody hears.
        self._source = f"firmware-bridge-{secrets.token_hex(6)}"
        self._ids: tuple[int, ...] = ()
        super().__init__(bus, template.presence, device, channel)
        bus.subscribe(f"{self._source}/rpc", self._heard)

    def start(self, on: bool | None) -> asyncio.Future[bool]:
        order = () if on is None else (self._request("Switch.Set", on=on),)
        self._ids = (*order, self._request("Switch.GetStatus"))
        return self.expect(on)

    def _request(self, method: str, **more: bool) -> int:
        number = next(self._numbers)
        request = {"id": number, "src": self._source, "method": method, "params": {"id": self._channel, **more}}
        self._bus.publish(self._topic, msgspec.json.encode(request))
        return number

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
