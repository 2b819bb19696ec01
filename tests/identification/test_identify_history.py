"""A record as a whole: right where the voltages tell, unknown where they do not, and never sure of a wrong phase."""

from __future__ import annotations

import numpy as np
import pytest

from edge_balancer.analysis.phases.window import Floats, Window
from edge_balancer.identification.errors import IdentificationError
from edge_balancer.identification.history import identify
from edge_balancer.types.phases import Phase
from scripts.bench.identify import DAY, EUROPEAN, Tally, measure, tally, wrong_records
from tests.identification.identification_cases import bare, drawn, real_of, window_of, without_power


@pytest.mark.parametrize("transformer", [False, True])
def test_wrong_records_are_found_within_a_day_and_right_ones_are_left_alone(transformer: bool) -> None:
    case = drawn()
    real = real_of(case)
    recorded = real.copy()
    recorded[:, [2, 9]] = (recorded[:, [2, 9]] + np.array([1, 2])) % 3
    window = window_of(case, recorded, transformer=transformer).part(0, DAY)
    verdicts = identify(window, case.houses)
    assert [one.house for one in verdicts if one.wrong] == [case.houses[2], case.houses[9]]
    assert [one.phase for one in verdicts] == [Phase(int(phase)) for phase in real[0]]
    assert all(20.0 < one.evidence_h < 24.0 for one in verdicts)


def test_houses_without_power_are_identified_and_it_is_said() -> None:
    case = drawn()
    real = real_of(case)
    verdicts = identify(without_power(window_of(case, real)), case.houses)
    assert tally(verdicts, real[0], real[0]).wrong == 0
    assert sum(one.phase is not None for one in verdicts) >= 0.9 * len(verdicts)
    assert all("power" in one.remark for one in verdicts if one.phase is not None)


def test_without_any_record_the_transformer_tells_or_nobody_does() -> None:
    case = drawn()
    nowhere = np.full_like(real_of(case), -1)
    real = real_of(case)[0]
    metered = identify(window_of(case, nowhere, transformer=True), case.houses, unrecorded=case.houses)
    assert tally(metered, real, real).right >= 0.9 * len(real)
    assert tally(metered, real, real).wrong == 0
    assert not any(one.wrong for one in metered), "where nothing is recorded, nothing is recorded wrongly"
    alone = identify(window_of(case, nowhere), case.houses, unrecorded=case.houses)
    assert all(one.phase is None and "compare" in one.remark for one in alone)


def test_a_house_that_was_moved_is_judged_where_it_was() -> None:
    case = drawn()
    real = real_of(case)
    rng = np.random.default_rng(1)
    for h in (1, 4, 5, 12):
        for t in rng.integers(0, len(real), 6):
            real[t:, h] = (real[t:, h] + 1) % 3
    verdicts = identify(window_of(case, real, real=real), case.houses)
    assert tally(verdicts, real[-1], real[-1]).wrong == 0
    assert all(verdicts[h].phase == Phase(int(real[-1, h])) for h in (1, 4, 5, 12))


def walk(minutes: int) -> Floats:
    return 230.0 + np.cumsum(np.random.default_rng(1).normal(0.0, 0.1, (minutes, 1)), axis=0)


@pytest.mark.parametrize(
    "volts",
    [
        pytest.param(np.full((DAY, 9), 230.0), id="nothing ever changes"),
        pytest.param(np.round(np.repeat(walk(DAY), 9, axis=1), 1), id="all change alike"),
        pytest.param(np.round(230.0 + np.random.default_rng(2).normal(0.0, 0.2, (DAY, 9)), 1), id="noise alone"),
        pytest.param(np.full((DAY, 9), np.nan), id="no voltage"),
        pytest.param(np.zeros((DAY, 9)), id="no supply"),
        pytest.param(np.round(230.0 + np.random.default_rng(3).normal(0.0, 1.0, (DAY, 2)), 1), id="two houses"),
        pytest.param(np.round(230.0 + np.random.default_rng(4).normal(0.0, 1.0, (60, 9)), 1), id="an hour"),
    ],
)
def test_where_nothing_can_tell_the_phase_is_unknown(volts: Floats) -> None:
    verdicts = identify(bare(volts), [f"h{k}" for k in range(volts.shape[1])])
    assert [one.phase for one in verdicts] == [None] * len(verdicts)
    assert all(one.confidence < 0.95 and one.remark and not one.wrong for one in verdicts)


def test_too_short_a_record_is_refused_with_what_would_do() -> None:
    with pytest.raises(IdentificationError, match=r"15 slots of 60 s .* a day or more"):
        identify(bare(np.full((15, 6), 230.0)), [f"h{k}" for k in range(6)])


def test_a_window_whose_parts_do_not_fit_is_refused() -> None:
    good = bare(np.full((20, 3), 230.0))
    with pytest.raises(ValueError, match="power_w has shape"):
        Window(60.0, good.volts, good.power_w[1:], good.reactive_var, good.recorded)
    with pytest.raises(ValueError, match="transformer_v has shape"):
        Window(60.0, good.volts, good.power_w, good.reactive_var, good.recorded, good.volts[1:])
    with pytest.raises(ValueError, match="step_s = 0"):
        Window(0.0, good.volts, good.power_w, good.reactive_var, good.recorded)


def test_some_records_are_made_wrong_for_the_bench() -> None:
    real = np.zeros(40, dtype=np.int8)
    assert int((wrong_records(real, np.random.default_rng(1)) != real).sum()) == 4


def test_on_the_european_feeder_two_days_tell_the_houses_and_one_every_wrong_record() -> None:
    pytest.importorskip("pandapower", reason="the European feeder comes with the extra twin", exc_type=ImportError)
    day, both = measure(EUROPEAN, 55, 27, 2, transformer=False)
    assert both.share >= 0.99, str(both)
    assert (both.wrong, both.false) == (0, 0), str(both)
    assert (day.found, day.false) == (day.bad, 0), str(day)
    assert day.bad == 6


@pytest.mark.slow
@pytest.mark.parametrize("transformer", [False, True])
def test_on_the_european_feeder_99_of_100_are_right_after_seven_days(transformer: bool) -> None:
    pytest.importorskip("pandapower", reason="the European feeder comes with the extra twin", exc_type=ImportError)
    day, week = Tally(0, 0, 0, 0, 0, 0), Tally(0, 0, 0, 0, 0, 0)
    for seed in range(21, 27):
        first, whole = measure(EUROPEAN, 55, seed, 7, transformer=transformer)
        day, week = day + first, week + whole
    assert week.share >= 0.99, str(week)
    assert (week.wrong, week.false) == (0, 0), str(week)
    assert (day.found, day.wrong, day.false) == (day.bad, 0, 0), str(day)
