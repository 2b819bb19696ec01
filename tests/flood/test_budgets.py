"""How much of a source is read, and whose account a topic goes on."""

from __future__ import annotations

from typing import Any

import pytest

from edge_balancer.telemetry.budgets import RECENT_S, Budgets, Source
from edge_balancer.telemetry.intake import Intake
from edge_balancer.types.floods import Flood
from tests.support.configuration import make_config

BASE = "phase-balance/feeder"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def budgets(clock: Clock, most: int = 5) -> Budgets:
    return Budgets(lambda topic: Source(topic.partition("/")[0], topic.partition("/")[0]), most, clock)


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
        ([f"{BASE}/switch/h9/state", f"{BASE}/switch/h1/request"], Source("", f"{BASE}/switch/...")),
        ([f"{BASE}/alert/x/ack", f"{BASE}/alert/y/z/ack"], Source("", f"{BASE}/alert/...")),
        (["homeassistant/status"], Source("", "homeassistant/status")),
    ],
)
def test_whose_account_a_topic_goes_on(topics: list[str], source: Source) -> None:
    intake = Intake(CONFIG)
    assert {topic: intake.source(topic) for topic in topics} == dict.fromkeys(topics, source)


def test_every_subscription_is_heard_on_one_of_the_two_connections() -> None:
    intake = Intake(CONFIG)
    meters, control = dict(intake.meter_subscriptions()), dict(intake.control_subscriptions())
    assert not meters.keys() & control.keys()
    assert set(meters.values()) == {0}
    orders: dict[str, Any] = {topic: qos for topic, qos in control.items() if qos}
    assert set(orders) == {
        f"{BASE}/{leaf}" for leaf in ("switch/+/request", "switch/+/clear", "mode/set", "silence/set", "alert/#")
    }
