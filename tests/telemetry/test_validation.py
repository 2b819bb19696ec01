"""What is believed of a measurement, and when it was taken."""

from __future__ import annotations

import math
from typing import Any

import pytest

from edge_balancer.telemetry.measurement import Measurement, ThreePhaseMeasurement
from edge_balancer.telemetry.refusals import Reason, Refused
from edge_balancer.telemetry.validate import check, check_three, house_limits, instant, transformer_limits
from tests.support.configuration import make_config
from tests.telemetry.format_cases import N
from tests.telemetry.listening import WALL, Listening

CONFIG = make_config(1)
HOUSE = house_limits(CONFIG)
TRANSFORMER = transformer_limits(CONFIG)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"p": 950, "q": 120, "v": 231.2, "i": 4.2},
        {"p": -3200, "v": 243.0, "i": 13.5},
        {"p": -3200, "v": 243.0, "i": -13.5},
        {"p": 60_000},
        # The supply of the house is lost.
        {"p": 0, "v": 0},
        {"p": 0, "v": 0, "i": 0},
        {"v": 0},
        {"p": 12, "v": 0},
        # Low and high, and true.
        {"v": 69.1},
        {"v": 344.9},
        # Whole amperes: 1.4 A is sent as 1, 0.4 A as 0.
        {"p": 320, "v": 230, "i": 1},
        {"p": 100, "v": 230, "i": 0},
        # Little active power for the current: capacitors, or load and PV that cancel.
        {"p": 5, "v": 230, "i": 12.3},
        # Nothing tells 0.95 kW from 0.95 W.
        {"p": 0.95, "v": 230, "i": 4.2},
        {"p_import": 400, "p_export": 0, "v": 230, "i": 2},
    ],
)
def test_what_can_be_true_passes(values: dict[str, float]) -> None:
    check(Measurement(**values), HOUSE)


@pytest.mark.parametrize(
    ("values", "reason", "told"),
    [
        ({"p": math.inf}, Reason.NOT_A_NUMBER, "p is infinite"),
        ({"q": -math.inf}, Reason.NOT_A_NUMBER, "q is infinite"),
        ({"v": math.inf}, Reason.NOT_A_NUMBER, "v is infinite"),
        ({"i": math.inf}, Reason.NOT_A_NUMBER, "i is infinite"),
        ({"p": 60_001}, Reason.OUT_OF_RANGE, "telemetry.max_house_w"),
        ({"p": -950_000}, Reason.OUT_OF_RANGE, "scale = 0.001"),
        ({"q": 60_001}, Reason.OUT_OF_RANGE, "var"),
        ({"p_export": 60_001}, Reason.OUT_OF_RANGE, "exported p"),
        ({"v": 2312}, Reason.UNIT_SUSPECT, "tenths of volts"),
        ({"v": 23_120}, Reason.UNIT_SUSPECT, "hundredths of volts"),
        ({"v": 231_200}, Reason.UNIT_SUSPECT, "mV"),
        ({"v": 0.2312}, Reason.UNIT_SUSPECT, "kV"),
        ({"v": 50}, Reason.OUT_OF_RANGE, "nominal 230 V"),
        ({"v": 400}, Reason.OUT_OF_RANGE, "345"),
        ({"v": -230}, Reason.OUT_OF_RANGE, "-230"),
        ({"p": 950, "v": 0}, Reason.UNIT_SUSPECT, "leave v out"),
        ({"p": 950, "v": 231, "i": 4200}, Reason.UNIT_SUSPECT, "mA"),
        ({"p": 950, "v": 231, "i": -4200}, Reason.UNIT_SUSPECT, "mA"),
        ({"p": 950, "v": 231, "i": 0.42}, Reason.UNIT_SUSPECT, "more than v * i"),
        ({"p": -9500, "v": 231, "i": 4.2}, Reason.UNIT_SUSPECT, "more than v * i"),
        ({"p": 500, "v": 230, "i": 1}, Reason.UNIT_SUSPECT, "more than v * i"),
    ],
)
def test_what_cannot_be_true_is_refused(values: dict[str, float], reason: Reason, told: str) -> None:
    with pytest.raises(Refused) as caught:
        check(Measurement(**values), HOUSE)
    assert caught.value.reason == reason
    assert told in caught.value.detail


@pytest.mark.parametrize(
    ("values", "reason", "told"),
    [
        ({"p": (1, 2, 750_001)}, Reason.OUT_OF_RANGE, "L3 p"),
        ({"v": (230, 2310, 230)}, Reason.UNIT_SUSPECT, "L2 v"),
        ({"v_ll": (400, 400, 40)}, Reason.OUT_OF_RANGE, "v_ll 3"),
        ({"v_ll": (0.4, 0.4, 0.4)}, Reason.UNIT_SUSPECT, "v_ll 1"),
        ({"i_n": 60_000}, Reason.UNIT_SUSPECT, "i_n"),
        ({"p": (90_000, 0, 0), "v": (230, 230, 230), "i": (40.5, 0, 0)}, Reason.UNIT_SUSPECT, "L1 p"),
        ({"p_import": (N, 750_001, N)}, Reason.OUT_OF_RANGE, "L2 imported p"),
    ],
)
def test_a_phase_that_cannot_be_true_is_named(values: dict[str, Any], reason: Reason, told: str) -> None:
    with pytest.raises(Refused) as caught:
        check_three(ThreePhaseMeasurement(**values), TRANSFORMER)
    assert caught.value.reason == reason
    assert told in caught.value.detail


def test_the_transformer_may_carry_three_times_its_rating_on_a_phase() -> None:
    check_three(ThreePhaseMeasurement(p=(749_000, 0, 0), v=(230, 231, 232), v_ll=(399, 400, 401), i_n=900), TRANSFORMER)


@pytest.mark.parametrize(
    ("t", "synced", "at"),
    [
        (WALL, True, 1000.0),
        (WALL - 12.5, True, 987.5),
        # Never later than now, though the meter's clock is ahead.
        (WALL + 29, True, 1000.0),
        (WALL - 2700, True, -1700.0),
        (N, True, 1000.0),
        # Our own clock cannot be compared with anything.
        (WALL - 12.5, False, 1000.0),
        (WALL + 1e6, False, 1000.0),
    ],
)
def test_the_instant_of_a_measurement_on_the_monotonic_clock(t: float, synced: bool, at: float) -> None:
    assert instant(t, 1000.0, WALL, synced, HOUSE) == pytest.approx(at)


@pytest.mark.parametrize(
    ("t", "reason"), [(WALL + 31, Reason.FUTURE), (WALL - 2701, Reason.OLD), (12.0, Reason.OLD), (-1e10, Reason.OLD)]
)
def test_stamps_out_of_their_time_are_refused(t: float, reason: Reason) -> None:
    with pytest.raises(Refused) as caught:
        instant(t, 1000.0, WALL, True, HOUSE)
    assert caught.value.reason == reason


def stamped(t: float, p: float = 100.0) -> str:
    return f'{{"p": {p}, "t": {t}}}'


@pytest.mark.parametrize(
    ("second", "reason"),
    [(WALL, Reason.DUPLICATE), (WALL - 0.5, Reason.OUT_OF_ORDER), (WALL - 60, Reason.OUT_OF_ORDER)],
)
def test_the_same_stamp_or_an_earlier_one_is_refused(second: float, reason: Reason) -> None:
    heard = Listening()
    assert heard.meter("h01", stamped(WALL)).readings
    assert not heard.meter("h01", stamped(second), at=1).readings
    assert heard.refusals == {reason: 1}
    # Order is each house's own.
    assert heard.meter("h02", stamped(second), at=1).readings


def test_a_refused_message_does_not_count_as_the_last_one() -> None:
    heard = Listening()
    heard.meter("h01", stamped(WALL + 5, p=1e9), at=5)
    assert heard.meter("h01", stamped(WALL + 4), at=5).readings


def test_a_clock_that_was_ahead_and_is_put_right_does_not_silence_the_meter() -> None:
    heard = Listening()
    # While our clock was not synchronised, a stamp years ahead was taken for what it was worth: nothing.
    assert heard.meter("h01", stamped(WALL + 3e8), synced=False).readings
    assert heard.meter("h01", stamped(WALL + 1), at=1).readings


def test_a_duplicate_is_found_without_a_synchronised_clock() -> None:
    heard = Listening()
    assert heard.meter("h01", stamped(WALL), synced=False).readings
    assert not heard.meter("h01", stamped(WALL), at=1, synced=False).readings
    assert heard.refusals == {Reason.DUPLICATE: 1}
