"""Spoiled replies: each fault is what it says, at its rate, and the same again from the same seed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.simulator.faults import Delivery, FaultKind, FaultRates, FaultSource, Sending, parse_rates
from firmware_bridge.simulator.wire import framed, intact

READ = framed(5, bytes.fromhex("04 04 43 66 80 00"))
ECHO = framed(5, bytes.fromhex("06 00 02 01 00"))
TIMEOUT_S, QUIET_S = 0.5, 0.25


def deliveries(kind: FaultKind, frame: bytes = READ, number: int = 200, seed: int = 1) -> list[Delivery]:
    source = FaultSource(FaultRates({kind: 1.0}, timeout_s=TIMEOUT_S, quiet_s=QUIET_S), seed)
    found = [source.deliver(frame) for _ in range(number)]
    assert source.counts == {kind: number}
    return found


def sent(delivery: Delivery) -> bytes:
    return b"".join(sending.data for sending in delivery.sendings)


def test_without_faults_the_reply_goes_out_as_it_is() -> None:
    source = FaultSource(FaultRates())
    assert source.deliver(READ) == Delivery((Sending(0.0, READ),))
    assert not source.counts


def test_late_ones_come_after_the_timeout_some_after_the_quiet_time_and_some_much_later() -> None:
    found = deliveries(FaultKind.LATE)
    delays = [delivery.sendings[0].delay_s for delivery in found]
    assert min(delays) >= TIMEOUT_S
    assert any(delay < TIMEOUT_S + QUIET_S for delay in delays)
    assert any(delay > 3 * (TIMEOUT_S + QUIET_S) for delay in delays)
    assert {sent(delivery) for delivery in found} == {READ, READ + READ}
    assert {delivery.deaf for delivery in found} == {True, False}


def test_lost_doubled_and_short() -> None:
    assert all(not delivery.sendings for delivery in deliveries(FaultKind.LOST))
    assert {sent(delivery) for delivery in deliveries(FaultKind.DOUBLED)} == {READ + READ}
    assert {sent(delivery) for delivery in deliveries(FaultKind.SHORT)} == {READ[:end] for end in range(1, len(READ))}


@pytest.mark.parametrize("frame", [READ, ECHO], ids=["read", "write"])
@pytest.mark.parametrize(
    ("kind", "same"),
    [
        (FaultKind.FOREIGN_UNIT, lambda other, frame: other[0] != frame[0] and other[1:-2] == frame[1:-2]),
        (FaultKind.FUNCTION, lambda other, frame: other[0] == frame[0] and other[1] != frame[1]),
        (FaultKind.LENGTH, lambda other, frame: other[:2] == frame[:2] and len(other) != len(frame)),
    ],
)
def test_other_frames_are_well_formed_and_come_instead_or_before(kind: FaultKind, same: object, frame: bytes) -> None:
    assert callable(same)
    instead = before = 0
    for delivery in deliveries(kind, frame):
        data = sent(delivery)
        if intact(data):
            instead += 1
        else:
            assert data.endswith(frame)
            data = data[: -len(frame)]
            before += 1
        assert intact(data)
        assert same(data, frame)
    assert instead > 50
    assert before > 50


def test_another_length_says_so_in_its_byte_count() -> None:
    for delivery in deliveries(FaultKind.LENGTH):
        data = sent(delivery)
        assert data[2] == len(data.removesuffix(READ)) - 5


def test_noise_is_before_or_after_the_true_frame() -> None:
    for delivery in deliveries(FaultKind.NOISE_BEFORE):
        assert sent(delivery).endswith(READ)
        assert 1 <= len(sent(delivery)) - len(READ) <= 6
    after = deliveries(FaultKind.NOISE_AFTER)
    assert all(sent(delivery).startswith(READ) and len(sent(delivery)) > len(READ) for delivery in after)
    assert {len(delivery.sendings) for delivery in after} == {1, 2}


def test_turned_bits_are_always_seen_by_the_checksum() -> None:
    for delivery in deliveries(FaultKind.BIT_ERROR, number=500):
        data = sent(delivery)
        turned = sum((a ^ b).bit_count() for a, b in zip(data, READ, strict=True))
        assert 1 <= turned <= 3
        assert not intact(data)


def test_refusals_are_refusals_of_the_same_request() -> None:
    for delivery in deliveries(FaultKind.EXCEPTION):
        data = sent(delivery)
        assert intact(data)
        assert (data[:2], len(data)) == (bytes((5, 0x84)), 5)


def test_unplugging_lasts_as_long_as_it_was_told() -> None:
    source = FaultSource(FaultRates({FaultKind.UNPLUG: 1.0}, unplugged_s=(0.2, 0.3)))
    found = [source.deliver(READ) for _ in range(50)]
    assert all(0.2 <= delivery.unplugged_s <= 0.3 and not delivery.sendings for delivery in found)


def test_faults_strike_at_their_rates() -> None:
    rates = {FaultKind.LOST: 0.1, FaultKind.SHORT: 0.3}
    source = FaultSource(FaultRates(rates), seed=5)
    for _ in range(5000):
        source.deliver(READ)
    assert source.counts.keys() == rates.keys()
    assert source.counts[FaultKind.LOST] == pytest.approx(500, rel=0.2)
    assert source.counts[FaultKind.SHORT] == pytest.approx(1500, rel=0.2)


@given(seed=st.integers(0, 2**32), frame=st.sampled_from([READ, ECHO]))
def test_the_same_seed_spoils_the_same_replies(seed: int, frame: bytes) -> None:
    rates = FaultRates(parse_rates("all=0.08,unplug=0.05"))
    first, second = FaultSource(rates, seed), FaultSource(rates, seed)
    assert [first.deliver(frame) for _ in range(30)] == [second.deliver(frame) for _ in range(30)]


def test_rates_are_read_as_they_are_written() -> None:
    assert parse_rates("") == {}
    assert parse_rates("late=0.01, lost=0.02") == {FaultKind.LATE: 0.01, FaultKind.LOST: 0.02}
    every = parse_rates("all=0.01,late=0")
    assert every.pop(FaultKind.LATE) == 0
    assert FaultKind.UNPLUG not in every
    assert set(every.values()) == {0.01}
    assert len(every) == len(FaultKind) - 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lates=0.1", "'lates' is no fault: known are all, late"),
        ("late", "'late': write a fault and its rate"),
        ("late=x", "'late=x': write a fault and its rate"),
        ("late=1.5", "late=1.5: a rate is a probability"),
        ("late=-1", "late=-1: a rate is a probability"),
        ("late=nan", "late=nan: a rate is a probability"),
        ("all=0.2", "add up to 2.2"),
    ],
)
def test_wrong_rates_are_named(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        FaultRates(parse_rates(text))
