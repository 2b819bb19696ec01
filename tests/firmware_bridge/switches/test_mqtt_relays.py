"""MQTT relays as a phase switch, over a real broker: fresh answers only, orders that are confirmed, devices that go."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from firmware_bridge.contract import Phase
from firmware_bridge.errors import BridgeError, LineDown
from firmware_bridge.switches.bus import Heard
from firmware_bridge.switches.catalogue import load_switch
from firmware_bridge.switches.mqtt_channels import TextGroup
from firmware_bridge.switches.mqtt_relays import MqttRelays, parse_relay
from firmware_bridge.switches.template import RpcTemplate, TextTemplate
from tests.firmware_bridge.switches.mqtt_devices import MAKERS, Client, Relays

if TYPE_CHECKING:
    from edge_balancer.demo.broker import Broker

L1, L2, L3 = Phase.L1, Phase.L2, Phase.L3
PATIENT_S = 30.0
BRIEF_S = 0.1
PRESENCE = {"tasmota": "tele/{}/LWT", "shelly1": "shellies/{}/online", "shelly2": "{}/online"}
AWAY = {"tasmota": b"Offline", "shelly1": b"false", "shelly2": b"false"}


@dataclass(slots=True)
class Scene:
    model: str
    bus: Client
    field: Client
    device: str
    relays: Relays

    def board(self, answer_s: float = PATIENT_S, *, device: str = "", shift: int = 0) -> MqttRelays:
        template = load_switch(self.model)
        assert isinstance(template, TextTemplate | RpcTemplate)
        names = [f"{device or self.device}/{template.first + number + shift}" for number in range(3)]
        return MqttRelays(self.bus, template, [parse_relay(name) for name in names], answer_s=answer_s)

    async def keep(self, topic: str, payload: bytes) -> None:
        """Have the broker retain it, and be sure that it does before anybody else subscribes."""
        there = asyncio.Event()
        self.field.subscribe(topic, lambda *_: there.set())
        await self.field.subscribed()
        self.field.publish(topic, payload, qos=1, retain=True)
        async with asyncio.timeout(PATIENT_S):
            await there.wait()

    async def settled(self) -> None:
        await self.bus.subscribed()
        await self.field.subscribed()


@pytest.fixture(params=sorted(MAKERS))
async def scene(request: pytest.FixtureRequest, broker: Broker) -> AsyncIterator[Scene]:
    bus, field = Client(), Client()
    await bus.connect(broker.port)
    await field.connect(broker.port)
    device = f"dev-{uuid.uuid4().hex[:8]}"
    yield Scene(request.param, bus, field, device, MAKERS[request.param](field, device, 3))
    await bus.close()
    await field.close()


async def test_a_move_is_confirmed_step_by_step(scene: Scene) -> None:
    scene.relays.on = [True, False, False]
    board = scene.board()
    await scene.settled()
    assert board.opens
    assert await board.read() == frozenset({L1})
    await board.open_all()
    assert scene.relays.on == [False, False, False]
    assert await board.read() == frozenset()
    await board.close(L3)
    assert await board.read() == frozenset({L3})
    assert scene.relays.log == [(0, False), (1, False), (2, False), (2, True)]


async def test_what_the_devices_show_by_themselves_is_read(scene: Scene) -> None:
    board = scene.board()
    await scene.settled()
    for on in ([True, True, False], [False, False, False], [False, True, False]):
        scene.relays.on = on
        assert await board.read() == frozenset(phase for phase, closed in zip(Phase, on, strict=True) if closed)


async def test_a_device_that_does_not_answer_is_named(scene: Scene) -> None:
    board = scene.board(BRIEF_S)
    await scene.settled()
    scene.relays.mute = True
    for action in (board.read(), board.open_all(), board.close(L1)):
        with pytest.raises(BridgeError, match=rf"{scene.device}/\d gave no answer within 0\.1 s"):
            await action
    scene.relays.mute = False


async def test_a_relay_that_does_not_follow_is_no_success(scene: Scene) -> None:
    scene.relays.on = [True, False, False]
    board = scene.board(BRIEF_S)
    await scene.settled()
    scene.relays.stuck = True
    with pytest.raises(BridgeError, match=f"{scene.device}/. gave no answer .* it still says (ON|on)"):
        await board.open_all()


@pytest.mark.parametrize("scene", ["tasmota", "shelly1"], indirect=True)
async def test_what_was_retained_is_no_reading(scene: Scene) -> None:
    topic = {"tasmota": f"stat/{scene.device}/POWER1", "shelly1": f"shellies/{scene.device}/relay/0"}[scene.model]
    await scene.keep(topic, b"ON" if scene.model == "tasmota" else b"on")
    scene.relays.mute = True
    board = scene.board(BRIEF_S)
    await scene.settled()
    with pytest.raises(BridgeError, match="gave no answer"):
        await board.read()
    scene.field.publish(topic, b"", retain=True)


async def test_a_last_will_ends_the_waiting(scene: Scene) -> None:
    board = scene.board()
    await scene.settled()
    scene.relays.mute = True
    reading = asyncio.ensure_future(board.read())
    await asyncio.sleep(0)
    scene.field.publish(PRESENCE[scene.model].format(scene.device), AWAY[scene.model])
    with pytest.raises(BridgeError, match="went offline"):
        await reading


async def test_a_last_will_that_got_stuck_explains_but_forbids_nothing(scene: Scene) -> None:
    topic = PRESENCE[scene.model].format(scene.device)
    await scene.keep(topic, AWAY[scene.model])
    board = scene.board(0.4)
    await scene.settled()
    scene.relays.mute = True
    with pytest.raises(BridgeError, match="its last will says that it is offline"):
        await board.read()
    scene.relays.mute = False
    # Its will is stuck, but it answers as soon as what it was asked in vain can no longer be confused with this.
    scene.field.publish(topic, b"here", qos=1)
    scene.field.publish(topic, b"", retain=True)
    patient = scene.board()
    await scene.settled()
    assert await patient.read() == frozenset()


async def test_three_devices_of_one_relay_each_are_a_switch_too(scene: Scene) -> None:
    template = load_switch(scene.model)
    assert isinstance(template, TextTemplate | RpcTemplate)
    devices = [MAKERS[scene.model](scene.field, f"{scene.device}-{number}", 1) for number in range(3)]
    names = [parse_relay(f"{each.device}/{template.first}") for each in devices]
    board = MqttRelays(scene.bus, template, names, answer_s=PATIENT_S)
    await scene.settled()
    await board.close(L2)
    assert [each.on for each in devices] == [[False], [True], [False]]
    assert await board.read() == frozenset({L2})


@pytest.mark.parametrize("scene", ["shelly2"], indirect=True)
async def test_a_refusal_is_told_in_the_devices_words(scene: Scene) -> None:
    board = scene.board(shift=3)
    await scene.settled()
    with pytest.raises(BridgeError, match=r"/3 refuses: Argument 'id', value 3 not found!"):
        await board.close(L1)


class _Loopback:
    """A bus without a broker, for the order of messages alone."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.heard: dict[str, list[Heard]] = {}
        self.up = True

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> None:
        assert (qos, retain) == (0, False), "the broker must keep no order for later"
        if not self.up:
            raise LineDown("no connection to the broker")
        self.sent.append((topic, payload))

    def subscribe(self, topic_filter: str, heard: Heard) -> None:
        self.heard.setdefault(topic_filter, []).append(heard)

    def say(self, topic: str, payload: bytes) -> None:
        for heard in self.heard[topic]:
            heard(topic, payload, False)


def _group(bus: _Loopback, clock: Any, model: str = "tasmota") -> TextGroup:
    template = load_switch(model)
    assert isinstance(template, TextTemplate)
    return TextGroup(bus, template, [("dev", template.first + number) for number in range(3)], clock=clock)


async def test_an_answer_to_an_earlier_question_is_not_believed() -> None:
    bus = _Loopback()
    group = _group(bus, lambda: 100.0)
    group.start((1,), on=None)[0].cancel()
    (second,) = group.start((1,), on=None)
    bus.say("stat/dev/POWER2", b"OFF")
    assert not second.done()
    bus.say("stat/dev/POWER2", b"ON")
    assert await second is True


async def test_an_order_is_confirmed_by_its_own_answer_alone() -> None:
    bus = _Loopback()
    group = _group(bus, lambda: 100.0)
    group.start((1,), on=None)[0].cancel()
    group.start((1,), on=True)[0].cancel()
    (off,) = group.start((1,), on=False)
    for late in (b"OFF", b"ON"):
        bus.say("stat/dev/POWER2", late)
        assert not off.done()
    bus.say("stat/dev/POWER2", b"OFF")
    assert await off is False


async def test_a_question_that_was_lost_is_forgotten_in_time() -> None:
    bus, now = _Loopback(), 100.0
    group = _group(bus, lambda: now)
    group.start((1,), on=None)[0].cancel()
    now += 31.0
    (second,) = group.start((1,), on=None)
    bus.say("stat/dev/POWER2", b"OFF")
    assert await second is False


async def test_a_device_that_connects_anew_owes_no_answers() -> None:
    bus = _Loopback()
    group = _group(bus, lambda: 100.0)
    group.start((1,), on=None)[0].cancel()
    bus.say("tele/dev/LWT", b"Online")
    (second,) = group.start((1,), on=None)
    bus.say("stat/dev/POWER2", b"OFF")
    assert await second is False


async def test_a_device_that_answers_for_all_its_relays_is_asked_once() -> None:
    bus = _Loopback()
    group = _group(bus, lambda: 100.0, "shelly1")
    first = group.start((0, 1, 2), on=None)
    assert bus.sent == [("shellies/dev/command", b"update")]
    for number in range(3):
        bus.say(f"shellies/dev/relay/{number}", b"off")
    assert [await wait for wait in first] == [False] * 3


async def test_without_a_connection_nothing_is_sent_or_waited_for() -> None:
    bus = _Loopback()
    template = load_switch("shelly2")
    assert isinstance(template, RpcTemplate)
    board = MqttRelays(bus, template, [parse_relay(f"dev/{number}") for number in range(3)])
    bus.up = False
    for action in (board.read(), board.open_all(), board.close(L1)):
        with pytest.raises(LineDown):
            await action
    assert bus.sent == []


async def test_words_that_the_template_does_not_know_are_shown() -> None:
    bus = _Loopback()
    template = load_switch("tasmota")
    assert isinstance(template, TextTemplate)
    board = MqttRelays(bus, template, [parse_relay(f"dev/{number}") for number in (1, 2, 3)], answer_s=0.05)
    reading = asyncio.ensure_future(board.read())
    await asyncio.sleep(0)
    for number in (1, 2, 3):
        bus.say(f"stat/dev/POWER{number}", b"Ein")
    with pytest.raises(BridgeError, match="it says 'Ein', and ON or OFF is expected"):
        await reading
