"""The network model: laws that any radial feeder obeys, and a drop worked out by hand."""

from __future__ import annotations

import cmath

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_balancer.twin.network import Network


def network(houses: int) -> Network:
    return Network(houses, seed=1, nominal_v=230.0, transformer_kva=250.0)


def test_the_drop_to_a_single_house_is_that_of_its_loop() -> None:
    net = network(1)
    flow = net.solve(np.array([3000.0]), np.array([0.0]), np.array([0]))
    amps = 3000.0 / float(flow.v[0])
    cable = complex(net.loop_ohm[0])
    drop = amps * abs((cable + net.source_ohm).real)
    assert float(flow.v[0]) == pytest.approx(230.0 * 1.01 - drop, abs=0.05)
    assert abs(flow.neutral) == pytest.approx(amps, rel=1e-3)


def test_even_loads_leave_the_neutral_empty() -> None:
    net = network(3)
    flow = net.solve(np.zeros(3), np.zeros(3), np.array([0, 1, 2]))
    assert abs(flow.neutral) == pytest.approx(0.0, abs=1e-9)
    assert flow.v == pytest.approx([230.0 * 1.01] * 3)


def test_load_on_one_phase_lowers_it_and_raises_the_others() -> None:
    net = network(6)
    phases = np.array([0, 0, 1, 1, 2, 2])
    idle = net.solve(np.zeros(6), np.zeros(6), phases).v
    loaded = net.solve(np.array([6000.0, 6000.0, 0, 0, 0, 0]), np.zeros(6), phases).v
    assert (loaded[:2] < idle[:2]).all()
    assert (loaded[2:] > idle[2:]).all()


def test_feeding_in_raises_the_voltage_most_at_the_far_end() -> None:
    net = network(20)
    flow = net.solve(np.full(20, -3000.0), np.zeros(20), np.zeros(20, dtype=np.int64))
    far = int(np.argmax(net.loop_ohm.real))
    near = int(np.argmin(net.loop_ohm.real))
    assert flow.v[far] > flow.v[near] > abs(flow.v_bus[0]) > 230.0 * 1.01


def test_a_house_on_no_phase_takes_no_part() -> None:
    net = network(4)
    p, q = np.array([1000.0, 9000.0, 500.0, 700.0]), np.zeros(4)
    dark = net.solve(p, q, np.array([0, -1, 1, 2]))
    empty = net.solve(p * [1, 0, 1, 1], q, np.array([0, 0, 1, 2]))
    assert dark.neutral == pytest.approx(complex(empty.neutral))
    assert dark.p == pytest.approx(empty.p)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_the_transformer_delivers_the_loads_and_the_losses(seed: int, reactive: bool) -> None:
    rng = np.random.default_rng(seed)
    n = 12
    net = network(n)
    p = rng.uniform(-4000.0, 5000.0, n)
    q = rng.uniform(0.0, 1500.0, n) if reactive else np.zeros(n)
    phases = rng.integers(0, 3, n)
    flow = net.solve(p, q, phases)
    losses = float(flow.p.sum() - p.sum())
    assert -1.0 < losses < 0.1 * float(np.abs(p).sum())
    assert complex(flow.neutral) == pytest.approx(complex(flow.i_bus.sum()))


def test_a_series_is_the_same_as_its_instants() -> None:
    net = network(8)
    rng = np.random.default_rng(3)
    p, q, phases = rng.normal(0, 3000.0, (5, 8)), rng.normal(0, 300.0, (5, 8)), rng.integers(0, 3, 8)
    source = np.linspace(0.98, 1.02, 5)
    whole = net.solve(p, q, phases, source)
    for k in range(5):
        one = net.solve(p[k], q[k], phases, source[k])
        assert one.v == pytest.approx(whole.v[k])
        assert complex(one.neutral) == pytest.approx(complex(whole.neutral[k]))


def test_phases_are_120_degrees_apart_with_l2_behind_l1() -> None:
    flow = network(3).solve(np.zeros(3), np.zeros(3), np.array([0, 1, 2]))
    degrees = [cmath.phase(complex(v)) * 180 / cmath.pi for v in flow.v_bus]
    assert degrees == pytest.approx([0.0, -120.0, 120.0])
