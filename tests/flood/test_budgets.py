"""How much of a source is read, and whose account a topic goes on."""

from __future__ import annotations

import random
from itertools import count

import pytest

from edge_balancer.telemetry.budgets import (
    LEAST_TOGETHER,
    OWN,
    OWN_WINDOW_S,
    RECENT_S,
    REQUESTS_TOGETHER,
    Budgets,
    Rates,
)
from edge_balancer.telemetry.intake import Intake
from edge_balancer.telemetry.speakers import Source, Voice
from edge_balancer.types.floods import Flood
from tests.support.configuration import make_config

BASE = "phase-balance/feeder"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def budgets(clock: Clock, most: int = 5) -> Budgets:
    rates = Rates(device=most, order=3, requests=8, clears=12)
    return Budgets(lambda topic: Source(topic.partition("/")[0], topic.partition("/")[0]), rates, clock)


def test_so_many_a_second_are_read_of_each_source_and_no_other_pays_for_it() -> None:
    clock = Clock()
    account = budgets(clock)
    read = 0
    for second in range(4):
        for n in range(1000):
            clock.now = 100.0 + second + n / 1000
            read += account.admit(b"h1/power")
            if n % 250 == 0:
                assert account.admit(b"h2/power")
    assert read == 4 * 5
    assert account.unread == 4000 - read
    assert account.left_unread() == {Source("h1", "h1"): 3980}


@pytest.mark.parametrize("every_s", [0.25, 10.0, 3600.0])
def test_who_speaks_seldom_is_always_read(every_s: float) -> None:
    clock = Clock()
    account = budgets(clock)
    for _ in range(200):
        clock.now += every_s
        assert account.admit(b"h1/power")
    assert account.floods(clock.now) == ()


def test_all_topics_of_a_device_have_one_budget() -> None:
    account = budgets(Clock())
    assert sum(account.admit(f"h1/{n}".encode()) for n in range(100)) == 5


def test_a_flood_is_told_while_it_lasts_with_its_rate() -> None:
    clock = Clock()
    account = budgets(clock)
    for n in range(4000):
        clock.now = 100.0 + n / 2000
        account.admit(b"h1/power")
    (flood,) = account.floods(clock.now)
    assert flood.per_s == pytest.approx(2000, rel=0.01)
    assert flood == Flood("h1", "h1", flood.per_s, 5, account.unread)
    assert account.floods(clock.now + RECENT_S + 0.1) == ()
    assert account.left_unread() == {Source("h1", "h1"): account.unread}


def test_invented_topics_fill_no_memory_and_gain_no_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_balancer.telemetry.budgets.MOST_TOPICS", 100)
    account = budgets(Clock())
    assert sum(account.admit(f"h1/{n}".encode()) for n in range(1000)) == 5
    assert len(account._by_topic) <= 100
    assert len(account._tallies) == 1


OURS = "homeassistant/device/edge_balancer_feeder"
SHARED = {"topic": "em", "format": "shelly2"}
CONFIG = make_config(
    [
        {"id": "h1", "phase": "L1"},
        {"id": "h2", "phase": "L2", "switch_topic": "garage/relay-7"},
        {"id": "h3", "phase": "L3", "meters": [{"topic": "shellies/h3", "format": "shelly1"}]},
        {"id": "h4", "phase": "L1", "meters": [{**SHARED, "channel": 0}]},
        {"id": "h5", "phase": "L2", "meters": [{**SHARED, "channel": 1}]},
    ]
)


@pytest.mark.parametrize(
    ("topics", "source"),
    [
        ([f"{BASE}/meter/h1"], Source("h1", f"{BASE}/meter/h1")),
        ([f"{BASE}/meter/transformer"], Source("transformer", f"{BASE}/meter/transformer")),
        ([f"{BASE}/switch/h1/state", f"{BASE}/switch/h1/availability"], Source("h1", f"{BASE}/switch/h1/...")),
        (["garage/relay-7/state", "garage/relay-7/availability"], Source("h2", "garage/relay-7/...")),
        (["shellies/h3/emeter/0/power", "shellies/h3", "shellies/h3/invented/9"], Source("h3", "shellies/h3")),
        (["em/status/em:0", "em/events/rpc"], Source("h4", "em")),
        ([f"{BASE}/meter/h9", f"{BASE}/meter/h3"], Source("", f"{BASE}/meter/...")),
        ([f"{BASE}/switch/h9/state", f"{BASE}/switch/h9/request"], Source("", f"{BASE}/switch/...")),
        ([f"{BASE}/switch/h1/request"], Source("", f"{BASE}/switch/h1/request", Voice.REQUEST)),
        ([f"{BASE}/switch/h2/clear"], Source("", f"{BASE}/switch/h2/clear", Voice.CLEAR)),
        ([f"{BASE}/mode/set"], Source("", f"{BASE}/mode/set", Voice.ORDER)),
        ([f"{BASE}/silence/set"], Source("", f"{BASE}/silence/set", Voice.ORDER)),
        ([f"{BASE}/alert/x/ack", f"{BASE}/alert/y/z/ack"], Source("", f"{BASE}/alert/.../ack", Voice.ACKS)),
        ([f"{BASE}/alert/x", f"{BASE}/alert/y/z"], Source("", f"{BASE}/alert/...", Voice.OWN)),
        ([f"{BASE}/availability"], Source("", f"{BASE}/availability")),
        (["homeassistant/status"], Source("", "homeassistant/status", Voice.ORDER)),
        ([f"{OURS}/feeder/config", f"{OURS}/invented/config"], Source("", f"{OURS}/...", Voice.OWN)),
    ],
)
def test_whose_account_a_topic_goes_on(topics: list[str], source: Source) -> None:
    intake = Intake(CONFIG)
    assert {topic: intake.source(topic) for topic in topics} == dict.fromkeys(topics, source)


def test_every_subscription_is_heard_on_one_of_the_three_connections_and_can_be_left_unread() -> None:
    intake = Intake(CONFIG)
    connections = [intake.meter_subscriptions(), intake.control_subscriptions(), intake.order_subscriptions()]
    filters = [topic for one in connections for topic, _ in one]
    assert len(filters) == len(set(filters))
    assert [wanted for one in connections for wanted in one] == intake.subscriptions()
    assert {qos for one in connections for _, qos in one} == {0}
    orders = {topic.removeprefix(f"{BASE}/") for topic, _ in intake.order_subscriptions()}
    assert orders == {"switch/+/request", "switch/+/clear", "mode/set", "silence/set", "alert/#"}


VOICES = {"switch": Voice.DEVICE, "request": Voice.REQUEST, "clear": Voice.CLEAR, "ack": Voice.ACKS}


def orders(clock: Clock) -> Budgets:
    """Topics `mode`, `request/h1`, `clear/h1`, ... of orders, and `ack/...`."""

    def source(topic: str) -> Source:
        family = topic.partition("/")[0]
        return Source("", "ack" if family == "ack" else topic, VOICES.get(family, Voice.ORDER))

    return Budgets(source, Rates(device=5, order=3, requests=8, clears=12), clock)


def test_a_flood_of_one_order_takes_no_place_of_another() -> None:
    clock = Clock()
    account = orders(clock)
    for second in range(5):
        for n in range(1000):
            clock.now = 100.0 + second + n / 1000
            account.admit(b"mode")
        assert account.admit(b"request/h1")
        assert account.admit(b"switch/h1")
    assert account.left_unread() == {Source("", "mode", Voice.ORDER): 5000 - 5 * 3}
    (flood,) = account.floods(clock.now)
    assert (flood.topic, flood.most_per_s) == ("mode", 3)


@pytest.mark.parametrize(
    ("family", "most", "topic"),
    [("request", 8, "the requests of all houses together"), ("clear", 12, "the releases of all houses together")],
)
def test_orders_for_all_houses_together_have_a_budget_that_nobody_else_pays_into(
    family: str, most: int, topic: str
) -> None:
    clock = Clock()
    account = orders(clock)
    assert sum(account.admit(f"{family}/h{n}".encode()) for n in range(100)) == most
    assert all(account.admit(b"switch/h1") for _ in range(5))
    for other in {"mode", "silence", "ack/1", "request/h200", "clear/h200"} - {f"{family}/h200"}:
        assert account.admit(other.encode()), other
    (flood,) = account.floods(clock.now)
    assert (flood.topic, flood.most_per_s) == (topic, most)
    clock.now += 1.0
    assert account.admit(f"{family}/h1".encode())


MANY = make_config(40)
FLOODED = [
    *([f"{BASE}/switch/{house.id}/request" for house in MANY.houses[:n]] for n in (1, 9, 10, 20, 40)),
    *([f"{BASE}/switch/{house.id}/clear" for house in MANY.houses[:n]] for n in (1, 10, 40)),
    [f"{BASE}/alert/storage/ack"],
    [f"{BASE}/alert/invented/{n}/ack" for n in range(40)],
    [f"{BASE}/alert/invented/{n}" for n in range(40)],
    [f"{BASE}/silence/set", "homeassistant/status"],
    [f"{BASE}/meter/{house.id}" for house in MANY.houses],
    [f"{BASE}/switch/{house.id}/state" for house in MANY.houses],
    [f"{BASE}/switch/invented-{n}/request" for n in range(40)],
]
A_SECOND = 60
ALL_BUT_THE_MODE = list(dict.fromkeys(topic for topics in FLOODED for topic in topics))


@pytest.mark.parametrize(
    "flooded", [*FLOODED, ALL_BUT_THE_MODE], ids=lambda topics: f"{len(topics)} topics like {topics[0]}"
)
def test_in_a_flood_of_anything_else_every_mode_is_heard(flooded: list[str]) -> None:
    clock, random_ = Clock(), random.Random(len(flooded))
    account = Budgets(Intake(MANY).source, Rates.of(MANY), clock)
    # Each topic is flooded, and now and then somebody who wants the feeder to stand still.
    start, seconds = clock.now, 60
    honest = sorted(start + second + random_.random() for second in range(seconds))
    heard, unread = 0, 0
    for n in count():
        clock.now = start + n / (A_SECOND * len(flooded))
        while honest and honest[0] <= clock.now:
            heard += account.admit(f"{BASE}/mode/set".encode())
            honest.pop(0)
        if not honest:
            break
        unread += not account.admit(flooded[n % len(flooded)].encode())
    assert heard == seconds
    assert unread > 0.1 * seconds * A_SECOND


def test_acknowledgements_are_half_as_many_as_releases() -> None:
    account = orders(Clock())
    assert sum(account.admit(f"ack/{n}".encode()) for n in range(100)) == 6
    assert account.admit(b"mode")


@pytest.mark.parametrize(("houses", "clears"), [(3, LEAST_TOGETHER), (400, 800)])
def test_who_releases_every_house_of_a_feeder_is_no_flood(houses: int, clears: int) -> None:
    rates = Rates.of(make_config(houses))
    # Requests cost much more, and are no more on a large feeder.
    assert (rates.device, rates.order, rates.requests, rates.clears) == (50, 10, REQUESTS_TOGETHER, clears)
    wanted = dict.fromkeys((Voice.ORDER, Voice.REQUEST, Voice.CLEAR), (10, 1.0))
    wanted |= {Voice.DEVICE: (50, 1.0), Voice.ACKS: (clears // 2, 1.0), Voice.OWN: (OWN, OWN_WINDOW_S)}
    assert {voice: rates.most(voice) for voice in Voice} == wanted


def test_who_wants_more_orders_read_gets_more_of_them_together() -> None:
    rates = Rates.of(make_config(3, telemetry={"orders_per_second": 200}))
    assert (rates.order, rates.requests, rates.clears) == (200, 400, 400)


def test_all_that_stands_in_our_own_name_comes_back_at_once_and_no_flood_in_it() -> None:
    clock = Clock()
    account = Budgets(
        lambda _: Source("", "alert/...", Voice.OWN), Rates(device=5, order=3, requests=8, clears=12), clock
    )
    read = sum(account.admit(f"alert/{n}".encode()) for n in range(OWN))
    for _ in range(60_000):
        clock.now += 0.001
        read += account.admit(b"alert/x")
    assert OWN * 60 / OWN_WINDOW_S <= read <= OWN * (60 / OWN_WINDOW_S + 1)
    (flood,) = account.floods(clock.now)
    assert (flood.most_per_s, round(flood.per_s)) == (100, 1000)
