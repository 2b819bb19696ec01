"""Relays that speak MQTT, simulated behind a real broker, and the bus that the product's boards need, over paho."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from firmware_bridge.errors import LineDown
from firmware_bridge.switches.bus import Heard

GUARD_S = 90.0


class Client:
    """A connection to the broker whose messages come in the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="")
        self._heard: dict[str, list[Heard]] = {}
        self._subscribed = 0
        self._granted = 0
        self._news = asyncio.Event()
        self._client.on_message = self._on_message
        self._connected = asyncio.Event()

        def granted(*_: Any) -> None:
            self._loop.call_soon_threadsafe(self._grant)

        def connected(*_: Any) -> None:
            self._loop.call_soon_threadsafe(self._connected.set)

        self._client.on_subscribe, self._client.on_connect = granted, connected

    async def connect(self, port: int) -> None:
        await asyncio.to_thread(self._client.connect, "127.0.0.1", port)
        self._client.loop_start()
        async with asyncio.timeout(GUARD_S):
            await self._connected.wait()

    def subscribe(self, topic_filter: str, heard: Heard) -> None:
        self._heard.setdefault(topic_filter, []).append(heard)
        self._subscribed += 1
        self._client.subscribe(topic_filter, qos=0)

    async def subscribed(self) -> None:
        async with asyncio.timeout(GUARD_S):
            while self._granted < self._subscribed:
                self._news.clear()
                await self._news.wait()

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> None:
        if not self._client.is_connected():
            raise LineDown("no connection to the broker")
        self._client.publish(topic, payload, qos=qos, retain=retain)

    async def close(self) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def _grant(self) -> None:
        self._granted += 1
        self._news.set()

    def _on_message(self, client: paho.Client, data: Any, message: paho.MQTTMessage) -> None:
        self._loop.call_soon_threadsafe(self._tell, message.topic, bytes(message.payload), message.retain)

    def _tell(self, topic: str, payload: bytes, retained: bool) -> None:
        for topic_filter, all_heard in self._heard.items():
            if paho.topic_matches_sub(topic_filter, topic):
                for heard in all_heard:
                    heard(topic, payload, retained)


class Relays:
    """The relays of one device. `mute` and `stuck` are its faults; `log` is what it was told to switch, in order."""

    def __init__(self, client: Client, device: str, channels: int) -> None:
        self.client, self.device = client, device
        self.on = [False] * channels
        self.mute = False
        self.stuck = False
        self.log: list[tuple[int, bool]] = []

    def set(self, index: int, on: bool) -> None:
        self.log.append((index, on))
        if not self.stuck:
            self.on[index] = on


def tasmota(client: Client, device: str, channels: int) -> Relays:
    relays = Relays(client, device, channels)

    def told(topic: str, payload: bytes, retained: bool) -> None:
        if relays.mute:
            return
        index = int(topic.rpartition("POWER")[2] or "1") - 1
        if payload:
            relays.set(index, payload == b"ON")
        # A device with a single relay leaves the number out.
        name = f"stat/{device}/POWER{index + 1 if channels > 1 else ''}"
        client.publish(name, b"ON" if relays.on[index] else b"OFF")

    client.subscribe(f"cmnd/{device}/+", told)
    return relays


def shelly1(client: Client, device: str, channels: int) -> Relays:
    relays = Relays(client, device, channels)

    def say(index: int) -> None:
        client.publish(f"shellies/{device}/relay/{index}", b"on" if relays.on[index] else b"off")

    def told(topic: str, payload: bytes, retained: bool) -> None:
        if relays.mute:
            return
        index, before = int(topic.split("/")[3]), list(relays.on)
        relays.set(index, payload == b"on")
        if relays.on != before:
            say(index)

    def asked(topic: str, payload: bytes, retained: bool) -> None:
        if payload == b"update" and not relays.mute:
            for index in range(channels):
                say(index)

    client.subscribe(f"shellies/{device}/relay/+/command", told)
    client.subscribe(f"shellies/{device}/command", asked)
    return relays


def shelly2(client: Client, device: str, channels: int) -> Relays:
    relays = Relays(client, device, channels)

    def asked(topic: str, payload: bytes, retained: bool) -> None:
        if relays.mute:
            return
        request = json.loads(payload)
        index = request["params"]["id"]
        reply: dict[str, Any] = {"id": request["id"], "src": device, "dst": request["src"]}
        if index >= channels:
            reply["error"] = {"code": -105, "message": f"Argument 'id', value {index} not found!"}
        elif request["method"] == "Switch.Set":
            reply["result"] = {"was_on": relays.on[index]}
            relays.set(index, request["params"]["on"])
        else:
            reply["result"] = {"id": index, "source": "MQTT", "output": relays.on[index], "apower": 12.5}
        client.publish(f"{request['src']}/rpc", json.dumps(reply).encode())

    client.subscribe(f"{device}/rpc", asked)
    return relays


MAKERS: dict[str, Callable[[Client, str, int], Relays]] = {"tasmota": tasmota, "shelly1": shelly1, "shelly2": shelly2}
