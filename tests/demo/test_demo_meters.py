"""The demo's meters: what they publish, when, and with which faults."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge_balancer.clock import ScaledClock
from edge_balancer.demo.broker import broker
from edge_balancer.demo.meters import HouseReport, MeterPost, TransformerReport
from edge_balancer.twin.devices.meters import MeterOptions
from edge_balancer.twin.feeder import Truth, TwinFeeder
from edge_balancer.twin.options import DEFAULT_DAY, TwinOptions
from edge_balancer.types.phases import Phase

OPTIONS = TwinOptions(houses=12, seed=2)
START = OPTIONS.wall(DEFAULT_DAY, 12 * 3600.0)
BASE = "phase-balance/twin"
WAIT_S = 90.0
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


PERFECT = MeterOptions(
    jitter=0.0, delay_s=0.0, loss=0.0, accuracy_pct=0.0, voltage_accuracy_pct=0.0, power_step_w=0.0,
    voltage_step_v=0.0, clock_offset_s=0.0, clock_skew_ppm=0.0,
)  # fmt: skip


def meters(options: MeterOptions, feeder: TwinFeeder | None = None, **more: Any) -> MeterPost:
    return MeterPost(feeder or TwinFeeder(OPTIONS), HandClock(), BASE, options, 1, **more)


def counts(made: MeterPost, seconds: float, step: float) -> dict[str, int]:
    """How often each topic is heard in the time after the start."""
    out: dict[str, int] = {}
    for k in range(1, round(seconds / step) + 1):
        for topic, _ in made.reports(START + k * step):
            out[topic] = out.get(topic, 0) + 1
    return out


def test_every_house_and_the_transformer_keep_their_beat() -> None:
    seen = counts(meters(MeterOptions(period_s=60.0, loss=0.0), transformer_period_s=20.0), 1200.0, 2.0)
    assert seen.pop(f"{BASE}/meter/transformer") == 60
    assert set(seen) == {f"{BASE}/meter/{house}" for house in TwinFeeder(OPTIONS).houses.ids}
    assert all(19 <= n <= 21 for n in seen.values()), seen


def test_reports_are_spread_over_the_period() -> None:
    made = meters(MeterOptions(period_s=60.0, loss=0.0), transformer_period_s=1e6)
    busiest = max(len(made.reports(START + k)) for k in range(120))
    assert busiest <= 4


def test_some_reports_are_lost_and_counted() -> None:
    made = meters(MeterOptions(period_s=10.0, loss=0.3), transformer_period_s=1e6)
    seen = sum(counts(made, 1500.0, 2.0).values())
    assert made.lost / (made.lost + seen) == pytest.approx(0.3, abs=0.03)


def test_after_a_standstill_meters_do_not_catch_up() -> None:
    made = meters(MeterOptions(period_s=60.0, loss=0.0, delay_s=0.0), transformer_period_s=1e6)
    assert len(made.reports(START + 7200.0)) == OPTIONS.houses + 1  # and the transformer
    assert len(made.reports(START + 7205.0)) < OPTIONS.houses // 2


def test_a_silent_house_reports_some_other_way() -> None:
    seen = counts(meters(MeterOptions(loss=0.0), silent=("h03", "h07")), 300.0, 5.0)
    assert f"{BASE}/meter/h03" not in seen
    assert f"{BASE}/meter/h07" not in seen
    assert len(seen) == OPTIONS.houses - 2 + 1


@pytest.mark.parametrize("dark", [(), range(80, 100)], ids=["lit all the time", "dark for a part of it"])
def test_a_report_tells_the_mean_of_its_period(dark: Sequence[int]) -> None:
    feeder = TwinFeeder(OPTIONS)
    house = max(range(OPTIONS.houses), key=lambda k: abs(feeder.at(START).p[k]))
    name = feeder.houses.ids[house]
    shown: list[Truth] = []
    made = meters(PERFECT, feeder, on_truth=shown.append)
    heard: list[HouseReport] = []
    for k in range(1, 181):
        if k in dark:
            feeder.contact(name, None, START + k)
        elif k - 1 in dark:
            feeder.contact(name, Phase.L2, START + k)
        topics = dict(made.reports(START + k))
        if f"{BASE}/meter/{name}" in topics:
            heard.append(decode_house(topics[f"{BASE}/meter/{name}"]))
    assert len(heard) == 3
    for report in heard[1:]:
        own = [truth for truth in shown if report.t - 60.0 < truth.wall <= report.t]
        p, q = (sum(getattr(truth, quantity)[house] for truth in own) / len(own) for quantity in "pq")
        lit = [truth.v[house] for truth in own if truth.v[house] > 0.0]
        # A period ends between two looks: up to one look in sixty belongs to it by a part only.
        widest = max(abs(truth.p[house]) for truth in own) / 30.0
        assert report.p == pytest.approx(p, abs=widest)
        assert report.q == pytest.approx(q, abs=widest)
        assert report.v == pytest.approx(sum(lit) / len(lit), abs=0.2)
        assert report.i == pytest.approx((report.p**2 + report.q**2) ** 0.5 / report.v, rel=0.02, abs=0.02)


def test_the_transformers_report_is_the_present() -> None:
    feeder = TwinFeeder(OPTIONS)
    (payload,) = [payload for topic, payload in meters(PERFECT, feeder).reports(START) if topic.endswith("transformer")]
    bus, truth = decode_bus(payload), feeder.at(START)
    assert bus.p == pytest.approx(list(truth.bus_p), abs=1.0)
    assert bus.i_n == pytest.approx(truth.neutral_a, abs=0.01)
    assert bus.v_ll == pytest.approx([400.0] * 3, abs=15.0)
    assert bus.t == START


def test_a_dark_house_says_nothing() -> None:
    feeder = TwinFeeder(OPTIONS)
    feeder.contact("h05", None, START)
    made = meters(MeterOptions(period_s=60.0, loss=0.0), feeder)
    seen = counts(made, 120.0, 5.0)
    assert f"{BASE}/meter/h05" not in seen
    assert len(seen) == OPTIONS.houses
    feeder.contact("h05", Phase.L2, START + 120.0)
    later = [topic for k in range(1, 71) for topic, _ in made.reports(START + 120.0 + k)]
    assert f"{BASE}/meter/h05" in later


def test_every_look_is_shown() -> None:
    shown: list[Truth] = []
    made = meters(MeterOptions(), on_truth=shown.append)
    made.reports(START + 5.0)
    made.reports(START + 6.0)
    assert [truth.wall for truth in shown] == [START + 5.0, START + 6.0]


async def test_a_subscriber_hears_them_unretained_in_the_contracts_form() -> None:
    loop = asyncio.get_running_loop()
    heard: asyncio.Queue[tuple[str, bytes, bool]] = asyncio.Queue()
    clock = ScaledClock(600.0, START)
    made = MeterPost(TwinFeeder(OPTIONS), clock, BASE, MeterOptions(period_s=60.0, loss=0.0), 1)

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
            assert START - 1.0 <= body.t <= clock.wall() + 1.0  # a meter's clock is a second wrong at most
            topics.add(topic)
        stop.set()
        await asyncio.wait_for(serving, WAIT_S)
        client.disconnect()
        client.loop_stop()
    assert made.published >= len(topics)
