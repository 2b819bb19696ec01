"""Devices answer one after the other, each for itself."""

from __future__ import annotations

from firmware_bridge.simulator.faults import Delivery, Sending
from firmware_bridge.simulator.outbox import Outbox


def delivery(data: bytes, delay_s: float = 0.0, *, deaf: bool = False) -> Delivery:
    return Delivery((Sending(delay_s, data),), deaf=deaf)


def test_a_late_reply_holds_back_those_of_the_same_unit_only() -> None:
    box = Outbox()
    box.put(1, delivery(b"late", 0.5), 10.0)
    box.put(1, delivery(b"next"), 10.1)
    box.put(2, delivery(b"other"), 10.2)
    assert box.next_at() == 10.2
    assert box.take(10.1) is None
    assert box.take(10.2) == b"other"
    assert box.take(10.4) is None
    assert [box.take(10.5), box.take(10.5), box.take(10.5)] == [b"late", b"next", None]
    assert box.next_at() is None


def test_a_unit_may_be_deaf_until_its_late_reply_is_out() -> None:
    box = Outbox()
    box.put(1, delivery(b"late", 0.5, deaf=True), 10.0)
    assert (box.deaf(1, 10.4), box.deaf(1, 10.5), box.deaf(2, 10.4)) == (True, False, False)


def test_the_parts_of_one_reply_keep_their_order() -> None:
    box = Outbox()
    box.put(1, Delivery((Sending(0.0, b"reply"), Sending(0.01, b"noise"))), 5.0)
    box.put(1, delivery(b"next"), 5.001)
    assert [box.take(6.0), box.take(6.0), box.take(6.0)] == [b"reply", b"noise", b"next"]
