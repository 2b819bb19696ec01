"""Virtual meters: what they publish, when, and with which faults."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge_balancer.clock import ScaledClock
from edge_balancer.demo.broker import broker
from edge_balancer.twin.feeder import Truth, TwinFeeder
from edge_balancer.twin.options import DEFAULT_DAY, TwinOptions
from edge_balancer.twin.virtual_meters import HouseReport, MeterOptions, TransformerReport, VirtualMeters
from edge_balancer.types.phases import Phase

OPTIONS = TwinOptions(houses=12, seed=2)
START = OPTIONS.wall(DEFAULT_DAY, 12 * 3600.0)
BASE = "phase-balance/twin"
WAIT_S = 10.0
decode_bus = msgspec.json.Decoder(TransformerReport).decode
decode_house = msgspec.json.Decoder(HouseReport).decode


@dataclass
class HandClock:
    """A clock that stands where the test puts it."""

    now: float = START
    speed: float = 1.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now

    def synced(self) -> bool:
        return True


def meters(options: MeterOptions, feeder: TwinFeeder | None = None, **more: Any) -> VirtualMeters:
    return VirtualMeters(feeder or TwinFeeder(OPTIONS), HandClock(), BASE, options, **more)


def counts(made: VirtualMeters, seconds: float, step: float) -> dict[str, int]:
    out: dict[str, int] = {}
    for k in range(round(seconds / step)):
        for topic, _ in made.reports(START + k * step):
            out[topic] = out.get(topic, 0) + 1
    return out


def test_every_house_and_the_transformer_keep_their_beat() -> None:
    seen = counts(meters(MeterOptions(period_s=60.0, loss=0.0, transformer_period_s=20.0)), 1200.0, 2.0)
    assert seen.pop(f"{BASE}/meter/transformer") == 60
    assert set(seen) == {f"{BASE}/meter/{house}" for house in TwinFeeder(OPTIONS).houses.ids}
    assert all(19 <= n <= 21 for n in seen.values()), seen


def test_reports_are_spread_over_the_period() -> None:
    made = meters(MeterOptions(period_s=60.0, loss=0.0, transformer_period_s=1e6))
    busiest = max(len(made.reports(START + k)) for k in range(60))
    assert busiest <= 4


def test_some_reports_are_lost_and_counted() -> None:
    made = meters(MeterOptions(period_s=10.0, loss=0.3, transformer_period_s=1e6))
    seen = sum(counts(made, 1500.0, 2.0).values())
    assert made.lost / (made.lost + seen) == pytest.approx(0.3, abs=0.03)


def test_after_a_standstill_meters_do_not_catch_up() -> None:
    made = meters(MeterOptions(period_s=60.0, loss=0.0))
    made.reports(START + 7200.0)
    assert made.reports(START + 7201.0) == []


def test_a_report_tells_the_truth_within_the_meters_class() -> None:
    feeder = TwinFeeder(OPTIONS)
    made = meters(MeterOptions(period_s=60.0, loss=0.0), feeder)
    truth = feeder.at(START + 70.0)
    seen = 0
    for topic, payload in made.reports(START + 70.0):
        name = topic.rsplit("/", 1)[1]
        if name == "transformer":
            bus = msgspec.json.decode(payload, type=TransformerReport)
            assert bus.p == pytest.approx(list(truth.bus_p), abs=1.0)
            assert bus.i_n == pytest.approx(truth.neutral_a, abs=0.01)
            assert bus.v_ll == pytest.approx([400.0] * 3, abs=15.0)
            continue
        k = feeder.houses.ids.index(name)
        report = msgspec.json.decode(payload, type=HouseReport)
        assert report.p == pytest.approx(truth.p[k], rel=0.03, abs=1.0)
        assert report.q == pytest.approx(truth.q[k], rel=0.03, abs=1.0)
        assert report.v == pytest.approx(truth.v[k], abs=0.06)
        assert report.i == pytest.approx((report.p**2 + report.q**2) ** 0.5 / report.v, rel=0.02, abs=0.02)
        assert report.t == START + 70.0
        seen += 1
    assert seen == OPTIONS.houses


def test_a_dark_house_says_nothing() -> None:
    feeder = TwinFeeder(OPTIONS)
    feeder.contact("h05", None, START)
    made = meters(MeterOptions(period_s=60.0, loss=0.0), feeder)
    topics = [topic for topic, _ in made.reports(START + 70.0)]
    assert f"{BASE}/meter/h05" not in topics
    assert len(topics) == OPTIONS.houses
    feeder.contact("h05", Phase.L2, START + 71.0)
    assert f"{BASE}/meter/h05" in [topic for topic, _ in made.reports(START + 140.0)]


def test_every_look_is_shown() -> None:
    shown: list[Truth] = []
    made = meters(MeterOptions(), on_truth=shown.append)
    made.reports(START + 5.0)
    made.reports(START + 6.0)
    assert [truth.wall for truth in shown] == [START + 5.0, START + 6.0]


@pytest.mark.parametrize("change", [{"period_s": 0.0}, {"loss": 1.0}, {"jitter": -0.1}, {"transformer_period_s": -1.0}])
def test_options_out_of_range_are_named(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        MeterOptions(**change)  # type: ignore[arg-type]


async def test_a_subscriber_hears_them_unretained_in_the_contracts_form() -> None:
    loop = asyncio.get_running_loop()
    heard: asyncio.Queue[tuple[str, bytes, bool]] = asyncio.Queue()
    clock = ScaledClock(600.0, START)
    made = VirtualMeters(TwinFeeder(OPTIONS), clock, BASE, MeterOptions(period_s=60.0, loss=0.0))

    def on_message(_client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        loop.call_soon_threadsafe(heard.put_nowait, (message.topic, bytes(message.payload), message.retain))

    with broker() as running:
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.on_message = on_message
        client.on_connect = lambda c, *_: c.subscribe(f"{BASE}/meter/+")
        subscribed = asyncio.Event()

        def on_subscribe(*_: Any) -> None:
            loop.call_soon_threadsafe(subscribed.set)

        client.on_subscribe = on_subscribe
        client.connect(running.host, running.port)
        client.loop_start()
        await asyncio.wait_for(subscribed.wait(), WAIT_S)
        stop = asyncio.Event()
        serving = asyncio.create_task(made.run(running.host, running.port, stop))
        topics: set[str] = set()
        while len(topics) < OPTIONS.houses + 1:
            topic, payload, retained = await asyncio.wait_for(heard.get(), WAIT_S)
            assert not retained
            is_bus = topic.endswith("/transformer")
            body = decode_bus(payload) if is_bus else decode_house(payload)
            assert START <= body.t <= clock.wall()
            topics.add(topic)
        stop.set()
        await asyncio.wait_for(serving, WAIT_S)
        client.disconnect()
        client.loop_stop()
    assert made.published >= len(topics)
