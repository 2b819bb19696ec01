"""From forecast to moves: what the planner chooses, and what it tells about the choice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge_balancer.decision.explain import VETO_WORDS, sentence
from edge_balancer.decision.planner import Outlook, Planner, Proposal
from edge_balancer.forecast.horizon import horizon
from edge_balancer.settings.root import Configuration
from edge_balancer.switching.roster import Roster
from edge_balancer.types.decisions import Candidate, Move, Trigger, Veto, VetoReason
from edge_balancer.types.phases import ROTATION, Phase
from edge_balancer.types.switching import Mode
from tests.decision.cases import guarded, situation

H = horizon(30.0)
NOMINAL = 230.0


def plan(
    houses: list[dict[str, Any]],
    loads_w: list[float],
    price: float = 0.0,
    lock: str = "",
    fixed_a: complex = 0j,
    changed: dict[str, Any] | None = None,
    **sections: Any,
) -> Proposal:
    """The present load is taken to last."""
    config, roster, guard = guarded(houses, **sections)
    if lock:
        roster.lock(roster.index[lock], "stuck")
    return _propose(config, roster, Planner(config, roster, guard), loads_w, price, fixed_a, changed or {})


def _propose(
    config: Configuration,
    roster: Roster,
    planner: Planner,
    loads_w: list[float],
    price: float,
    fixed_a: complex,
    changed: dict[str, Any],
) -> Proposal:
    now_a = np.conj(np.array(loads_w, dtype=complex)) / NOMINAL
    now_a[roster.three_phase] = 0
    forecast = np.repeat(now_a[:, None], len(H.weights_min), axis=1)
    outlook = Outlook(H, forecast, now_a, fixed_a, np.zeros(len(H.weights_min)), price, np.ones(len(now_a)))
    return planner.propose(outlook, situation(config, roster, loads_w, **changed))


def on(*phases: str) -> list[dict[str, Any]]:
    return [{"id": f"h{k}", "phase": phase} for k, phase in enumerate(phases, start=1)]


def test_three_equal_houses_on_one_phase_are_spread_out() -> None:
    proposal = plan(on("L1", "L1", "L1"), [2300.0] * 3)
    assert len(proposal.moves) == 2
    assert {move.target for move in proposal.moves} == {Phase.L2, Phase.L3}
    assert all(move.origin is Phase.L1 for move in proposal.moves)
    assert proposal.neutral_before_a == pytest.approx(30.0)
    assert proposal.neutral_after_a == pytest.approx(0.0, abs=1e-6)
    assert proposal.gain == pytest.approx(30.0 * H.weights_min.sum(), rel=1e-4)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_more_moves_than_allowed(most: int) -> None:
    proposal = plan(on(*["L1"] * 9), [2300.0] * 9, decision={"max_moves": most})
    assert len(proposal.moves) == most


def test_a_price_above_the_gain_makes_no_move() -> None:
    gain_of_one = 30.0 * float(H.weights_min.sum())
    proposal = plan(on("L1", "L1", "L1"), [2300.0] * 3, price=gain_of_one)
    assert (proposal.moves, proposal.gain, proposal.blocks) == ((), 0.0, ())
    assert proposal.neutral_after_a == proposal.neutral_before_a


def test_current_that_no_move_changes_is_balanced_against() -> None:
    fixed = complex(10.0 * ROTATION[Phase.L2] + 10.0 * ROTATION[Phase.L3])
    assert plan(on("L1"), [2300.0], price=1.0).moves == (), "alone it burdens the neutral wherever it is"
    assert plan(on("L1"), [2300.0], price=1.0, fixed_a=fixed).moves == ()
    (move,) = plan(on("L2"), [2300.0], price=1.0, fixed_a=fixed).moves
    assert move == Move("h1", Phase.L2, Phase.L1)


def test_a_forbidden_house_stays_and_the_record_says_why() -> None:
    proposal = plan(on("L1", "L1"), [4600.0, 1000.0], lock="h1")
    assert [move.house for move in proposal.moves] == ["h2"]
    assert {(veto.move.house, veto.reason) for veto in proposal.vetoes} == {("h1", VetoReason.LOCKED)}
    assert {candidate.move.house for candidate in proposal.candidates} == {"h2"}


def test_candidates_are_recorded_best_first_and_only_a_few() -> None:
    proposal = plan(on(*["L1"] * 8), [500.0 * k for k in range(1, 9)])
    worth = [candidate.gain - candidate.price for candidate in proposal.candidates]
    assert worth == sorted(worth, reverse=True)
    assert 1 <= len(proposal.candidates) <= 5


def test_blocks_tell_the_neutral_current_with_and_without_the_moves() -> None:
    proposal = plan(on("L1", "L1", "L1"), [2300.0] * 3)
    assert [block.minutes for block in proposal.blocks] == pytest.approx(H.minutes.tolist())
    assert [block.neutral_before_a for block in proposal.blocks] == pytest.approx([30.0] * len(proposal.blocks))
    assert [block.neutral_after_a for block in proposal.blocks] == pytest.approx([0.0] * len(proposal.blocks), abs=1e-4)


def test_blocks_tell_that_a_moved_roof_is_away_for_five_minutes() -> None:
    roofs = [{**house, "pv_w": 5000} for house in on("L1", "L1", "L1")]
    proposal = plan(roofs, [-2300.0] * 3, decision={"pv_energy_price": 0.0})
    assert len(proposal.moves) == 2
    assert proposal.neutral_after_a == pytest.approx(0.0, abs=1e-6)
    first, *later = [block.neutral_after_a for block in proposal.blocks]
    assert first == pytest.approx(10.0)
    assert later == pytest.approx([0.0] * len(later), abs=1e-4)


VOLTAGE_HOUSES = on("L1", "L2", "L1", "L2")
VOLTAGE_LOADS = [2300.0, 2300.0, 2300.0, 2300.0]


def test_a_violated_voltage_changes_the_choice() -> None:
    """Moving from L1 or from L2 is alike for the neutral; the phase whose voltage is too low is relieved."""
    calm = {"price": 1.0, "decision": {"max_moves": 1}}
    low_l1 = {"v_min": np.array([204.0, 220.0, 230.0])}
    low_l2 = {"v_min": np.array([220.0, 204.0, 230.0])}
    (first,) = plan(VOLTAGE_HOUSES, VOLTAGE_LOADS, changed=low_l1, **calm).moves  # type: ignore[arg-type]
    (second,) = plan(VOLTAGE_HOUSES, VOLTAGE_LOADS, changed=low_l2, **calm).moves  # type: ignore[arg-type]
    assert (first.origin, first.target) == (Phase.L1, Phase.L3)
    assert (second.origin, second.target) == (Phase.L2, Phase.L3)


def test_relief_of_a_voltage_buys_a_move_that_the_neutral_alone_would_not() -> None:
    # A balanced feeder whose solar house lifts L1 beyond its limit.
    houses, loads = on("L1", "L2", "L3"), [-3000.0, -3000.0, -3000.0]
    high = {"v_max": np.array([255.0, 235.0, 235.0])}
    options: dict[str, Any] = {"price": 1.0, "changed": high}
    assert plan(houses, loads, price=1.0).moves == ()
    assert plan(houses, loads, decision={"voltage_weight": 0}, **options).moves == ()
    moves = plan(houses, loads, decision={"voltage_weight": 1000, "pv_energy_price": 0}, **options).moves
    assert any(move.origin is Phase.L1 for move in moves)


def test_the_energy_that_a_solar_house_loses_makes_its_move_dearer() -> None:
    """L1 exports 22 A, 12 A of them from h1. To move it away is a little better than to move the load h2 there."""
    houses, loads = on("L1", "L2"), [-2760.0, 2300.0]
    fixed = complex(-10.0 * ROTATION[Phase.L1])
    options: dict[str, Any] = {"price": 100.0, "fixed_a": fixed}
    assert plan(houses, loads, decision={"pv_energy_price": 0}, **options).moves == (Move("h1", Phase.L1, Phase.L2),)
    # 2760 W for 300 s are 230 Wh; the choice turns where they cost what the better place gains, 2.8 A over the horizon.
    gained = (12.0 - abs(-10.0 - 2.0 * ROTATION[Phase.L2])) * float(H.weights_min.sum())
    just_cheaper, just_dearer = 0.99 * gained / 230.0, 1.01 * gained / 230.0
    (still,) = plan(houses, loads, decision={"pv_energy_price": just_cheaper}, **options).moves
    (other,) = plan(houses, loads, decision={"pv_energy_price": just_dearer}, **options).moves
    assert (still.house, other.house) == ("h1", "h2")


def test_in_hold_the_guard_lets_nothing_pass() -> None:
    proposal = plan(on("L1", "L1", "L1"), [2300.0] * 3, changed={"mode": Mode.HOLD})
    assert proposal.moves == ()
    assert {veto.reason for veto in proposal.vetoes} == {VetoReason.MODE}


def test_what_the_guard_forbids_jointly_is_searched_anew() -> None:
    """Six exporting houses on L1; L2 and L3 have room for one of them each."""
    proposal = plan(
        on(*["L1"] * 6),
        [-4600.0] * 6,
        changed={"v_max": np.full(3, 245.0), "v_min": np.full(3, 245.0)},
        decision={"pv_energy_price": 0},
    )
    targets = [move.target for move in proposal.moves]
    assert sorted(targets) == [Phase.L2, Phase.L3]


def test_three_phase_houses_are_never_proposed() -> None:
    houses = [*on("L1", "L1"), {"id": "mill", "three_phase": True}]
    proposal = plan(houses, [2300.0, 2300.0, 30_000.0])
    assert {move.house for move in proposal.moves} <= {"h1", "h2"}


# The sentence -------------------------------------------------------------------------------------------------------

MOVES = (Move("h12", Phase.L1, Phase.L3), Move("h7", Phase.L1, Phase.L2))


@pytest.mark.parametrize(
    ("trigger", "value", "limit", "words"),
    [
        (Trigger.IMBALANCE, 41.7, 3.6, ("neutral current 42 A", "4 A")),
        (Trigger.VOLTAGE, 255.04, 253.0, ("255.0 V", "253.0 V")),
        (Trigger.INJECTION, 6100.0, 1700.0, ("uneven solar", "6.1 kW", "1.7 kW")),
    ],
)
def test_a_decision_reads_as_one_sentence(trigger: Trigger, value: float, limit: float, words: tuple[str, ...]) -> None:
    veto = Veto(Move("h3", Phase.L1, Phase.L2), VetoReason.DWELL, 100.0, 900.0)
    proposal = Proposal(MOVES, 1_234.0, 41.7, 12.2, (Candidate(MOVES[0], 1.0, 1.0),), (veto,), (), 1_280.0)
    text = sentence(trigger, value, limit, proposal, "survival blend")
    assert text.startswith("Move h12 L1->L3, h7 L1->L2: ")
    for part in (*words, "from 42 A to 12 A", "gains 1234 A min", "(survival blend)", "at a price of 1280 A min."):
        assert part in text
    assert text.endswith("Not h3 L1->L2: it moved a short while ago.")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (-300.0, "and mends voltages, which counts for 300 A min beyond the price."),
        (-0.3, "at a price of 0 A min."),
    ],
)
def test_what_mends_voltages_may_be_worth_more_than_its_price(asked: float, words: str) -> None:
    proposal = Proposal(MOVES, 12.0, 41.7, 12.2, (), (), (), asked)
    assert sentence(Trigger.VOLTAGE, 255.0, 253.0, proposal, "survival blend").endswith(words)


def test_what_the_moves_ask_is_the_sum_of_what_each_asks() -> None:
    proposal = plan(on(*["L1"] * 6), [2300.0] * 6, price=10.0)
    asked = {candidate.move: candidate.price for candidate in proposal.candidates}
    assert set(proposal.moves) <= set(asked)
    assert proposal.asked == pytest.approx(sum(asked[move] for move in proposal.moves))
    assert proposal.asked >= 10.0 * len(proposal.moves) > 0.0


def test_every_reason_has_words() -> None:
    assert set(VETO_WORDS) == set(VetoReason)
