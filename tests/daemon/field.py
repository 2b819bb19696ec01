"""A field by hand for the daemon's tests: a raw MQTT client that is every meter, every switch and the operator.

It speaks the contract in plain JSON and shares no code with the daemon, so that both cannot be wrong in the same way.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

WITHIN_S = 90.0
"""How long a test waits for what must come; far more than it takes."""


def fresh_base() -> str:
    """A base topic that no other test uses: they share a broker."""
    return f"test/{uuid.uuid4().hex[:10]}"


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it arrived; `topic` is relative to the base topic."""

    topic: str
    payload: bytes
    qos: int
    retained: bool

    @property
    def text(self) -> str:
        return self.payload.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.payload)

    @property
    def house(self) -> str:
        return self.topic.split("/")[1]


class Field:
    """Everything that is said under a base topic, and a voice there."""

    def __init__(self, base: str, client: mqtt.Client) -> None:
        self.base = base
        self.messages: list[Message] = []
        self._client = client
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def hear(self, message: mqtt.MQTTMessage) -> None:
        """Called in the client's thread."""
        topic = message.topic.removeprefix(f"{self.base}/")
        heard = Message(topic, bytes(message.payload), message.qos, message.retain)
        self._loop.call_soon_threadsafe(self._keep, heard)

    def _keep(self, heard: Message) -> None:
        self.messages.append(heard)
        self._news.set()

    def said(self, topic: str) -> list[Message]:
        """All messages so far on topics that match a pattern like `switch/*/set`."""
        return [m for m in self.messages if fnmatchcase(m.topic, topic)]

    async def see(
        self,
        topic: str,
        test: Callable[[Message], bool] = lambda _: True,
        *,
        since: int = 0,
        within_s: float = WITHIN_S,
    ) -> Message:
        """The first message from number `since` on that matches; waits for it."""
        place = since
        try:
            async with asyncio.timeout(within_s):
                while True:
                    while place < len(self.messages):
                        message = self.messages[place]
                        place += 1
                        if fnmatchcase(message.topic, topic) and test(message):
                            return message
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            heard = "\n".join(f"  {m.topic} {m.text[:100]}" for m in self.messages[since:][-30:])
            raise AssertionError(f"nothing that fits on {topic} within {within_s:g} s; heard:\n{heard}") from None

    def now(self) -> int:
        """How many messages came so far: a mark for `see(since=...)`."""
        return len(self.messages)

    def say(self, topic: str, payload: Any, *, qos: int = 1, retain: bool = False) -> None:
        """Publish under the base topic: text as it is, anything else as JSON."""
        body = payload if isinstance(payload, (str, bytes)) else json.dumps(payload)
        self._client.publish(f"{self.base}/{topic}", body, qos=qos, retain=retain)

    def meter(self, house: str, p: float, v: float = 230.0) -> None:
        self.say(f"meter/{house}", {"p": p, "v": v}, qos=0)

    def switch(self, house: str, phase: str | None, **more: Any) -> None:
        """A switch's report, retained as the contract has it."""
        self.say(f"switch/{house}/state", {"phase": phase, **more}, retain=True)

    def answer(self, command: Message, result: str = "done", **more: Any) -> None:
        """The switch's answer to a command that was seen."""
        order = command.json
        self.switch(command.house, **{"phase": order["phase"], "id": order["id"], "result": result, **more})

    def present(self, *positions: str) -> None:
        """Switches h01, h02, ... come up at these phases."""
        for number, phase in enumerate(positions, start=1):
            self.switch(f"h{number:02d}", phase)
            self.say(f"switch/h{number:02d}/availability", "online", retain=True)

    def loads(self, *watts: float) -> None:
        """One round of readings of h01, h02, ..."""
        for number, p in enumerate(watts, start=1):
            self.meter(f"h{number:02d}", p)

    async def sync(self) -> None:
        """Return once the broker has handled all that was said before: an echo goes the same way.

        Between switches' reports (QoS 1) and readings (QoS 0) it keeps the order, which amqtt does not.
        """
        mark = uuid.uuid4().hex
        since = self.now()
        self.say("echo", mark)
        await self.see("echo", lambda m: m.text == mark, since=since)


@asynccontextmanager
async def field_at(
    port: int,
    base: str,
    prepare: Callable[[mqtt.Client], None] = lambda _: None,
    host: str = "127.0.0.1",
    hear: Sequence[str] = ("#",),
) -> AsyncIterator[Field]:
    """A field that hears everything under `base`, or some topics of it; `prepare` may set TLS or a password. It comes
    back after a broker's restart by itself."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"field-{uuid.uuid4().hex[:8]}")
    client.reconnect_delay_set(1, 1)
    prepare(client)
    field = Field(base, client)
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()

    def subscribe(client: mqtt.Client, *_: Any) -> None:
        client.subscribe([(f"{base}/{topic}", 1) for topic in hear])

    def subscribed(*_: Any) -> None:
        loop.call_soon_threadsafe(ready.set)

    client.on_connect = subscribe
    client.on_subscribe = subscribed
    client.on_message = lambda _client, _data, message: field.hear(message)
    await asyncio.to_thread(client.connect, host, port)
    client.loop_start()
    try:
        async with asyncio.timeout(WITHIN_S):
            await ready.wait()
        yield field
    finally:
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)
        # The callbacks hold the client; without this its sockets would live until the next collection.
        client.on_connect = client.on_subscribe = client.on_message = None


async def retained(port: int, base: str) -> dict[str, bytes]:
    """What a newcomer finds under `base`: the retained messages, by topic."""
    async with field_at(port, base) as newcomer:
        await newcomer.sync()
        return {m.topic: m.payload for m in newcomer.messages if m.retained}


async def until(condition: Callable[[], bool], what: str, within_s: float = WITHIN_S) -> None:
    """Wait for something outside that gives no event (a file, a process)."""
    try:
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"{what}: not within {within_s:g} s") from None
