"""Who is told of an alert, when, how often, and in how many messages; over a real queue file and a channel that keeps
what it took."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edge_balancer.alerts.channels.channel import Outcome, Receipt, Received
from edge_balancer.alerts.telling.state import Hold
from edge_balancer.types.events import Severity
from edge_balancer.types.switching import AlertAck
from tests.messenger.mailroom import SMS, WALL, Mailroom, contact

INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL
Make = Callable[..., Mailroom]


def test_an_alert_is_told_once_and_its_end_once(make: Make) -> None:
    room = make()
    room.begin("storage")
    room.pass_s(3600)
    assert len(room.texts()) == 1
    assert "CRITICAL feeder-1: Something is wrong with storage: 5 A, limit 4 A." in room.texts()[0]
    room.end("storage")
    room.pass_s(7200)
    assert len(room.texts()) == 2
    assert room.texts()[1].startswith("Note feeder-1: Over: store cannot save, from 12:00 to 13:00.")


def test_a_text_message_says_what_to_do_and_how_to_acknowledge_within_160_letters(make: Make) -> None:
    room = make()
    room.begin("voltage_extreme_high/L1", text="Voltage dangerously high on L1: 271 V at h7. And more. And more.")
    room.pass_s(60)
    (text,) = room.texts()
    assert text == (
        "CRITICAL feeder-1: Voltage dangerously high on L1: 271 V at h7. Send someone now. Since 12:00. Reply ACK 1."
    )
    room.begin("storage", text="The store " + "is gone " * 40 + ". Do something.")
    room.pass_s(120)
    assert len(room.texts()[1]) <= 160
    assert room.texts()[1].endswith("... Reply ACK 2.")


def test_an_email_tells_each_alert_in_full(make: Make) -> None:
    room = make([contact(to="anna@example.org")])
    room.begin("switch_locked/h3")
    room.begin("switch_locked/h4")
    room.pass_s(60)
    (message,) = room.channel.taken()
    assert message["subject"] == "CRITICAL feeder-1: switch locked out h3, switch locked out h4"
    assert message["text"].count("It is watched. Look at it. Since 12:00.") == 2
    assert "alerts ack 1" in message["text"]


@pytest.mark.parametrize(
    ("least", "severity", "told"),
    [
        ("warning", INFO, 0),
        ("warning", WARNING, 1),
        ("critical", WARNING, 0),
        ("critical", CRITICAL, 1),
        ("info", INFO, 1),
    ],
)
def test_each_way_has_its_least_severity(make: Make, least: str, severity: Severity, told: int) -> None:
    room = make([contact(way={"severity": least})])
    room.begin("storage", severity)
    room.pass_s(4000)
    assert len(room.texts()) == told


@pytest.mark.parametrize(("severity", "deadline_s"), [(CRITICAL, 120), (WARNING, 900), (INFO, 3600)])
def test_an_alert_is_told_within_its_deadline(make: Make, severity: Severity, deadline_s: float) -> None:
    room = make([contact(way={"severity": "info"})])
    for number in range(4):
        room.begin(f"switch_locked/h{number}", severity)
        room.pass_s(deadline_s)
        assert f"h{number}" in " ".join(room.texts())


def test_alerts_that_begin_together_make_one_message_that_counts_them(make: Make) -> None:
    room = make()
    for number in range(55):
        room.begin(f"switch_locked/h{number}")
    room.pass_s(600)
    (text,) = room.texts()
    assert "55 alerts: switch locked out h0, switch locked out h1, switch locked out h10 and 52 more." in text


def test_what_follows_from_a_cause_of_the_whole_feeder_says_nothing(make: Make) -> None:
    room = make()
    room.begin("stale_meters", WARNING)
    for number in range(55):
        room.begin(f"meter_silent/h{number}", WARNING)
    room.pass_s(3600)
    assert len(room.texts()) == 1
    assert "meter_silent" not in room.texts()[0]
    for key in list(room.alerts):
        room.end(key)
    room.pass_s(5 * 3600, step_s=60)
    assert len(room.texts()) == 1
    room.pass_s(2 * 3600, step_s=60)
    assert len(room.texts()) == 2
    assert "Over: many meters silent" in room.texts()[1]
    assert room.clerk.teller.held[Hold.FOLLOWS] == 55


def test_what_stands_long_after_its_cause_is_over_is_told_by_itself(make: Make) -> None:
    room = make()
    room.begin("stale_meters", WARNING)
    room.begin("meter_silent/h1", WARNING)
    room.pass_s(1000)
    room.end("stale_meters")
    room.pass_s(3600)
    assert any("meter_silent/h1" in text for text in room.texts())


def test_who_is_not_told_of_the_cause_hears_of_what_follows(make: Make) -> None:
    room = make([contact(way={"severity": "critical"})])
    room.begin("stale_meters", WARNING)
    room.begin("switch_position/h1", CRITICAL)
    room.pass_s(300)
    assert len(room.texts()) == 1


def test_a_severity_that_rises_is_told_again_and_one_that_falls_is_not(make: Make) -> None:
    room = make()
    room.begin("severe_imbalance", WARNING)
    room.pass_s(1000)
    room.change("severe_imbalance", CRITICAL)
    room.pass_s(1000)
    room.change("severe_imbalance", WARNING)
    room.pass_s(1000)
    assert [text.partition(" ")[0] for text in room.texts()] == ["Warning", "CRITICAL"]


NIGHT = 11 * 3600.0
"""From noon to 23:00."""


@pytest.mark.parametrize(
    ("quiet_severity", "severity", "told_at_night"),
    [("critical", WARNING, 0), ("critical", CRITICAL, 1), ("none", CRITICAL, 0), ("warning", WARNING, 1)],
)
def test_quiet_hours_hold_back_what_is_less_grave(
    make: Make, quiet_severity: str, severity: Severity, told_at_night: int
) -> None:
    room = make([contact(quiet="22:00-06:30", quiet_severity=quiet_severity)], wall=WALL + NIGHT, remind_s=0)
    room.begin("storage", severity)
    room.pass_s(3600)
    assert len(room.texts()) == told_at_night
    room.pass_s(7 * 3600, step_s=30)
    assert len(room.texts()) == 1


def test_quiet_hours_are_those_of_the_site(make: Make) -> None:
    room = make([contact(quiet="22:00-06:30")], wall=WALL + NIGHT, offset_s=-5 * 3600)
    room.begin("storage", WARNING)
    room.pass_s(1000)
    assert len(room.texts()) == 1


def test_a_clock_that_is_wrong_keeps_nobody_from_being_told(make: Make) -> None:
    room = make([contact(quiet="22:00-06:30")], wall=WALL + NIGHT)
    room.synced = False
    room.begin("storage", WARNING)
    room.pass_s(1000)
    assert len(room.texts()) == 1


def test_what_was_over_before_quiet_hours_ended_is_a_line_in_what_is_told_next(make: Make) -> None:
    room = make([contact(quiet="22:00-06:30")], wall=WALL + NIGHT)
    room.begin("storage", WARNING)
    room.pass_s(3600)
    room.end("storage")
    room.pass_s(8 * 3600, step_s=30)
    assert room.texts() == []
    room.begin("broker_lost")
    room.pass_s(60)
    (text,) = room.texts()
    assert "Begun and over meanwhile: store cannot save." in text


def test_a_silence_holds_back_what_matches_and_what_still_stands_is_told_after_it(make: Make) -> None:
    room = make()
    room.clerk.teller.silence(room_moment(room), "switch_locked", 3600.0, "anna")
    room.begin("switch_locked/h1")
    room.begin("switch_locked/h2")
    room.begin("storage")
    room.pass_s(1800)
    assert ["storage" in text for text in room.texts()] == [True]
    room.end("switch_locked/h1")
    room.pass_s(2400)
    assert len(room.texts()) == 2
    assert "switch_locked/h2" in room.texts()[1]
    assert "h1" not in room.texts()[1]


def test_what_follows_from_a_silenced_cause_is_silent_too(make: Make) -> None:
    room = make()
    room.clerk.teller.silence(room_moment(room), "stale_meters", 3600.0, "anna")
    room.begin("stale_meters", WARNING)
    room.begin("meter_silent/h1", WARNING)
    room.pass_s(1800)
    assert room.texts() == []


def room_moment(room: Mailroom) -> Any:
    from edge_balancer.alerts.telling.directory import Moment

    return Moment(room.now, room.wall)


def test_an_alert_that_nobody_acknowledges_goes_to_the_next_contact(make: Make) -> None:
    room = make([contact("anna"), contact("bob", to="+4915100000002", order=2)], escalate_s=600, remind_s=0)
    room.begin("storage")
    room.pass_s(500)
    assert room.texts(to="+4915100000002") == []
    room.pass_s(300)
    (text,) = room.texts(to="+4915100000002")
    assert "Nobody has acknowledged this." in text
    assert len(room.texts(to=SMS)) == 1


@pytest.mark.parametrize("how", ["acknowledged", "warning"])
def test_what_is_acknowledged_or_asks_for_nothing_goes_no_further(make: Make, how: str) -> None:
    room = make([contact("anna"), contact("bob", to="+4915100000002", order=2)], escalate_s=600)
    room.begin("storage", WARNING if how == "warning" else CRITICAL)
    room.pass_s(200)
    if how == "acknowledged":
        room.acknowledge("storage")
    room.pass_s(3600)
    assert room.texts(to="+4915100000002") == []


def test_an_alert_whose_only_message_is_refused_goes_to_the_next_contact_at_once(make: Make) -> None:
    room = make([contact("anna"), contact("bob", to="+4915100000002", order=2)])
    room.channel.answers = [Receipt(Outcome.REFUSED, detail="21211: the number is invalid")]
    room.begin("storage", WARNING)
    room.pass_s(400)
    assert [message["to"] for message in room.channel.taken()] == ["+4915100000002"]
    assert room.clerk.teller.post.counts["failed"] == 1


def test_what_stands_unacknowledged_is_reminded_of_now_and_then(make: Make) -> None:
    room = make(remind_s=3600)
    room.begin("storage")
    room.pass_s(2.5 * 3600)
    assert len(room.texts()) == 3
    assert ["Still standing, not acknowledged:" in text for text in room.texts()] == [False, True, True]
    room.acknowledge("storage")
    room.pass_s(2.5 * 3600)
    assert len(room.texts()) == 3


def test_a_flapping_alert_makes_one_message_and_a_summary_when_it_has_calmed(make: Make) -> None:
    room = make([contact(max_per_hour=60)], ends_within_s=600)
    for _ in range(20):
        room.begin("meter_silent/h1", WARNING)
        room.pass_s(300)
        room.end("meter_silent/h1")
        room.pass_s(300)
    flapping = [text for text in room.texts() if "is flapping" in text]
    assert len(flapping) == 1
    after = len(room.texts())
    room.pass_s(2.5 * 3600)
    assert len(room.texts()) == after + 1
    assert "has calmed and is over: begun 20 times since 12:00" in room.texts()[-1]
    assert after <= 5


def test_the_cap_holds_over_restarts_and_what_waits_becomes_one_message(make: Make) -> None:
    room = make([contact(max_per_hour=3)], remind_s=0)
    for number in range(12):
        room.begin(f"switch_locked/h{number}")
        room.pass_s(120)
        room.restart()
    assert len(room.texts()) == 3
    room.pass_s(3600)
    assert len(room.texts()) == 4
    assert "Held back by the limit of 3 messages an hour: 9." in room.texts()[3]


def test_the_last_message_of_the_hour_is_kept_for_what_is_critical(make: Make) -> None:
    room = make([contact(max_per_hour=2)])
    room.begin("frequent_switching", WARNING)
    room.pass_s(600)
    room.begin("voltage_high/L1", WARNING)
    room.pass_s(900)
    assert len(room.texts()) == 1
    room.begin("storage")
    room.pass_s(120)
    assert len(room.texts()) == 2
    assert "3 alerts" not in room.texts()[1]
    assert "2 alerts: store cannot save, voltage too high L1." in room.texts()[1]


@pytest.mark.parametrize(
    ("sender", "text", "acked"),
    [
        (SMS, "ACK 1", True),
        (SMS, " ack 1. ", True),
        (SMS, "1", True),
        ("0049 151 1234 5678", "ok 1", True),
        (SMS, "ACK 2", False),
        (SMS, "please stop", False),
        ("+4915199999999", "ACK 1", False),
    ],
)
def test_an_answer_from_a_contact_acknowledges(make: Make, sender: str, text: str, acked: bool) -> None:
    room = make()
    room.begin("switch_locked/h1")
    room.begin("switch_locked/h2")
    room.pass_s(60)
    assert "Reply ACK 1." in room.texts()[0]
    room.channel.inbox.append(Received(sender, text, room.wall))
    room.turn()
    keys = ["switch_locked/h1", "switch_locked/h2"] if acked else []
    assert room.acks == [AlertAck(key, "anna") for key in keys]
    assert room.clerk.strangers == (not acked)


def test_a_digest_tells_the_day_at_its_hour_and_only_where_there_is_something_to_tell(make: Make) -> None:
    room = make([contact(to="anna@example.org", way={"severity": "none", "digest_at": "18:00"})])
    room.begin("storage")
    room.pass_s(600)
    room.end("storage")
    for _ in range(3):
        room.begin("meter_silent/h1", WARNING)
        room.pass_s(600)
        room.end("meter_silent/h1")
    room.begin("broker_lost")
    room.acknowledge("broker_lost")
    room.pass_s(5 * 3600, step_s=60)
    assert room.texts() == []
    room.pass_s(3600, step_s=60)
    (message,) = room.channel.taken()
    assert message["subject"] == "feeder-1: the day in alerts"
    assert message["text"].splitlines() == [
        "Standing:",
        "- CRITICAL broker lost, since 12:40 (acknowledged)",
        "",
        "Over:",
        "- Warning meter silent h1, 3 times, the last 12:30 to 12:40",
        "- CRITICAL store cannot save, 12:00 to 12:10",
    ]
    room.end("broker_lost")
    room.pass_s(24 * 3600, step_s=120)
    assert len(room.texts()) == 2
    room.pass_s(48 * 3600, step_s=120)
    assert len(room.texts()) == 2
