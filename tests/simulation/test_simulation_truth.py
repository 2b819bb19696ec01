"""The feeder as it really is: energy is kept, moves cost what they cost, and only the moved house notices."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from edge_balancer.simulation.physics import Steps, never_moved
from edge_balancer.simulation.truth import PIECE_S, Truth
from edge_balancer.simulation.world import World
from edge_balancer.twin.devices.switches import Contact
from edge_balancer.types.phases import Phase
from tests.simulation.small import world

NOON_H = 12


@pytest.fixture(scope="module")
def feeder() -> World:
    return world(
        feeder={"houses": 9, "three_phase_share": 0.2}, sun={"reconnect_min_s": 100.0, "reconnect_max_s": 100.0}
    )


def at_noon(feeder: World) -> tuple[Truth, int]:
    truth = Truth(feeder, 600.0)
    truth.loads.open_day(feeder.start)
    begin = feeder.start + NOON_H * 3600
    truth.open(begin)
    return truth, begin


def with_roof(feeder: World) -> int:
    return next(int(h) for h in feeder.roof_house if feeder.switchable[h])


def moved(feeder: World, house: int, opens: float, dark_s: float) -> Contact:
    origin = Phase(int(feeder.phases[house]))
    return Contact(feeder.names[house], opens, opens + dark_s, origin, Phase((origin + 1) % 3))


def balances(steps: Steps) -> None:
    assert steps.source_w == pytest.approx(steps.net_w + steps.loss_w, rel=1e-6, abs=1e-3)
    assert (steps.loss_w > 0.0).all()


def test_what_the_grid_gives_is_what_houses_and_losses_take(feeder: World) -> None:
    truth, begin = at_noon(feeder)
    truth.plan(moved(feeder, with_roof(feeder), begin + 600.5, 1.0), with_roof(feeder))
    balances(truth.close())
    day = truth.loads
    every = never_moved(feeder, day.start, day.undisturbed, day.pv, feeder.phases)
    balances(every)
    drawn = (day.undisturbed.real - day.pv).sum(axis=1)
    assert every.net_w == pytest.approx(drawn, rel=1e-9, abs=1e-6)


def test_without_moves_it_is_the_feeder_that_never_moved(feeder: World) -> None:
    truth, begin = at_noon(feeder)
    own = truth.close()
    day, first = truth.loads, NOON_H * 60
    rows = slice(first, first + PIECE_S // 60)
    other = never_moved(feeder, begin, day.undisturbed[rows], day.pv[rows], feeder.phases)
    for name in Steps.__slots__:
        assert getattr(own, name) == pytest.approx(getattr(other, name), rel=1e-9, abs=1e-9), name


def test_a_move_costs_the_sun_of_the_dark_time_and_of_the_inverters_wait(feeder: World) -> None:
    house = with_roof(feeder)
    truth, begin = at_noon(feeder)
    before = truth.loads.drawn.copy()
    truth.plan(moved(feeder, house, begin + 600.0, 2.0), house)
    steps = truth.close()
    pv = truth.loads.pv[NOON_H * 60 + 10 : NOON_H * 60 + 12, house]
    expected_ws = pv[0] * 60.0 + pv[1] * 42.0
    assert expected_ws > 0.0
    assert steps.pv_lost_w.sum() * 60.0 == pytest.approx(expected_ws, rel=1e-9)
    others = np.delete(np.arange(len(feeder.names)), house)
    assert (truth.loads.drawn[:, others] == before[:, others]).all()


def test_meters_see_the_dark_time_and_the_new_phase(feeder: World) -> None:
    house = with_roof(feeder)
    truth, begin = at_noon(feeder)
    contact = moved(feeder, house, begin + 610.0, 1.0)
    which, ends = np.array([house]), np.array([begin + 605.0])
    early = truth.house_means(which, ends - 5.0, ends)
    truth.plan(contact, house)
    again = truth.house_means(which, ends - 5.0, ends)
    # The past stays, but for what the appliances' means over a step cannot tell apart.
    assert again.v == pytest.approx(early.v, abs=0.5)
    over = truth.house_means(which, np.array([begin + 606.0]), np.array([begin + 614.0]))
    part = truth.house_means(which, np.array([begin + 606.0]), np.array([begin + 609.9]))
    after = truth.house_means(which, np.array([begin + 611.0]), np.array([begin + 614.0]))
    assert over.p == pytest.approx((4.0 * part.p + 3.0 * after.p) / 8.0, rel=1e-6)
    assert over.v == pytest.approx((4.0 * part.v + 3.0 * after.v) / 7.0, rel=1e-6)
    dark = truth.house_means(which, np.array([begin + 610.0]), np.array([begin + 610.5]))
    assert (dark.p[0], dark.lit[0], after.lit[0]) == (0.0, False, True)


def test_the_transformers_means_are_those_of_the_houses_and_losses(feeder: World) -> None:
    truth, begin = at_noon(feeder)
    bus = truth.bus_means(begin + 65.0, begin + 125.0)
    everyone = np.arange(len(feeder.names))
    houses = truth.house_means(everyone, np.full(len(everyone), begin + 65.0), np.full(len(everyone), begin + 125.0))
    gone = bus.p.sum() - houses.p.sum()
    assert 0.0 < gone < 0.1 * np.abs(houses.p).sum()
    assert bus.v == pytest.approx(np.full(3, 235.0), abs=15.0)
    assert bus.v_ll == pytest.approx(np.sqrt(3.0) * bus.v.mean(), rel=0.02)


def test_pieces_follow_one_another_and_a_move_may_lie_across(feeder: World) -> None:
    house = with_roof(feeder)
    truth, begin = at_noon(feeder)
    contact = moved(feeder, house, begin + PIECE_S - 0.5, 1.0)
    truth.plan(contact, house)
    truth.close()
    truth.open(begin + PIECE_S)
    one = np.array([house])
    across = truth.house_means(one, np.array([begin + PIECE_S - 2.5]), np.array([begin + PIECE_S + 2.5]))
    whole_s = across.p[0] * 5.0
    before = truth.house_means(one, np.array([begin + PIECE_S - 2.5]), np.array([begin + PIECE_S - 0.5]))
    after = truth.house_means(one, np.array([begin + PIECE_S + 0.5]), np.array([begin + PIECE_S + 2.5]))
    assert whole_s == pytest.approx(2.0 * before.p[0] + 2.0 * after.p[0], rel=1e-6)
    assert before.p[0] < after.p[0]  # its roof feeds in before, and its inverter waits after


@pytest.fixture(autouse=True)
def _unchanged(feeder: World) -> Iterator[None]:
    phases = feeder.phases.copy()
    yield
    assert (feeder.phases == phases).all()
