"""The power flow: cases worked out by hand, laws that every feeder obeys, and what happens beyond collapse."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_balancer.twin.grid.generate import Style, generate
from edge_balancer.twin.grid.model import Feeder
from edge_balancer.twin.grid.power_flow import DARK, PowerFlow
from edge_balancer.twin.grid.solution import Solution
from edge_balancer.twin.grid.transformer import Transformer
from edge_balancer.types.phases import ROTATION
from tests.twin.grid.feeders_for_tests import STIFF, Z1, ZN, powers, star

E = 400.0 / math.sqrt(3.0)


def upper_root(s: complex, z: complex) -> complex:
    """V of V = E - Z conj(S / V), the higher one: |V|² solves a quadratic equation."""
    w = np.conj(s) * z
    half = E * E / 2.0 - w.real
    square = half + math.sqrt(half * half - abs(w) ** 2)
    # E conj(V) = |V|² + w.
    return complex(np.conj(square + w)) / E


@pytest.mark.parametrize("explicit", [False, True])
@pytest.mark.parametrize("phase", [0, 1, 2])
@pytest.mark.parametrize("s", [3000 + 0j, 4000 + 1500j, -5000 + 0j, 2000 - 900j])
def test_two_buses_agree_with_the_quadratic_equation(s: complex, phase: int, explicit: bool) -> None:
    feeder = star([("t", "a", 0.3)], [("a", phase)])
    found = PowerFlow(feeder, explicit).solve(np.array([s]))
    expected = upper_root(s, 0.3 * (Z1 + ZN)) * ROTATION[phase]
    assert complex(found.house_v[0, 0]) == pytest.approx(expected, abs=1e-6)
    amps = complex(np.conj(s / expected))
    assert complex(found.neutral[0]) == pytest.approx(amps, abs=1e-6)
    assert float(found.loss_lines_w[0]) == pytest.approx(abs(amps) ** 2 * 0.3 * (Z1 + ZN).real, abs=1e-5)


def test_a_single_electrode_shares_the_return_current_with_the_neutral() -> None:
    """Two parallel ways back from the house: the neutral, and both electrodes in series through earth."""
    feeder = star(
        [("t", "a", 1.0)],
        [("a", 0)],
        transformer=replace(STIFF, earth_ohm=2.0),
        electrodes=[("a", 3.0)],
    )
    found = PowerFlow(feeder, True).solve(np.array([2000.0 + 0j]))
    parallel = ZN * 5.0 / (ZN + 5.0)
    expected = upper_root(2000.0 + 0j, Z1 + parallel)
    assert complex(found.house_v[0, 0]) == pytest.approx(expected, abs=1e-6)
    assert complex(found.earth[0] / found.neutral[0]) == pytest.approx(ZN / (ZN + 5.0), abs=1e-9)


def test_without_an_earthed_star_point_one_electrode_carries_nothing_and_two_share() -> None:
    it = replace(STIFF, earth_ohm=None)
    edges = [("t", "a", 0.5), ("a", "b", 0.5)]
    s = np.array([2000.0 + 0j])
    none = PowerFlow(star(edges, [("b", 0)], transformer=it), True).solve(s)
    one = PowerFlow(star(edges, [("b", 0)], transformer=it, electrodes=[("b", 5.0)]), True).solve(s)
    two = PowerFlow(star(edges, [("b", 0)], transformer=it, electrodes=[("a", 2.0), ("b", 3.0)]), True).solve(s)
    assert one.house_v == pytest.approx(none.house_v, abs=1e-9)
    way = 0.5 * ZN * 5.0 / (0.5 * ZN + 5.0) + 0.5 * ZN
    assert complex(two.house_v[0, 0]) == pytest.approx(upper_root(2000.0 + 0j, Z1 + way), abs=1e-6)
    assert abs(two.earth[0]) < 1e-9


def test_equal_loads_on_three_phases_are_as_one_three_phase_house() -> None:
    singles = PowerFlow(star([("t", "a", 0.4)], [("a", 0), ("a", 1), ("a", 2)])).solve(np.full(3, 3000.0 + 500j))
    triple = PowerFlow(star([("t", "a", 0.4)], [("a", 0)], three_phase=[0])).solve(np.array([9000.0 + 1500j]))
    assert abs(singles.neutral[0]) < 1e-9
    assert singles.house_v[0] == pytest.approx(triple.three_phase_v[0, 0], abs=1e-9)
    assert complex(triple.house_v[0, 0]) == pytest.approx(complex(singles.house_v[0, 0]), abs=1e-9)
    assert abs(triple.house_s[0, 0] - (9000 + 1500j)) < 1e-6


def test_turning_all_houses_by_a_phase_turns_the_answer() -> None:
    edges = [("t", "a", 0.2), ("a", "b", 0.3), ("a", "c", 0.1)]
    feeder = star(edges, [("b", 0), ("c", 1), ("b", 2), ("c", 0)], transformer=Transformer(100.0, 1.5, 3.5))
    flow, s = PowerFlow(feeder, watch=["b"]), np.array([4000.0, 2500 + 800j, -3000, 1000])
    here, there = flow.solve(s), flow.solve(s, (feeder.houses.phase + 1) % 3)
    assert np.abs(here.house_v) == pytest.approx(np.abs(there.house_v), abs=1e-7)
    assert abs(here.neutral[0]) == pytest.approx(abs(there.neutral[0]), abs=1e-7)
    assert float(here.watch_vuf_pct[0, 0]) == pytest.approx(float(there.watch_vuf_pct[0, 0]), abs=1e-9)
    assert float(here.watch_vuf_pct[0, 0]) > 0.1


def test_load_lowers_its_phase_and_the_neutral_raises_the_others() -> None:
    feeder = star([("t", "a", 0.3)], [("a", 0), ("a", 1), ("a", 2)])
    volts = np.abs(PowerFlow(feeder).solve(np.array([6000.0 + 0j, 0, 0])).house_v[0])
    assert volts[0] < E - 5.0
    assert (volts[1:] > E + 0.5).all()


def balance(feeder: Feeder, found: Solution, phases: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> None:
    """Kirchhoff along the tree, line by line, without the impedance matrix of the solver."""
    houses, tree, t = feeder.houses, feeder.tree, len(found)
    amps = np.zeros((t, len(feeder.buses), 3), dtype=np.complex128)
    third = np.cumsum(houses.three_phase) - 1
    for h in range(len(houses)):
        for k in range(t):
            if phases[k, h] == DARK:
                continue
            if houses.three_phase[h]:
                amps[k, houses.bus[h]] += np.conj(found.house_s[k, h] / 3.0 / found.three_phase_v[k, third[h]])
            else:
                amps[k, houses.bus[h], phases[k, h]] += np.conj(found.house_s[k, h] / found.house_v[k, h])
    z, lost = feeder.z3_ohm(), np.zeros(t)
    for bus in tree.order[:0:-1].tolist():
        amps[:, tree.parent[bus]] += amps[:, bus]
    volts = np.zeros_like(amps)
    volts[:, feeder.root] = found.bus_v
    for bus in tree.order[1:].tolist():
        drop = amps[:, bus] @ z[tree.line[bus]].T
        lost += (drop * np.conj(amps[:, bus])).sum(axis=1).real
        volts[:, bus] = volts[:, tree.parent[bus]] - drop
    assert found.bus_i == pytest.approx(amps[:, feeder.root], abs=1e-5)
    assert found.loss_lines_w == pytest.approx(lost, abs=1e-2)
    served = found.house_s.sum(axis=1).real
    assert found.source_s.real == pytest.approx(served + lost + found.loss_transformer_w, abs=1e-2)
    for k, h in np.argwhere((phases != DARK) & ~houses.three_phase).tolist():
        assert complex(found.house_v[k, h]) == pytest.approx(complex(volts[k, houses.bus[h], phases[k, h]]), abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(list(Style)), st.integers(1, 40), st.integers(0, 2**31), st.booleans(), st.sampled_from([0.0, 0.3])
)
def test_the_source_gives_what_houses_and_losses_take(
    style: Style, houses: int, seed: int, moving: bool, three: float
) -> None:
    feeder = generate(style, houses, seed, three_phase_share=three)
    rng = np.random.default_rng(seed)
    s = powers(rng, houses, 3, 150.0 if style is Style.MINI_GRID else 900.0)
    phases = rng.integers(DARK, 3, (3, houses)) if moving else np.tile(rng.integers(0, 3, houses), (3, 1))
    found = PowerFlow(feeder).solve(s, phases, rng.uniform(0.97, 1.03, 3))
    assert found.converged.all()
    assert not found.low.any()
    assert found.house_s == pytest.approx(np.where(phases == DARK, 0.0, s), abs=1e-6)
    assert not found.house_v[phases == DARK].any()
    balance(feeder, found, phases)


@pytest.mark.parametrize("explicit", [False, True])
def test_a_series_is_the_same_as_its_instants(explicit: bool) -> None:
    feeder = generate("suburban", 30, 5, three_phase_share=0.2)
    flow, rng = PowerFlow(feeder, explicit), np.random.default_rng(3)
    s, phases, source = powers(rng, 30, 6), rng.integers(DARK, 3, (6, 30)), rng.uniform(0.97, 1.03, 6)
    whole = flow.solve(s, phases, source)
    for k in range(6):
        one = flow.solve(s[k], phases[k], float(source[k]))
        assert one.house_v[0] == pytest.approx(whole.house_v[k], abs=1e-6)
        assert complex(one.neutral[0]) == pytest.approx(complex(whole.neutral[k]), abs=1e-5)
        assert complex(one.earth[0]) == pytest.approx(complex(whole.earth[k]), abs=1e-5)


def test_a_long_series_is_solved_in_chunks_that_leave_no_seam() -> None:
    feeder = generate("urban", 200, 2)
    flow, rng = PowerFlow(feeder), np.random.default_rng(3)
    s = np.tile(powers(rng, 200, 40, 500.0), (18, 1))
    phases = rng.integers(0, 3, s.shape)
    found = flow.solve(s, phases)
    assert len(found) == 720
    assert found.converged.all()
    for k in (0, 654, 655, 656, 719):
        assert flow.solve(s[k], phases[k]).house_v[0] == pytest.approx(found.house_v[k], abs=1e-6)


def test_earthing_changes_little_and_none_leaves_the_three_wire_answer() -> None:
    feeder = generate("rural", 12, 1)
    s = powers(np.random.default_rng(1), 12, 20)
    bare = feeder.with_earthing(replace(feeder.earthing, bus=feeder.earthing.bus[:0], ohm=feeder.earthing.ohm[:0]), 3.0)
    three = PowerFlow(feeder).solve(s)
    assert PowerFlow(bare, True).solve(s).house_v == pytest.approx(three.house_v, abs=1e-6)
    earthed = PowerFlow(feeder, True).solve(s)
    assert 1e-4 < float(np.abs(earthed.house_v - three.house_v).max()) < 3.0
    assert (np.abs(earthed.earth) < 0.2 * np.abs(earthed.neutral)).all()
    assert not three.earth.any()


def test_a_watched_bus_of_a_house_tells_all_its_phases_also_the_dark_houses() -> None:
    feeder = star([("t", "a", 0.3)], [("a", 0), ("a", 1)])
    found = PowerFlow(feeder, watch=["a"]).solve(np.array([3000.0 + 0j, 2000]), np.array([2, DARK]))
    assert complex(found.house_v[0, 0]) == pytest.approx(complex(found.watch_v[0, 0, 2]))
    assert found.house_v[0, 1] == 0.0
    assert found.house_s[0, 1] == 0.0
    zero, positive, negative = np.abs(found.watch_sequence_v[0, 0])
    assert positive > 200.0
    assert float(found.watch_vuf_pct[0, 0]) == pytest.approx(100.0 * negative / positive)
    assert float(found.watch_zero_sequence_pct[0, 0]) == pytest.approx(100.0 * zero / positive)


def test_all_houses_dark_is_the_idle_transformer() -> None:
    feeder = star([("t", "a", 0.3)], [("a", 0), ("a", 1)], three_phase=[1])
    found = PowerFlow(feeder).solve(np.full((2, 2), 5000.0 + 0j), np.full(2, DARK))
    assert found.bus_v == pytest.approx(np.tile(E * ROTATION, (2, 1)))
    assert found.converged.all()
    assert not found.house_v.any()
    assert not found.loss_w.any()


@pytest.mark.parametrize("explicit", [False, True])
@pytest.mark.parametrize("times", [2.0, 5.0, 30.0, 1000.0])
def test_beyond_collapse_loads_become_impedances_and_the_answer_says_so(times: float, explicit: bool) -> None:
    feeder = star([("t", "a", 0.5), ("a", "b", 0.5)], [("b", 0), ("a", 0), ("b", 1)])
    limit = E**2 / 4.0 / (Z1 + ZN).real
    found = PowerFlow(feeder, explicit).solve(np.array([limit * times, 0.1 * limit, 0.0]) + 0j)
    assert found.converged.all()
    assert found.low.all()
    assert np.isfinite(found.house_v).all()
    assert abs(found.house_v[0, 0]) < 0.6 * E
    asked_ohm = (0.6 * E) ** 2 / (limit * times)
    assert abs(found.house_v[0, 0]) ** 2 / found.house_s[0, 0].real == pytest.approx(asked_ohm, rel=1e-6)


@pytest.mark.parametrize("share", [0.9, 0.99, 0.9999])
def test_close_to_the_most_a_line_can_carry_the_answer_is_still_found(share: float) -> None:
    """The fixed point creeps there; a floor of 0.3 lets the constant-power law hold below half the voltage."""
    feeder = star([("t", "a", 1.0)], [("a", 0)])
    z = Z1 + ZN
    most = E**2 / (2.0 * (abs(z) + z.real))
    found = PowerFlow(feeder, floor_pu=0.3).solve(np.array([share * most + 0j]))
    assert found.converged.all()
    assert not found.low.any()
    assert complex(found.house_v[0, 0]) == pytest.approx(upper_root(share * most, z), abs=1e-3)


def test_an_impossible_export_is_finite_and_not_called_solved_unless_it_is() -> None:
    feeder = star([("t", "a", 5.0)], [("a", 0)])
    s = np.array([[-1e7 + 2e7j], [1000.0 + 0j]])
    found = PowerFlow(feeder).solve(s)
    assert np.isfinite(found.house_v).all()
    assert np.isfinite(found.loss_w).all()
    assert found.converged[1]
    v, i = found.house_v[0, 0], found.bus_i[0, 0]
    residual = abs(v - (E - 5.0 * (Z1 + ZN) * i))
    assert (residual < 1e-3) == bool(found.converged[0])


@pytest.mark.parametrize(
    ("s", "phases", "source", "says"),
    [
        (np.zeros(3), None, None, "s has shape"),
        (np.array([1.0, np.nan]), None, None, r"s\[0, 1\] = .*house1"),
        (np.zeros(2), np.array([0, 3]), None, r"phases\[0, 1\] = 3, house house1"),
        (np.zeros(2), np.array([0.0, 1.0]), None, "give integers"),
        (np.zeros(2), np.zeros((4, 2), dtype=np.int64), None, "phases has shape"),
        (np.zeros((4, 2)), None, np.ones(3), "source has shape"),
        (np.zeros(2), None, float("nan"), "source holds"),
    ],
)
def test_wrong_inputs_are_named(s: object, phases: object, source: object, says: str) -> None:
    flow = PowerFlow(star([("t", "a", 0.3)], [("a", 0), ("a", 1)]))
    with pytest.raises(ValueError, match=says):
        flow.solve(s, phases, source)  # type: ignore[arg-type]


def test_one_phase_of_the_source_may_differ_in_size_and_angle() -> None:
    feeder = star([("t", "a", 0.3)], [("a", 0), ("a", 1), ("a", 2)])
    pu = np.array([[1.0, 0.95 * np.exp(0.02j), 1.02]])
    found = PowerFlow(feeder).solve(np.zeros((1, 3), dtype=np.complex128), source=pu)
    assert found.house_v == pytest.approx(E * ROTATION * pu)
