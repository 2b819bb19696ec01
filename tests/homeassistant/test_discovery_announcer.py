"""When discovery messages are said, said again and taken back; without a broker."""

from __future__ import annotations

from edge_balancer.homeassistant.discovery import AGAIN_AFTER_S, AT_ONCE, MOST_WAITING, Announcer
from edge_balancer.settings.root import Configuration
from edge_balancer.wire import Topics
from tests.homeassistant.discovery_cases import TITLES, feeder

OWN = "homeassistant/device/edge_balancer_feeder/"
STATUS = "homeassistant/status"


def announcer(config: Configuration) -> Announcer:
    return Announcer(config, Topics(config), TITLES)


def all_due(who: Announcer, now: float) -> list[tuple[str, bytes]]:
    said: list[tuple[str, bytes]] = []
    while turn := who.due(now):
        assert len(turn) <= AT_ONCE
        said += turn
    return said


def test_everything_is_said_at_each_connection_and_then_no_more() -> None:
    who = announcer(feeder(100))
    assert all_due(who, 0.0) == []
    for now in (1.0, 2.0):
        who.connected(now)
        said = all_due(who, now)
        assert len(said) == len({topic for topic, _ in said}) == 101
        assert all(payload for _, payload in said)
        assert all_due(who, now) == []


def test_the_feeder_is_said_before_the_houses_that_hang_on_it() -> None:
    who = announcer(feeder(100))
    who.connected(0.0)
    assert who.due(0.0)[0][0] == f"{OWN}feeder/config"


def test_home_assistants_start_is_answered_at_once_and_its_repetitions_seldom() -> None:
    who = announcer(feeder(2))
    who.connected(0.0)
    all_due(who, 0.0)
    later = AGAIN_AFTER_S + 5.0
    assert who.message(STATUS, b"online", False, later)
    assert len(all_due(who, later)) == 3
    for n in range(1000):
        assert who.message(STATUS, b"online", False, later + n / 1000)
    assert all_due(who, later + 1.0) == []
    assert len(all_due(who, later + AGAIN_AFTER_S)) == 3
    assert all_due(who, later + 100.0) == []


def test_home_assistants_end_is_no_reason_to_speak() -> None:
    who = announcer(feeder(2))
    assert who.message(STATUS, b"offline", True, 50.0)
    assert all_due(who, 60.0) == []


def test_a_house_that_is_gone_is_taken_back_and_others_are_not() -> None:
    who = announcer(feeder(2))
    who.connected(0.0)
    all_due(who, 0.0)
    assert who.message(f"{OWN}house_h09/config", b'{"device":{}}', True, 1.0)
    assert who.message(f"{OWN}house_h01/config", b'{"device":{}}', True, 1.0)
    assert all_due(who, 1.0) == [(f"{OWN}house_h09/config", b"")]


def test_switched_off_it_takes_back_everything_and_says_nothing() -> None:
    who = announcer(feeder(2, homeassistant={"enabled": False}))
    assert who.subscriptions == [(f"{OWN}+/config", 0)]
    who.connected(0.0)
    assert all_due(who, 0.0) == []
    for name in ("feeder", "house_h01"):
        who.message(f"{OWN}{name}/config", b"{}", True, 1.0)
    assert all_due(who, 1.0) == [(f"{OWN}feeder/config", b""), (f"{OWN}house_h01/config", b"")]
    assert not who.message(STATUS, b"online", False, 2.0)


def test_its_own_echo_and_what_it_has_emptied_start_nothing() -> None:
    who = announcer(feeder(2))
    for payload, retained in ((b"{}", False), (b"", True), (b"", False)):
        assert who.message(f"{OWN}house_h09/config", payload, retained, 1.0)
    assert all_due(who, 1.0) == []


def test_other_topics_are_left_to_others() -> None:
    who = announcer(feeder(2))
    for topic in ("homeassistant/device/edge_balancer_feeder2/house/config", "phase-balance/feeder/meter/h01"):
        assert not who.message(topic, b"{}", True, 1.0)


def test_a_flood_of_foreign_messages_is_bounded() -> None:
    who = announcer(feeder(2))
    for n in range(MOST_WAITING + 500):
        who.message(f"{OWN}x{n}/config", b"{}", True, 1.0)
    assert len(all_due(who, 1.0)) == MOST_WAITING
