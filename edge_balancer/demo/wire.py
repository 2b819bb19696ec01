"""The onlooker's own MQTT client: it hears what any user of the broker hears, and hands it to a `Watch`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Final

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

_FORGET_S: Final = 3.0

Hear = Callable[[str, bytes], None]


async def listen(at: tuple[str, int], base: str, hear: Hear, *, ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Call `hear` on this loop for each message of interest until `stop`. Raises OSError if the broker is not there."""
    loop = asyncio.get_running_loop()
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.reconnect_delay_set(1, 30)
    topics = ("phases", "decision", "alert/#", "switch/+/state")

    def on_connect(client: paho.Client, *_: Any) -> None:
        client.subscribe([(f"{base}/{topic}", 1) for topic in topics])

    def on_subscribe(*_: Any) -> None:
        loop.call_soon_threadsafe(ready.set)

    def on_message(_client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        loop.call_soon_threadsafe(hear, message.topic, bytes(message.payload))

    client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
    await asyncio.to_thread(client.connect, *at)
    client.loop_start()
    try:
        await stop.wait()
    finally:
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)


def forget(at: tuple[str, int], base: str) -> int:
    """Take away what stays retained below `base`, so that a broker that is not ours is left as it was found.

    Blocks for up to a few seconds. Returns how many messages there were. Raises OSError if the broker is not there.
    """
    kept: list[str] = []
    heard = threading.Event()
    marker = f"{base}/end"
    client = paho.Client(CallbackAPIVersion.VERSION2)

    def on_subscribe(client: paho.Client, *_: Any) -> None:
        # A broker sends what it retains when it takes the subscription, so all of it comes before this.
        client.publish(marker, b"end", qos=1)

    def on_message(_client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        if message.retain:
            kept.append(message.topic)
        elif message.topic == marker:
            heard.set()

    client.on_connect = lambda client, *_: client.subscribe(f"{base}/#", 1)
    client.on_subscribe, client.on_message = on_subscribe, on_message
    client.connect(*at)
    client.loop_start()
    try:
        heard.wait(_FORGET_S)
        for message in [client.publish(topic, b"", qos=1, retain=True) for topic in kept]:
            message.wait_for_publish(_FORGET_S)
    finally:
        client.disconnect()
        client.loop_stop()
    return len(kept)
