"""What a feeder may be: matrices, the tree, and each way in which it is none."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_balancer.twin.grid.cables import LineCode, four_core, open_wire, resistance_ohm_km
from edge_balancer.twin.grid.errors import FeederError
from edge_balancer.twin.grid.generate import Style, generate
from edge_balancer.twin.grid.impedance import carson, from_sequence, kron, neutral_return, to_sequence, with_neutral
from edge_balancer.twin.grid.topology import grow, meeting_buses
from edge_balancer.twin.grid.transformer import Transformer
from tests.twin.grid.feeders_for_tests import star


def test_sequence_values_and_phase_matrices_are_two_views_of_one_line() -> None:
    z1, z0 = 0.446 + 0.071j, 1.505 + 0.083j
    z = from_sequence(z1, z0)
    assert z[0, 0] == pytest.approx((2 * z1 + z0) / 3)
    assert z[0, 1] == pytest.approx((z0 - z1) / 3)
    assert to_sequence(z) == pytest.approx((z1, z0))
    a = np.exp(2j * np.pi / 3)
    assert z @ np.array([1, a**2, a]) == pytest.approx(z1 * np.array([1, a**2, a]))
    assert z @ np.ones(3) == pytest.approx(z0 * np.ones(3))


def test_a_derived_neutral_gives_the_sequence_values_back() -> None:
    z1, z0 = 0.446 + 0.071j, 1.505 + 0.083j
    assert to_sequence(neutral_return(with_neutral(z1, z0))) == pytest.approx((z1, z0))


def test_a_service_cable_whose_table_forgets_the_neutral_gets_one_like_a_phase() -> None:
    assert with_neutral(0.868 + 0.092j, 0.76 + 0.092j)[3, 3] == 0.868 + 0.092j


def test_carson_agrees_with_the_textbook_line() -> None:
    """Kersting, example 4.1: three 336.4 ACSR with a 4/0 neutral at 60 Hz and 100 ohm metre; here per km, not mile."""
    mile, foot = 1.609344, 0.3048
    z4 = carson(
        [0.306 / mile] * 3 + [0.592 / mile],
        [0.0244 * foot] * 3 + [0.00814 * foot],
        [0.0, 2.5 * foot, 7.0 * foot, 4.0 * foot],
        [4.0 * foot, 4.0 * foot, 4.0 * foot, 0.0],
        frequency_hz=60.0,
    )
    z3 = kron(z4) * mile
    expected = np.array([[0.4576 + 1.0780j, 0.1560 + 0.5017j], [0.1560 + 0.5017j, 0.4666 + 1.0482j]])
    assert z3[:2, :2] == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize(("mm2", "r", "x"), [(150, 0.206, 0.080), (95, 0.320, 0.082), (35, 0.868, 0.086)])
def test_table_cables_are_near_their_data_sheets(mm2: int, r: float, x: float) -> None:
    z1, _ = four_core("Al", mm2).sequence
    assert z1.real == pytest.approx(r * 1.0806, rel=0.005)  # 40 °C
    assert z1.imag == pytest.approx(x, rel=0.12)


def test_open_wires_have_several_times_the_reactance_of_a_cable() -> None:
    assert 3.0 < open_wire("Al", 50).sequence[0].imag / four_core("Al", 50).sequence[0].imag < 5.0


def test_an_unknown_conductor_is_named_with_what_is_known() -> None:
    with pytest.raises(ValueError, match=r"Al 17 mm2 .* Al 16.*Cu 95"):
        resistance_ohm_km("Al", 17)


@given(st.integers(1, 60), st.integers(0, 10_000))
def test_the_meeting_bus_is_the_last_common_one_of_two_ways(buses: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Each bus hangs on an earlier one; names are shuffled, lines written in any direction.
    up = np.array([int(rng.integers(0, k)) if rng.uniform() < 0.4 else k - 1 for k in range(1, buses)], dtype=np.int64)
    shuffled = rng.permutation(buses)
    a, b = shuffled[up], shuffled[np.arange(1, buses)]
    turn = rng.uniform(size=len(a)) < 0.5
    names = [str(k) for k in range(buses)]
    tree = grow(int(shuffled[0]), np.where(turn, a, b), np.where(turn, b, a), names, names)

    def way(bus: int) -> list[int]:
        found = [bus]
        while tree.parent[found[-1]] >= 0:
            found.append(int(tree.parent[found[-1]]))
        return found[::-1]

    points = rng.integers(0, buses, 8)
    meeting = meeting_buses(tree, points)
    for i, p in enumerate(points.tolist()):
        for k, q in enumerate(points.tolist()):
            common = [x for x, y in zip(way(p), way(q), strict=False) if x == y]
            assert meeting[i, k] == common[-1]


EDGES = [("t", "a", 0.1), ("a", "b", 0.2)]


@pytest.mark.parametrize(
    ("edges", "says"),
    [
        ([*EDGES, ("b", "t", 0.1)], "line .*closes a loop between the buses .*open the loop"),
        ([*EDGES, ("a", "b", 0.1)], "line a-b: two have this name"),
        ([*EDGES, ("c", "d", 0.1)], "no line leads from the transformer's bus t to 2 of 5 buses: c, d"),
        ([*EDGES, ("b", "b", 0.1)], "line b-b: it begins and ends at bus b"),
        ([*EDGES, ("b", "c", -0.1)], "line b-c: -100.0 is no length"),
    ],
)
def test_what_is_no_tree_is_refused(edges: list[tuple[str, str, float]], says: str) -> None:
    with pytest.raises(FeederError, match=re.compile(says, re.DOTALL)):
        star(edges, [("b", 0)])


def test_houses_that_cannot_be_are_refused() -> None:
    with pytest.raises(FeederError, match="house house1: 3 is no phase"):
        star(EDGES, [("b", 0), ("a", 3)])
    with pytest.raises(FeederError, match=r"earthing, entry 1: 0\.0 is no earth resistance"):
        star(EDGES, [("b", 0)], electrodes=[("a", 0.0)])
    feeder = star(EDGES, [("b", 0)])
    with pytest.raises(FeederError, match="house house0: 9 is at no bus"):
        replace(feeder, houses=replace(feeder.houses, bus=np.array([9])))
    with pytest.raises(FeederError, match="lines: an array has shape"):
        replace(feeder, lines=replace(feeder.lines, code=np.zeros(1, dtype=np.int64)))
    with pytest.raises(FeederError, match="line t-a: 4 has no line code"):
        replace(feeder, lines=replace(feeder.lines, code=np.array([4, 0])))
    with pytest.raises(FeederError, match="bus nowhere"):
        feeder.bus_index("nowhere")


@pytest.mark.parametrize(
    ("z3", "says"),
    [
        (np.eye(2), "its shape is"),
        (np.full((3, 3), np.nan), "no number"),
        (np.eye(3) + np.triu(np.ones((3, 3))), "not symmetrical"),
        (-np.eye(3), "give power away"),
    ],
)
def test_impossible_matrices_are_refused(z3: Any, says: str) -> None:
    with pytest.raises(FeederError, match=says):
        star(EDGES, [("b", 0)], code=LineCode("odd", z3.astype(np.complex128)))


def test_an_explicit_neutral_needs_one_that_is_known() -> None:
    code = LineCode("seq", from_sequence(0.4 + 0.1j, 1.2 + 0.2j))
    feeder = star(EDGES, [("b", 0)], code=code)
    with pytest.raises(FeederError, match="line code seq: nothing is known of its neutral"):
        feeder.z4_ohm()
    assert feeder.with_derived_neutrals().z4_ohm().shape == (2, 4, 4)


@pytest.mark.parametrize(
    ("plate", "says"),
    [
        ({"kva": 0.0}, "transformer, kva"),
        ({"r_percent": -1.0}, "r_percent"),
        ({"x_percent": float("nan")}, "x_percent"),
        ({"vector_group": "Dd0"}, "'Dd0' is not known"),
        ({"mv_short_circuit_mva": 0.0}, "mv_short_circuit_mva"),
        ({"earth_ohm": -2.0}, "earth_ohm"),
    ],
)
def test_impossible_plates_are_refused(plate: dict[str, Any], says: str) -> None:
    with pytest.raises(FeederError, match=says):
        Transformer(**{"kva": 100.0, "r_percent": 1.0, "x_percent": 4.0, **plate})


def test_no_zero_sequence_current_comes_from_the_medium_voltage_side() -> None:
    t = Transformer(100.0, 1.0, 4.0, mv_short_circuit_mva=50.0)
    z1, z0 = to_sequence(t.mv_ohm())
    assert abs(z0) < 1e-12
    assert abs(z1) == pytest.approx(400.0**2 / 50e6)
    assert abs(to_sequence(Transformer(100.0, 1.0, 4.0, vector_group="Yyn0").series_ohm())[1]) > 5 * abs(
        to_sequence(t.series_ohm())[1]
    )


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("houses", [1, 2, 14, 55, 230])
def test_generated_feeders_hold_what_they_promise(style: Style, houses: int) -> None:
    feeder = generate(style, houses, 5, three_phase_share=0.2)
    assert len(feeder.houses) == houses
    assert int(feeder.houses.three_phase.sum()) == round(0.2 * houses)
    assert len(set(feeder.houses.bus.tolist())) == houses
    again = generate(style, houses, 5, three_phase_share=0.2)
    assert np.array_equal(feeder.lines.length_m, again.lines.length_m)
    assert np.array_equal(feeder.houses.phase, again.houses.phase)
    assert feeder.transformer == again.transformer
    if houses > 2:
        assert not np.array_equal(feeder.lines.length_m, generate(style, houses, 6).lines.length_m[: len(feeder.lines)])
    if houses == 55:
        assert np.bincount(feeder.houses.phase).tolist() == [21, 19, 15]


def test_a_generated_feeder_needs_houses_and_a_known_style() -> None:
    with pytest.raises(ValueError, match="houses = 0"):
        generate("rural", 0, 1)
    with pytest.raises(ValueError, match="three_phase_share = 2"):
        generate("rural", 3, 1, three_phase_share=2.0)
    with pytest.raises(ValueError, match="moon"):
        generate("moon", 3, 1)
