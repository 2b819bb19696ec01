"""How far out a house is, from its own meter alone: against the loops of a generated feeder."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_balancer.analysis.distance import ENOUGH_KW2, FARTHEST, LONGEST_S, NEAREST, ElectricalDistance
from edge_balancer.twin.grid.generate import generate
from edge_balancer.twin.grid.power_flow import PowerFlow
from edge_balancer.types.kept import KeptHouses

Floats = NDArray[np.float64]
HOUSES, MINUTES = 40, 1440
NEVER = -np.inf


@cache
def day(noise_v: float) -> tuple[Floats, Floats, Floats]:
    """Load [T, H] W and voltage [T, H] V as meters show them, and the true loop resistance [H] ohm."""
    feeder = generate("suburban", HOUSES, 5)
    chance = np.random.default_rng(6)
    base = 300.0 + 100.0 * chance.random((MINUTES, HOUSES))
    for house in range(HOUSES):
        for start in np.flatnonzero(chance.random(MINUTES) < 0.03):
            base[start : start + int(chance.integers(2, 15)), house] += chance.uniform(800.0, 2500.0)
    flow = PowerFlow(feeder, explicit_neutral=True)
    volts = np.abs(flow.solve(base.astype(complex)).house_v) + noise_v * chance.normal(size=base.shape)
    every, phase = np.arange(HOUSES), feeder.houses.phase
    return base, np.round(volts, 1), flow.port_ohm[every, phase, every, phase].real


def heard(load: Floats, volts: Floats, each_s: float = 60.0, moved_at: float = NEVER) -> ElectricalDistance:
    distance, every = ElectricalDistance(load.shape[1], 230.0), np.arange(load.shape[1])
    for k, (p, v) in enumerate(zip(load, volts, strict=True)):
        distance.observe(every, p, v, np.full(len(p), k * each_s), np.full(len(p), moved_at))
    return distance


@pytest.mark.parametrize("noise_v", [0.0, 0.1])
def test_after_a_day_near_and_far_houses_stand_in_the_ratio_of_their_loops(noise_v: float) -> None:
    load, volts, ohm = day(noise_v)
    learned = heard(load, volts).relative()
    assert learned is not None
    near, far = np.argsort(ohm)[: HOUSES // 5], np.argsort(ohm)[-HOUSES // 5 :]
    true_ratio = ohm[far].mean() / ohm[near].mean()
    assert true_ratio > 2.0
    assert learned[far].mean() / learned[near].mean() == pytest.approx(true_ratio, rel=0.25)
    for house in far.tolist():
        assert learned[house] == pytest.approx(min(ohm[house] / np.median(ohm), FARTHEST), rel=0.25)
    assert np.corrcoef(learned, ohm)[0, 1] > 0.95


def test_the_resistance_itself_is_told_in_ohm() -> None:
    load, volts, ohm = day(0.1)
    told = heard(load, volts).ohm
    assert np.median(told / ohm) == pytest.approx(1.0, abs=0.15)


def test_nothing_is_told_until_most_houses_have_stepped_often_enough() -> None:
    load, volts, _ = day(0.1)
    distance, every = ElectricalDistance(HOUSES, 230.0), np.arange(HOUSES)
    assert distance.relative() is None
    assert np.isnan(distance.ohm).all()
    known_at = None
    for k in range(MINUTES):
        distance.observe(every, load[k], volts[k], np.full(HOUSES, 60.0 * k), np.full(HOUSES, NEVER))
        known = np.isfinite(distance.ohm)
        relative = distance.relative()
        assert (relative is not None) == (2 * known.sum() > HOUSES)
        if relative is not None and known_at is None:
            known_at = k
            assert (relative[~known] == 1.0).all(), "a house of which nothing is known counts as the typical one"
    assert known_at is not None
    assert known_at > 60


def steps(drop_v: float, **how: Any) -> ElectricalDistance:
    """Two houses that switch 2 kW on and off; the voltage of the first falls by 2 V with it."""
    load = np.tile([[0.0, 0.0], [2000.0, 2000.0]], (40, 1))
    volts = 230.0 - load / 2000.0 * np.array([2.0, drop_v])
    return heard(load, volts, **how)


def test_a_known_drop_gives_a_known_resistance() -> None:
    assert steps(4.0).ohm == pytest.approx([2.0 * 229 / 2000, 4.0 * 228 / 2000], rel=0.01)


@pytest.mark.parametrize(("drop_v", "told"), [(4.0, 4.0 / 3.0), (14.0, 1.75), (-4.0, NEAREST)])
def test_whatever_comes_a_distance_stays_within_its_limits(drop_v: float, told: float) -> None:
    relative = steps(drop_v).relative()
    assert relative is not None
    assert relative[1] == pytest.approx(told, rel=0.15)
    assert ((relative >= NEAREST) & (relative <= FARTHEST)).all()


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"each_s": LONGEST_S + 1.0}, id="readings too far apart"),
        pytest.param({"moved_at": 1e9}, id="steps of a house that was moved meanwhile"),
        pytest.param({"each_s": 0.0}, id="readings of one moment"),
    ],
)
def test_what_says_nothing_is_not_counted(how: dict[str, float]) -> None:
    assert np.isnan(steps(4.0, **how).ohm).all()


@pytest.mark.parametrize("where", [0, 1])
def test_a_meter_without_voltage_or_with_a_gap_teaches_nothing_and_does_no_harm(where: int) -> None:
    load = np.tile([[0.0, 0.0], [2000.0, 2000.0]], (60, 1))
    volts = 230.0 - load / 1000.0
    volts[where::3, 1] = np.nan
    one = heard(load, volts)
    assert one.ohm[0] == pytest.approx(0.228, rel=0.01)
    assert np.isnan(one.ohm[1]) or one.ohm[1] == pytest.approx(0.228, rel=0.01)


def test_small_steps_drown_in_noise_and_are_not_counted() -> None:
    load = np.tile([[0.0, 0.0], [400.0, 400.0]], (1000, 1))
    assert np.isnan(heard(load, 230.0 - load / 1000.0).ohm).all()


def test_what_was_learned_survives_a_restart() -> None:
    one, again = steps(4.0), ElectricalDistance(2, 230.0)
    again.relearn(one.learned(), KeptHouses.same(2))
    assert again.ohm == pytest.approx(one.ohm)


def test_a_house_that_left_takes_only_its_own_distance_along() -> None:
    one, again = steps(4.0), ElectricalDistance(2, 230.0)
    again.relearn(one.learned(), KeptHouses.of(["h01", "h02"], ["h02", "h03"]))
    assert again.ohm == pytest.approx([one.ohm[1], np.nan], nan_ok=True)


@pytest.mark.parametrize(
    "nonsense",
    [
        pytest.param(None, id="nothing"),
        pytest.param({}, id="empty"),
        pytest.param({"drop": [1.0], "square": [100.0]}, id="of other houses"),
        pytest.param({"drop": ["a", "b"], "square": [100.0, 100.0]}, id="text"),
        pytest.param({"drop": [1.0, 2.0], "square": [100.0, -1.0]}, id="negative"),
        pytest.param({"drop": [1.0, float("nan")], "square": [100.0, 100.0]}, id="no number"),
        pytest.param({"drop": [1.0, 2.0]}, id="half of it"),
    ],
)
def test_nonsense_is_not_learned(nonsense: Any) -> None:
    distance = steps(4.0)
    before = distance.learned()
    distance.relearn(nonsense, KeptHouses.same(2))
    assert distance.learned() == before
    assert before["square"][0] > ENOUGH_KW2


def test_an_outage_is_no_drop_of_the_line() -> None:
    distance, both = steps(4.0), np.arange(2)
    before = distance.ohm
    for p, v in ((0.0, 0.0), (2000.0, 229.0), (0.0, 0.0), (3000.0, 228.0)):
        at = np.full(2, 1e6 + p)
        distance.observe(both, np.full(2, p), np.full(2, v), at, np.full(2, NEVER))
    assert np.array_equal(distance.ohm, before)
