"""What comes back, flaps and then stays, or could not be told at first: said once more exactly where that says
something new, and nobody left out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edge_balancer.alerts.channels.channel import Outcome, Receipt, Received
from edge_balancer.alerts.telling.state import Status
from edge_balancer.types.events import Severity
from edge_balancer.types.switching import AlertAck
from tests.messenger.mailroom import SMS, WALL, Mailroom, contact

WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL
Make = Callable[..., Mailroom]
BOB = "+4915100000002"
SEVERE = "severe_imbalance"


def flap(room: Mailroom, key: str, severity: Severity, times: int = 3, step_s: float = 5.0) -> None:
    """It comes and goes, and stands at the end."""
    for left in range(times, 0, -1):
        room.begin(key, severity)
        room.pass_s(300, step_s)
        if left > 1:
            room.end(key)
            room.pass_s(300, step_s)


def test_a_grave_alert_that_flapped_and_then_stays_is_told_asks_for_an_answer_and_goes_to_the_next(make: Make) -> None:
    room = make([contact(max_per_hour=60), contact("bob", to=BOB, order=2)], remind_s=0)
    flap(room, SEVERE, CRITICAL, times=4)
    before = room.texts(to=SMS)
    assert sum("is flapping" in text for text in before) == 1
    room.pass_s(1000)
    (text,) = room.texts(to=SMS)[len(before) :]
    assert text.startswith("CRITICAL feeder-1: Something is wrong with severe_imbalance")
    assert "Reply ACK" in text
    room.pass_s(1000)
    assert any("Nobody has acknowledged this." in text for text in room.texts(to=BOB))
    room.end(SEVERE)
    room.pass_s(300)
    again = len(room.texts(to=SMS))
    flap(room, SEVERE, CRITICAL)
    room.pass_s(2000)
    # That it lasts is said once for all this flapping.
    assert len(room.texts(to=SMS)) == again


def test_an_acknowledged_grave_alert_that_flapped_and_stays_says_no_more(make: Make) -> None:
    room = make([contact(max_per_hour=60), contact("bob", to=BOB, order=2)])
    flap(room, SEVERE, CRITICAL)
    room.acknowledge(SEVERE)
    told = len(room.texts())
    room.pass_s(3600)
    assert len(room.texts()) == told


def test_a_summary_of_what_stands_is_as_grave_as_that_and_waits_for_an_answer(make: Make) -> None:
    room = make([contact(max_per_hour=60), contact("bob", to=BOB, order=2)], escalate_s=9000, remind_s=0)
    flap(room, SEVERE, CRITICAL, step_s=10)
    room.pass_s(7300, step_s=20)
    text = room.texts(to=SMS)[-1]
    assert text.startswith("CRITICAL feeder-1: severe imbalance has calmed and stands: begun 3 times since 12:00.")
    number = text.rpartition("ACK ")[2].rstrip(".")
    room.channel.inbox.append(Received(SMS, f"ACK {number}", room.wall))
    room.turn()
    assert room.acks == [AlertAck(SEVERE, "anna")]
    assert room.texts(to=BOB) == []
    room.pass_s(9200, step_s=20)
    assert len(room.texts(to=BOB)) == 1


def test_a_warning_that_flapped_and_stands_is_told_of_as_calmed_and_then_its_end(make: Make) -> None:
    room = make(ends_within_s=600)
    flap(room, "frequent_switching", WARNING)
    told = len(room.texts())
    room.pass_s(7000, step_s=20)
    assert len(room.texts()) == told + 1
    assert "has calmed and stands:" in room.texts()[-1]
    room.pass_s(7200, step_s=20)
    room.end("frequent_switching")
    room.pass_s(1200)
    assert len(room.texts()) == told + 2
    assert "Over: frequent switching" in room.texts()[-1]


def test_what_is_back_before_its_end_was_told_is_no_news_and_its_end_is_told_once(make: Make) -> None:
    room = make()
    room.begin("frequent_switching", WARNING)
    room.pass_s(600)
    room.end("frequent_switching")
    room.pass_s(1800)
    room.begin("frequent_switching", WARNING)
    room.pass_s(3600)
    assert len(room.texts()) == 1
    room.end("frequent_switching")
    room.pass_s(5 * 3600, step_s=60)
    assert len(room.texts()) == 1
    room.pass_s(2 * 3600, step_s=60)
    assert len(room.texts()) == 2
    assert "Over: frequent switching, from 12:00 to 13:40." in room.texts()[1]


@pytest.mark.parametrize(("severity", "acked"), [(WARNING, False), (CRITICAL, True)])
def test_what_is_back_graver_or_after_an_acknowledgement_is_told(make: Make, severity: Severity, acked: bool) -> None:
    room = make(ends_within_s=3600, remind_s=0)
    room.begin("switch_locked/h1", severity)
    room.pass_s(600)
    if acked:
        room.acknowledge("switch_locked/h1")
    room.end("switch_locked/h1")
    room.pass_s(60)
    room.begin("switch_locked/h1", CRITICAL)
    room.pass_s(600)
    assert len(room.texts()) == 2
    assert "Over" not in room.texts()[1]
    room.end("switch_locked/h1")
    room.pass_s(7200, step_s=20)
    assert len(room.texts()) == 3
    assert sum("Over" in text for text in room.texts()) == 1


def test_the_number_of_the_first_message_acknowledges_what_is_back(make: Make) -> None:
    room = make([contact(), contact("bob", to=BOB, order=2)])
    room.begin("storage")
    room.pass_s(60)
    room.end("storage")
    room.pass_s(60)
    room.begin("storage")
    room.pass_s(60)
    assert len(room.texts()) == 1
    room.channel.inbox.append(Received(SMS, "ACK 1", room.wall))
    room.turn()
    assert room.acks == [AlertAck("storage", "anna")]
    room.pass_s(900)
    # Nobody had acknowledged it in the book: the time since the first message counts.
    assert len(room.texts(to=BOB)) == 1


def test_the_end_of_what_a_person_has_cleared_goes_along_with_the_next_message(make: Make) -> None:
    room = make(remind_s=0)
    room.begin("switch_locked/h1")
    room.pass_s(600)
    room.end("switch_locked/h1")
    room.pass_s(3600, step_s=20)
    assert len(room.texts()) == 1
    room.begin("storage")
    room.pass_s(60)
    assert "Over: switch locked out h1." in room.texts()[1]


def test_a_rise_that_failed_takes_nothing_from_the_end(make: Make) -> None:
    room = make(ends_within_s=600, remind_s=0)
    room.begin(SEVERE, WARNING)
    room.pass_s(600)
    room.channel.answers = [Receipt(Outcome.REFUSED, detail="refused")]
    room.change(SEVERE, CRITICAL)
    room.pass_s(600)
    room.end(SEVERE)
    room.pass_s(3600)
    assert [text.split()[0] for text in room.texts()] == ["Warning", "Note"]


@pytest.mark.parametrize("arrives", [True, False])
def test_the_end_of_what_nobody_heard_of_is_not_told(make: Make, arrives: bool) -> None:
    """A message that the network had taken and could not deliver was not heard either."""
    room = make(ends_within_s=600, remind_s=0)
    room.channel.delivery = Receipt(Outcome.DELIVERED) if arrives else Receipt(Outcome.REFUSED, detail="30005")
    room.begin("storage")
    room.pass_s(600)
    room.end("storage")
    room.pass_s(3600)
    assert len(room.texts()) == (2 if arrives else 1)


def test_who_hears_nothing_at_night_leaves_it_to_the_next_contact(make: Make) -> None:
    contacts = [contact(quiet="22:00-06:30", quiet_severity="none"), contact("bob", to=BOB, order=2)]
    room = make(contacts, wall=WALL + 11 * 3600.0)
    room.begin("storage")
    room.pass_s(900)
    assert room.texts() == []
    room.pass_s(300)
    assert len(room.texts(to=BOB)) == 1
    assert room.texts(to=SMS) == []


def test_what_was_given_up_and_still_stands_is_told_when_the_channel_is_back(make: Make) -> None:
    room = make(give_up_hours=1.0, remind_s=0)
    room.channel.down = True
    room.begin("frequent_switching", WARNING)
    room.begin("storage")
    room.pass_s(3 * 3600, step_s=20)
    statuses = [letter.status for letter in room.clerk.teller.state.letters.values()]
    assert statuses.count(Status.FAILED) >= 2
    room.channel.down = False
    room.pass_s(1200)
    assert len(room.texts()) == 1
    assert "2 alerts: store cannot save, frequent switching." in room.texts()[0]


def test_flapping_that_the_cap_held_back_for_an_hour_is_told_then(make: Make) -> None:
    room = make([contact(max_per_hour=2)], remind_s=0)
    room.channel.down = True
    room.begin("storage")
    room.pass_s(60)
    for _ in range(3):
        room.begin("frequent_switching", WARNING)
        room.pass_s(10)
        room.end("frequent_switching")
        room.pass_s(10)
    room.pass_s(1200)
    room.channel.down = False
    room.pass_s(2 * 3600, step_s=20)
    assert any("frequent switching is flapping" in text for text in room.texts())
