"""Virtual switches on a real broker: what a controller sees of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge_balancer.demo.broker import Broker, Kind, broker, find_mosquitto
from firmware_bridge.contract import Phase, Result, State
from firmware_bridge.switches.interlock_types import InterlockLimits
from firmware_bridge.switches.virtual import Behaviour, VirtualSwitches
from firmware_bridge.switches.virtual_contacts import Fault

BASE = "phase-balance/test"
WAIT_S = 90.0
L1, L2, L3 = Phase.L1, Phase.L2, Phase.L3


class FastClock:
    """Real time times a hundred."""

    speed = 100.0

    def monotonic(self) -> float:
        return time.monotonic() * self.speed

    def wall(self) -> float:
        return 1_800_000_000.0 + self.monotonic()


CLOCK = FastClock()


@pytest.fixture
def running() -> Iterator[Broker]:
    with broker() as value:
        yield value


class Controller:
    """A client that sends commands and reads what the switches say."""

    def __init__(self, at: Broker) -> None:
        self._loop = asyncio.get_running_loop()
        self._heard: asyncio.Queue[tuple[str, bytes, bool]] = asyncio.Queue()
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        self.client.on_message = self._on_message
        self.client.connect(at.host, at.port)
        self.client.loop_start()
        self.seq = 0

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        heard = (message.topic, bytes(message.payload), message.retain)
        self._loop.call_soon_threadsafe(self._heard.put_nowait, heard)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
        # Otherwise the two keep each other, and paho's sockets, alive until some later test's collection.
        self.client.on_message = None

    async def next(self) -> tuple[str, bytes, bool]:
        return await asyncio.wait_for(self._heard.get(), WAIT_S)

    async def state(self) -> State:
        topic, payload, _ = await self.next()
        assert topic.endswith("/state"), topic
        return msgspec.json.decode(payload, type=State)

    def command(self, house: str, origin: Phase, target: str, *, copies: int = 1, retain: bool = False) -> str:
        self.seq += 1
        body = {
            "id": f"c{self.seq}",
            "seq": self.seq,
            "phase": target,
            "from": origin,
            "issued": CLOCK.wall(),
            "expires": CLOCK.wall() + 200.0,
            "a key of tomorrow": 1,
        }
        for _ in range(copies):
            self.client.publish(f"{BASE}/switch/{house}/set", msgspec.json.encode(body), qos=1, retain=retain)
        return f"c{self.seq}"


@asynccontextmanager
async def scene(
    at: Broker, positions: dict[str, Phase], *, failure: Fault | None = None, dwell_s: float = 0.0
) -> AsyncIterator[tuple[VirtualSwitches, Controller, list[tuple[str, Phase | None]]]]:
    """Switches that serve, and a controller that listens to their states."""
    moved: list[tuple[str, Phase | None]] = []
    switches = VirtualSwitches(
        positions,
        base_topic=BASE,
        clock=CLOCK,
        behaviour=Behaviour(failure_rate=1.0 if failure else 0.0, faults=(failure or Fault.NONE,)),
        limits=InterlockLimits(dwell_s=dwell_s, settle_s=20.0, dead_time_s=0.5),
        on_change=lambda house, phase: moved.append((house, phase)),
    )
    stop, ready = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(switches.run(at.host, at.port, stop, ready))
    await asyncio.wait_for(ready.wait(), WAIT_S)
    controller = Controller(at)
    controller.client.subscribe(f"{BASE}/switch/+/state", qos=1)
    for _ in positions:
        await controller.state()
    try:
        yield switches, controller, moved
    finally:
        stop.set()
        await asyncio.wait_for(serving, WAIT_S)
        controller.close()


async def test_it_announces_itself_with_retained_state_and_availability(running: Broker) -> None:
    async with scene(running, {"h1": L1, "h2": L3}):
        early, late = Controller(running), Controller(running)
        early.client.subscribe(f"{BASE}/switch/#", qos=1)
        for _ in range(4):
            await early.next()  # kept or fresh: now the broker has them all
        early.close()
        late.client.subscribe(f"{BASE}/switch/#", qos=1)
        heard = {topic: (payload, retained) for topic, payload, retained in [await late.next() for _ in range(4)]}
        assert heard[f"{BASE}/switch/h1/availability"] == (b"online", True)
        assert heard[f"{BASE}/switch/h2/availability"] == (b"online", True)
        payload, retained = heard[f"{BASE}/switch/h2/state"]
        assert retained
        body = msgspec.json.decode(payload)
        assert body["phase"] == "L3"
        assert body["operations"] == 0
        assert "result" not in body
        assert "id" not in body
        late.close()


async def test_at_a_clean_end_every_house_reads_offline(running: Broker) -> None:
    async with scene(running, {"h1": L1, "h2": L3}):
        pass
    late = Controller(running)
    late.client.subscribe(f"{BASE}/switch/+/availability", qos=1)
    heard = [await late.next() for _ in range(2)]
    assert [payload for _, payload, _ in heard] == [b"offline", b"offline"]
    late.close()


async def test_a_stale_offline_is_contradicted(running: Broker) -> None:
    async with scene(running, {"h1": L1}) as (_, controller, _moved):
        topic = f"{BASE}/switch/h1/availability"
        controller.client.subscribe(topic, qos=1)
        assert (await controller.next())[1] == b"online"
        controller.client.publish(topic, b"offline", qos=1, retain=True)
        assert [(await controller.next())[1] for _ in range(2)] == [b"offline", b"online"]


async def test_a_move_is_told_from_moving_to_done(running: Broker) -> None:
    async with scene(running, {"h1": L1}) as (switches, controller, moved):
        command = controller.command("h1", L1, "L2")
        under_way, done = await controller.state(), await controller.state()
        assert (under_way.id, under_way.result, under_way.phase) == (command, Result.MOVING, L1)
        assert (done.id, done.result, done.phase, done.operations) == (command, Result.DONE, L2, 1)
        assert moved == [("h1", None), ("h1", L2)]
        assert switches.positions == {"h1": L2}
        assert switches.operations == 1


async def test_a_command_delivered_twice_moves_once(running: Broker) -> None:
    async with scene(running, {"h1": L1}) as (switches, controller, moved):
        command = controller.command("h1", L1, "L2", copies=2)
        said = [await controller.state() for _ in range(3)]
        assert {state.id for state in said} == {command}
        assert said[-1].operations == 1
        assert moved == [("h1", None), ("h1", L2)]
        assert switches.operations == 1


FAULTS: list[tuple[Fault, Result, Phase | None, list[tuple[str, Phase | None]]]] = [
    (Fault.REFUSES, Result.FAILED, L1, []),
    (Fault.STUCK, Result.FAILED, None, []),
    (Fault.LYING, Result.DONE, L2, []),
]


@pytest.mark.parametrize(("fault", "result", "phase", "changes"), FAULTS, ids=[str(f[0]) for f in FAULTS])
async def test_faults_as_the_controller_sees_them(
    running: Broker,
    fault: Fault,
    result: Result,
    phase: Phase | None,
    changes: list[tuple[str, Phase | None]],
) -> None:
    async with scene(running, {"h1": L1}, failure=fault) as (switches, controller, moved):
        controller.command("h1", L1, "L2")
        state = await controller.state()
        if state.result is Result.MOVING:
            state = await controller.state()
        assert (state.result, state.phase) == (result, phase)
        assert moved == changes
        assert switches.positions == {"h1": L1}


async def test_a_refusal_is_told_with_its_reason(running: Broker) -> None:
    async with scene(running, {"h1": L1}, dwell_s=36_000.0) as (_, controller, _moved):
        controller.command("h1", L3, "L2")
        state = await controller.state()
        assert state.result is Result.REJECTED
        assert state.reason.startswith("not_on_that_phase")


async def test_retained_and_garbled_commands_are_counted_and_ignored(running: Broker) -> None:
    topic = f"{BASE}/switch/h1/set"
    sender = Controller(running)
    sender.command("h1", L1, "L2", retain=True)
    marker = sender.client.publish(f"{BASE}/done", b"", qos=1)
    await asyncio.to_thread(marker.wait_for_publish, WAIT_S)
    async with scene(running, {"h1": L1}) as (switches, controller, moved):
        controller.client.publish(topic, b"{not json", qos=1)
        controller.client.publish(topic, b'{"id": 5}', qos=1)
        controller.seq = 10
        controller.command("h1", L1, "L3")
        assert [(await controller.state()).result for _ in range(2)] == [Result.MOVING, Result.DONE]
        assert switches.refused_messages == 3
        assert moved == [("h1", None), ("h1", L3)]
    sender.client.publish(topic, b"", qos=1, retain=True).wait_for_publish(WAIT_S)
    sender.close()


async def test_what_it_did_not_ask_for_is_passed_over_and_not_counted_as_a_refused_command(running: Broker) -> None:
    async with scene(running, {"h1": L1}) as (switches, controller, _moved):
        # Brokers exist that deliver other clients' topics; a subscription that it does not know of has the same effect.
        client = switches._client
        assert client is not None
        loop, subscribed = asyncio.get_running_loop(), asyncio.Event()

        def granted(*_: Any) -> None:
            loop.call_soon_threadsafe(subscribed.set)

        client.on_subscribe = granted
        client.subscribe(f"{BASE}/stranger/#", qos=1)
        await asyncio.wait_for(subscribed.wait(), WAIT_S)
        controller.client.publish(f"{BASE}/stranger/h1/set", b'{"phase": "L2"}', qos=1)
        controller.command("h1", L1, "L2")
        assert [(await controller.state()).result for _ in range(2)] == [Result.MOVING, Result.DONE]
        assert switches.refused_messages == 0
        assert switches.operations == 1


@pytest.mark.parametrize("kind", ["mosquitto", "amqtt"])
async def test_a_newcomer_hears_only_what_it_asked_for(kind: Kind) -> None:
    if kind == "mosquitto" and find_mosquitto() is None:
        pytest.skip("mosquitto is not installed here")
    with broker(kind) as running:
        async with scene(running, {"h1": L1, "h2": L3}):
            late = Controller(running)
            late.client.subscribe(f"{BASE}/switch/h2/state", qos=1)
            topic, _, retained = await late.next()
            assert (topic, retained) == (f"{BASE}/switch/h2/state", True)
            # Whatever else was sent to it came before its own message.
            late.client.publish(f"{BASE}/switch/h2/state", b"end", qos=1)
            assert (await late.next())[1] == b"end"
            late.close()


async def test_no_broker_is_an_os_error() -> None:
    switches = VirtualSwitches({"h1": L1}, base_topic=BASE, clock=CLOCK)
    with pytest.raises(OSError, match=r"refused|Connect"):
        await switches.run("127.0.0.1", 1, asyncio.Event())
