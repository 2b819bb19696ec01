"""Telling where something fails: a channel that is down, refuses or cannot say; a cap; a clock that is set; contacts
and channels that are configured no longer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edge_balancer.alerts.channels.channel import Outcome, Receipt
from edge_balancer.alerts.telling.state import Status
from edge_balancer.types.events import Severity
from tests.messenger.mailroom import SMS, Mailroom, Service, contact

WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL
Make = Callable[..., Mailroom]


def test_an_alert_raised_while_the_channel_is_down_goes_out_later_once(make: Make) -> None:
    room = make()
    room.channel.down = True
    room.begin("storage")
    room.pass_s(1800)
    assert room.texts() == []
    assert room.clerk.teller.post.counts["retried"] > 5
    room.channel.down = False
    room.pass_s(600)
    assert len(room.texts()) == 1


def test_or_not_at_all_but_as_a_line_where_it_is_over_by_then(make: Make) -> None:
    room = make()
    room.channel.down = True
    room.begin("storage")
    room.pass_s(600)
    room.end("storage")
    room.pass_s(600)
    room.channel.down = False
    room.pass_s(3600)
    assert room.texts() == []
    room.begin("broker_lost")
    room.pass_s(300)
    assert "Begun and over meanwhile: store cannot save." in room.texts()[0]


def test_a_rise_that_could_not_be_told_is_forgotten_and_the_end_is_told(make: Make) -> None:
    room = make(ends_within_s=600)
    room.begin("severe_imbalance", WARNING)
    room.pass_s(600)
    room.channel.down = True
    room.change("severe_imbalance", CRITICAL)
    room.pass_s(600)
    room.end("severe_imbalance")
    room.pass_s(300)
    room.channel.down = False
    room.pass_s(3600)
    assert [text.split()[0] for text in room.texts()] == ["Warning", "Note"]
    assert "Over: severe imbalance" in room.texts()[1]


def test_what_the_cap_held_back_once_is_not_counted_again(make: Make) -> None:
    room = make([contact(max_per_hour=1)], remind_s=0)
    room.begin("storage")
    room.pass_s(60)
    room.begin("severe_imbalance", WARNING)
    room.pass_s(4000)
    assert "Held back" in room.texts()[1]
    room.pass_s(4000)
    room.change("severe_imbalance", CRITICAL)
    room.pass_s(4000)
    assert "Held back" not in room.texts()[2]


def test_a_contact_that_is_configured_no_longer_is_forgotten(make: Make) -> None:
    room = make([contact("anna"), contact("bob", to="+4915100000002")])
    room.begin("storage")
    room.pass_s(60)
    assert len(room.texts()) == 2
    room.ways = room.ways[:1]
    room.restart()
    room.end("storage")
    room.pass_s(2 * 3600)
    assert [message["to"] for message in room.channel.taken()] == [SMS, "+4915100000002", SMS]
    assert room.clerk.teller.state.episodes == {}


def test_a_message_that_cannot_leave_is_given_up_at_last(make: Make) -> None:
    room = make(give_up_hours=1.0, remind_s=0)
    room.channel.down = True
    room.begin("storage")
    room.pass_s(2 * 3600)
    statuses = [letter.status for letter in room.clerk.teller.state.letters.values()]
    assert statuses[0] is Status.FAILED
    assert "no network" in next(iter(room.clerk.teller.state.letters.values())).detail


def test_retry_after_is_respected(make: Make) -> None:
    room = make()
    room.channel.answers = [Receipt(Outcome.RETRY, retry_after_s=900.0)]
    room.begin("storage")
    room.pass_s(800)
    assert room.texts() == []
    room.pass_s(300)
    assert len(room.texts()) == 1


@pytest.mark.parametrize(
    ("delivery", "status", "count"),
    [
        (Receipt(Outcome.DELIVERED), Status.DELIVERED, "delivered"),
        (Receipt(Outcome.REFUSED, detail="30005"), Status.FAILED, "failed"),
        (Receipt(Outcome.SENT), Status.SENT, "sent"),
    ],
)
def test_the_delivery_is_looked_at_until_it_is_known(make: Make, delivery: Receipt, status: Status, count: str) -> None:
    room = make(remind_s=0)
    room.channel.delivery = delivery
    room.begin("storage")
    room.pass_s(3 * 3600, step_s=10)
    (letter,) = room.clerk.teller.state.letters.values()
    assert (letter.status, room.clerk.teller.post.counts[count]) == (status, 1)
    assert letter.settled_at is not None


def test_a_clock_that_is_set_moves_no_deadline_and_no_cap(make: Make) -> None:
    room = make([contact(max_per_hour=1)], remind_s=0)
    room.begin("storage")
    room.pass_s(60)
    room.wall += 86_400.0
    room.begin("broker_lost")
    room.pass_s(1800)
    assert len(room.texts()) == 1
    room.wall -= 2 * 86_400.0
    room.pass_s(1860)
    assert len(room.texts()) == 2


def test_two_channels_are_told_each_by_itself(make: Make) -> None:
    channels = [Service(), Service("email")]
    ways = [{"channel": "sms", "to": SMS, "severity": "critical"}, {"channel": "email", "to": "a@example.org"}]
    room = make([{"name": "anna", "ways": ways}], channels)
    channels[0].down = True
    room.begin("storage")
    room.begin("frequent_switching", WARNING)
    room.pass_s(600)
    assert [len(room.texts(0)), len(room.texts(1))] == [0, 1]


def test_a_way_whose_channel_is_not_configured_is_refused_and_said(make: Make) -> None:
    room = make([contact(channel="pigeon")])
    room.begin("storage")
    room.pass_s(60)
    (letter,) = room.clerk.teller.state.letters.values()
    assert (letter.status, letter.detail) == (Status.FAILED, "no channel pigeon is configured")
