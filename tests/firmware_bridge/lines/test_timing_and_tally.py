"""Durations on the wire, and what the counters say."""

from __future__ import annotations

import pytest

from firmware_bridge.errors import Fault
from firmware_bridge.lines.requests import Function, Request
from firmware_bridge.lines.tally import LineTally, Transaction
from firmware_bridge.lines.timing import Timing
from tests.firmware_bridge.lines.device_on_pty import settings

BLOCK = Request(1, Function.READ_REGISTERS, 0, 40)


@pytest.mark.parametrize(
    ("baud", "parity", "stop_bits", "character_ms", "gap_ms"),
    [
        (9600, "none", 1, 10 / 9.6, 35 / 9.6),
        (9600, "even", 1, 11 / 9.6, 38.5 / 9.6),
        (9600, "none", 2, 11 / 9.6, 38.5 / 9.6),
        (9600, "odd", 2, 12 / 9.6, 42 / 9.6),
        (19_200, "none", 1, 10 / 19.2, 35 / 19.2),
        (38_400, "none", 1, 10 / 38.4, 1.75),
        (115_200, "even", 1, 11 / 115.2, 1.75),
    ],
)
def test_characters_and_gaps_follow_from_the_settings(
    baud: int, parity: str, stop_bits: int, character_ms: float, gap_ms: float
) -> None:
    timing = Timing.of(settings("/dev/x", baud=baud, parity=parity, stop_bits=stop_bits))
    assert timing.character_s * 1000 == pytest.approx(character_ms)
    assert timing.gap_s * 1000 == pytest.approx(gap_ms)


def test_a_transaction_is_request_reply_and_two_gaps() -> None:
    timing = Timing.of(settings("/dev/x", baud=9600))
    assert timing.transaction_s(BLOCK) == pytest.approx((8 + 3.5 + 85 + 3.5) * 10 / 9600)
    assert timing.reply_s(Request(0, Function.WRITE_COIL, 0, values=(1,))) == 0.0


@pytest.mark.parametrize(("baud", "per_second"), [(9600, 8.7), (19_200, 17.5), (38_400, 33), (115_200, 80)])
def test_the_known_limits_of_a_block_of_forty_registers_come_out(baud: int, per_second: float) -> None:
    timing = Timing.of(settings("/dev/x", baud=baud, parity="even"))
    assert 1 / timing.transaction_s(BLOCK) == pytest.approx(per_second, rel=0.05)


def done(unit: int = 1, fault: Fault | None = None, latency_s: float = 0.1, occupied_s: float = 0.2) -> Transaction:
    return Transaction(unit, fault, 8, 0 if fault else 9, latency_s, 0.1, occupied_s)


def test_counters_tell_units_and_faults_apart() -> None:
    tally = LineTally()
    tally.add(done(1), 10.0)
    tally.add(done(1, Fault.TIMEOUT), 11.0)
    tally.add(done(2, Fault.EXCEPTION), 12.0)
    tally.count(2, Fault.IMPLAUSIBLE)
    tally.drop(5, fresh=True)
    tally.drop(2, fresh=False)
    figures = tally.snapshot(13.0)
    assert (figures.transactions, figures.replies, figures.bytes_dropped) == (3, 1, 7)
    assert figures.faults == {"timeout": 1, "exception": 1, "late": 1, "implausible": 1}
    one, two = figures.units
    assert (one.unit, one.transactions, one.replies, one.faults) == (1, 2, 1, {"timeout": 1})
    assert (two.bytes_sent, two.bytes_received, two.faults) == (8, 0, {"exception": 1, "implausible": 1})


def test_latencies_are_those_of_answers_and_of_the_last_ones() -> None:
    tally = LineTally()
    for _ in range(1000):
        tally.add(done(latency_s=9.0), 1.0)
    for number in range(256):
        tally.add(done(latency_s=number / 1000), 1.0)
    tally.add(done(fault=Fault.TIMEOUT, latency_s=50.0), 1.0)
    (unit,) = tally.snapshot(1.0).units
    assert unit.latency_p50_s == pytest.approx(0.128)
    assert unit.latency_p95_s == pytest.approx(0.243)
    assert unit.latency_mean_s == pytest.approx(0.1275)


def test_utilisation_is_of_the_last_minute_and_of_a_shorter_life_where_it_is_younger() -> None:
    tally = LineTally()
    assert tally.snapshot(5.0).occupied == 0.0
    for second in range(100, 110):
        tally.add(done(occupied_s=0.5), second + 0.5)
    young = tally.snapshot(110.0)
    assert young.occupied == pytest.approx(0.5)
    assert young.on_the_wire == pytest.approx(0.1)
    assert tally.snapshot(150.0).occupied == pytest.approx(0.1)
    assert tally.snapshot(175.0).occupied == 0.0
    assert len(tally._seconds) == 0
