"""The guard: one row for each reason it knows, then what it forbids jointly."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edge_balancer.decision.guard import HOUSE_RULES, Guard
from edge_balancer.settings.root import Configuration
from edge_balancer.switching.roster import Roster
from edge_balancer.types.decisions import Move, VetoReason
from edge_balancer.types.phases import Phase
from edge_balancer.types.switching import Mode
from tests.decision.cases import NOW, guarded, situation

HOUSES: list[dict[str, Any]] = [
    {"id": "plain", "phase": "L1"},
    {"id": "sun", "phase": "L1", "pv_w": 5000},
    {"id": "fixed", "phase": "L1", "switchable": False},
    {"id": "lift", "phase": "L1", "critical": True},
    {"id": "mill", "three_phase": True},
]
LOADS = [2000.0, 1000.0, 1000.0, 1000.0, 0.0]
MOVE = Move("plain", Phase.L1, Phase.L2)
SUN = Move("sun", Phase.L1, Phase.L2)
Prepare = Callable[[Roster], None]


def moved(house: int, ago_s: float, times: int = 1) -> Prepare:
    def prepare(roster: Roster) -> None:
        for _ in range(times):
            roster.record_operation(house, NOW - ago_s)

    return prepare


def mark(what: str, value: bool = True) -> Prepare:
    def prepare(roster: Roster) -> None:
        getattr(roster, what)[0] = value

    return prepare


def untouched(_: Roster) -> None:
    pass


R = VetoReason


# move, what is done to the roster, what is changed in the situation, reason, value, limit
def halted(roster: Roster) -> None:
    roster.halted = "three switches failed"


ROWS = [
    pytest.param(MOVE, untouched, {"mode": Mode.HOLD}, R.MODE, None, None, id="mode"),
    pytest.param(Move("fixed", Phase.L1, Phase.L2), untouched, {}, R.NOT_SWITCHABLE, None, None, id="not switchable"),
    pytest.param(Move("mill", Phase.L1, Phase.L2), untouched, {}, R.THREE_PHASE, None, None, id="three-phase"),
    pytest.param(Move("lift", Phase.L1, Phase.L2), untouched, {}, R.CRITICAL, None, None, id="critical"),
    pytest.param(MOVE, lambda r: r.lock(0, "stuck"), {}, R.LOCKED, None, None, id="locked"),
    pytest.param(MOVE, mark("known", False), {}, R.POSITION_UNKNOWN, None, None, id="position unknown"),
    pytest.param(Move("plain", Phase.L3, Phase.L2), untouched, {}, R.POSITION_UNKNOWN, None, None, id="elsewhere"),
    pytest.param(MOVE, mark("offline"), {}, R.SWITCH_OFFLINE, None, None, id="switch offline"),
    pytest.param(MOVE, mark("in_flight"), {}, R.IN_FLIGHT, None, None, id="in flight"),
    pytest.param(Move("plain", Phase.L1, Phase.L1), untouched, {}, R.ALREADY_THERE, None, None, id="already there"),
    pytest.param(
        MOVE,
        untouched,
        {
            "fresh": np.array([False, True, True, True, True]),
            "age_s": np.full(5, 700.0),
            "stale_after_s": np.full(5, 600.0),
        },
        R.STALE,
        700.0,
        600.0,
        id="stale: held against the limit of its own meter",
    ),
    pytest.param(
        MOVE,
        untouched,
        {"fresh": np.zeros(5, dtype=bool), "age_s": np.full(5, math.inf)},
        R.STALE,
        None,
        180.0,
        id="never heard",
    ),
    pytest.param(MOVE, halted, {}, R.HALTED, None, None, id="halted"),
    pytest.param(
        MOVE,
        untouched,
        {"no_supply": np.array([True, False, False, False, False])},
        R.NO_SUPPLY,
        None,
        None,
        id="no supply",
    ),
    pytest.param(
        MOVE, untouched, {"dark": np.array([False, True, False])}, R.TARGET_DARK, None, None, id="target dark"
    ),
    pytest.param(MOVE, untouched, {"coverage": 0.6}, R.COVERAGE, 0.6, 0.8, id="coverage"),
    pytest.param(MOVE, untouched, {"outage_until": NOW + 120}, R.OUTAGE, 120.0, 300.0, id="outage"),
    pytest.param(MOVE, moved(0, 600), {}, R.DWELL, 600.0, 900.0, id="dwell"),
    pytest.param(MOVE, moved(0, 5000, 4), {}, R.DAILY_CAP, 4.0, 4.0, id="daily cap"),
    pytest.param(MOVE, moved(1, 1000, 5), {}, R.FEEDER_CAP, 5.0, 5.0, id="feeder cap"),
    pytest.param(SUN, moved(1, 200), {}, R.PV_RECONNECT, 200.0, 300.0, id="pv reconnect"),
    pytest.param(SUN, moved(1, 400), {}, R.DWELL, 400.0, 900.0, id="pv is back, dwell is not over"),
    pytest.param(
        MOVE, untouched, {"v_min": np.array([230.0, 208.0, 230.0])}, R.TARGET_VOLTAGE, 205.826, 207.0, id="target low"
    ),
    pytest.param(
        MOVE,
        untouched,
        {"head_current_a": np.array([20.0, 355.0, 20.0], dtype=complex)},
        R.TARGET_HEADROOM,
        363.696,
        362.319,
        id="target headroom",
    ),
]


def rows() -> tuple[Configuration, Roster, Guard]:
    return guarded(HOUSES, decision={"max_operations_per_feeder_hour": 5, "max_operations_per_house_day": 4})


@pytest.mark.parametrize(("move", "prepare", "changed", "reason", "value", "limit"), ROWS)
@pytest.mark.parametrize("manual", [False, True], ids=["own", "asked for"])
def test_each_reason_forbids_with_its_value_and_limit(
    move: Move,
    prepare: Prepare,
    changed: dict[str, Any],
    reason: VetoReason,
    value: float | None,
    limit: float | None,
    manual: bool,
) -> None:
    config, roster, guard = rows()
    prepare(roster)
    (veto,) = guard.judge([move], situation(config, roster, LOADS, **changed), manual=manual)
    assert (veto.move, veto.reason) == (move, reason)
    assert veto.value == (None if value is None else pytest.approx(value, abs=1e-3))
    assert veto.limit == (None if limit is None else pytest.approx(limit, abs=1e-3))


def test_the_table_above_has_a_row_for_every_rule() -> None:
    shown = {row.values[3] for row in ROWS}
    # That one is not for people; it has a test of its own.
    assert set(HOUSE_RULES) <= shown | {R.WRONG_RECORD}
    assert shown == set(VetoReason) - {R.WRONG_RECORD}


def test_a_house_whose_record_is_in_doubt_is_moved_by_people_alone() -> None:
    config, roster, guard = rows()
    roster.doubt[0] = 0.991
    s = situation(config, roster, LOADS)
    (veto,) = guard.judge([MOVE], s)
    assert (veto.reason, veto.value, veto.limit) == (R.WRONG_RECORD, 0.991, 0.96)
    assert guard.judge([MOVE], s, manual=True) == []
    assert guard.judge([SUN], s) == []


def test_where_nothing_forbids_it_a_move_may_go() -> None:
    config, roster, guard = rows()
    assert guard.judge([MOVE], situation(config, roster, LOADS)) == []


@pytest.mark.parametrize(
    ("mode", "manual", "forbidden"),
    [
        (Mode.AUTO, False, False),
        (Mode.AUTO, True, False),
        (Mode.ADVISE, False, False),  # weighed and published; the desk commands nothing
        (Mode.ADVISE, True, True),
        (Mode.HOLD, False, True),
        (Mode.HOLD, True, True),
    ],
)
def test_modes(mode: Mode, manual: bool, forbidden: bool) -> None:
    config, roster, guard = rows()
    vetoes = guard.judge([MOVE], situation(config, roster, LOADS, mode=mode), manual=manual)
    assert [v.reason for v in vetoes] == ([VetoReason.MODE] if forbidden else [])


@pytest.mark.parametrize(
    ("prepare", "changed"),
    [
        pytest.param(moved(0, 900.0), {}, id="dwell is over"),
        pytest.param(moved(0, 86_400.0, 4), {}, id="the day is over"),
        pytest.param(moved(1, 3600.0, 5), {}, id="the hour is over"),
        pytest.param(untouched, {"outage_until": NOW}, id="the cool-down is over"),
        pytest.param(untouched, {"coverage": 0.8}, id="coverage just enough"),
        pytest.param(
            untouched, {"v_min": np.full(3, math.nan), "v_max": np.full(3, math.nan)}, id="no voltage measured"
        ),
        pytest.param(untouched, {"v_max": np.full(3, 260.0)}, id="a load lowers a voltage that is too high"),
    ],
)
def test_limits_are_met_exactly(prepare: Prepare, changed: dict[str, Any]) -> None:
    config, roster, guard = rows()
    prepare(roster)
    roster.forget(NOW)
    assert guard.judge([MOVE], situation(config, roster, LOADS, **changed)) == []


def test_the_first_rule_that_applies_is_the_one_recorded() -> None:
    config, roster, guard = rows()
    roster.lock(0, "stuck")
    roster.offline[0] = True
    moved(0, 10.0)(roster)
    (veto,) = guard.judge([MOVE], situation(config, roster, LOADS, coverage=0.1))
    assert veto.reason is VetoReason.LOCKED


# Jointly ------------------------------------------------------------------------------------------------------------

TO_L2 = [Move(f"h{k}", Phase.L1, Phase.L2) for k in (1, 2, 3)]


def together(loads: list[float], changed: dict[str, Any], **sections: Any) -> list[tuple[str, VetoReason]]:
    config, roster, guard = guarded([{"id": f"h{k}", "phase": "L1"} for k in (1, 2, 3, 4)], **sections)
    vetoes = guard.judge(TO_L2, situation(config, roster, loads, **changed))
    return [(veto.move.house, veto.reason) for veto in vetoes]


@pytest.mark.parametrize(
    ("sections", "loads", "changed", "expected"),
    [
        pytest.param({}, [1000.0] * 4, {}, [], id="three that do no harm"),
        pytest.param(
            {"switching": {"max_in_flight": 2}}, [1000.0] * 4, {}, [("h3", R.IN_FLIGHT)], id="only two may be under way"
        ),
        pytest.param(
            {"decision": {"max_operations_per_feeder_hour": 1}},
            [1000.0] * 4,
            {},
            [("h2", R.FEEDER_CAP), ("h3", R.FEEDER_CAP)],
            id="the hour has room for one",
        ),
        pytest.param(
            {},
            [2300.0] * 4,
            {"head_current_a": np.array([40, 345.0, 0], dtype=complex)},
            [("h2", R.TARGET_HEADROOM), ("h3", R.TARGET_HEADROOM)],
            id="headroom for one",
        ),
        pytest.param(
            {},
            [-4600.0] * 4,
            {"v_max": np.array([245.0, 245.0, 245.0])},
            [("h2", R.TARGET_VOLTAGE), ("h3", R.TARGET_VOLTAGE)],
            id="each lifts the voltage by 5 V, and there is room for 8",
        ),
        pytest.param(
            {},
            [-4600.0, 4600.0, -2000.0, 0.0],
            {"v_max": np.array([245.0, 247.0, 245.0])},
            [("h3", R.TARGET_VOLTAGE)],
            id="a load beside it gives no room: it may come late",
        ),
    ],
)
def test_moves_are_judged_together(
    sections: dict[str, Any], loads: list[float], changed: dict[str, Any], expected: list[tuple[str, VetoReason]]
) -> None:
    assert together(loads, changed, **sections) == expected


def test_a_house_is_moved_once_in_a_decision() -> None:
    config, roster, guard = rows()
    vetoes = guard.judge([MOVE, Move("plain", Phase.L1, Phase.L3)], situation(config, roster, LOADS))
    assert [(v.move.target, v.reason) for v in vetoes] == [(Phase.L3, VetoReason.IN_FLIGHT)]


def test_moves_under_way_count_against_those_that_may_be() -> None:
    config, roster, guard = rows()
    roster.in_flight[[1, 2, 3]] = True
    (veto,) = guard.judge([MOVE], situation(config, roster, LOADS))
    assert (veto.reason, veto.limit) == (VetoReason.IN_FLIGHT, 3.0)


@pytest.mark.parametrize(("away_w", "forbidden"), [(0.0, False), (-6000.0, True)])
def test_an_inverter_that_is_still_away_counts_as_if_it_were_back(away_w: float, forbidden: bool) -> None:
    """h1 was moved to L2 and its inverter tripped: the meters show room there that will be gone."""
    houses = [{"id": "h1", "phase": "L2", "pv_w": 6000}, {"id": "h2", "phase": "L1", "pv_w": 6000}]
    config, roster, guard = guarded(houses)
    returning = np.array([away_w + 0j, 0j])
    high = {"v_max": np.full(3, 244.0), "v_min": np.full(3, 235.0)}
    s = situation(config, roster, [300.0, -6000.0], returning_va=returning, **high)
    move = Move("h2", Phase.L1, Phase.L2)
    veto = guard.veto(move, s, manual=False)
    assert (veto is not None and veto.reason is VetoReason.TARGET_VOLTAGE) == forbidden
    assert bool(guard.judge([move], s)) == forbidden
