"""From powers and phases over some time to the electrical state, and its means over each step. Arrays alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_balancer.simulation.world import World
from edge_balancer.twin.grid.model import Bools, Floats
from edge_balancer.twin.grid.power_flow import DARK
from edge_balancer.twin.grid.solution import Solution
from edge_balancer.twin.grid.topology import Ints

Complexes = NDArray[np.complex128]


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Segments of constant state: N segments between N + 1 `edges` (Unix s), each inside one step."""

    edges: Floats
    step: Ints
    """[N] step that a segment belongs to, counted from the stretch's first."""
    solution: Solution
    lit: Bools
    """[N, H]"""
    pv: Floats
    """[N, H] W that the roofs feed in."""
    pv_lost: Floats
    """[N, H] W that they would feed in, were their house not dark or their inverter away."""

    @property
    def length_s(self) -> Floats:
        return np.diff(self.edges)


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Means over T steps, but for the extremes."""

    neutral_a: Floats
    """[T] magnitude of the transformer's neutral current."""
    phase_a: Floats
    """[T, 3]"""
    v_square: Floats
    """[T, H] mean square of the houses' voltages while they are lit; NaN for a step in the dark."""
    v_min: Floats
    """[T] over the lit houses."""
    v_max: Floats
    vuf_pct: Floats
    """[T, B]"""
    loss_w: Floats
    """[T] lines and transformer."""
    source_w: Floats
    """[T] taken from the medium voltage."""
    net_w: Floats
    """[T] of all houses together."""
    pv_w: Floats
    pv_lost_w: Floats


def stretch(
    world: World, edges: Floats, step: Ints, drawn: Complexes, pv: Floats, away: Floats, phases: Ints
) -> Stretch:
    """Solve N segments. `drawn`, `pv` are [N, H]; `away` [N, H] is the part of a segment for which an inverter is gone;
    `phases` [N, H] or [H], -1 for dark. Raises ArithmeticError where the power flow finds no solution."""
    fed = pv * (1.0 - away)
    middle = (edges[:-1] + edges[1:]) / 2.0
    solution = world.flow.solve(drawn - fed, phases, world.source_pu(middle))
    if not solution.converged.all():
        at = float(middle[np.flatnonzero(~solution.converged)[0]])
        raise ArithmeticError(
            f"no electrical state was found at Unix time {at:.0f}: this feeder cannot carry these houses; "
            "give it fewer houses, or a stronger transformer"
        )
    lit = np.broadcast_to(phases != DARK, drawn.shape)
    return Stretch(edges, step, solution, lit, fed * lit, pv - fed * lit)


def over_steps(some: Stretch) -> Steps:
    """The means of a stretch over each of its steps."""
    weight = some.length_s
    first = np.flatnonzero(np.diff(some.step, prepend=-1))
    whole = np.add.reduceat(weight, first)
    plain = len(first) == len(weight)

    def mean(values: Floats) -> Floats:
        if plain:
            return np.asarray(values)
        w = weight.reshape(-1, *[1] * (values.ndim - 1))
        total = np.add.reduceat(values * w, first, axis=0)
        return np.asarray(total / whole.reshape(-1, *[1] * (values.ndim - 1)))

    s, lit = some.solution, some.lit
    v = np.abs(s.house_v)
    with np.errstate(invalid="ignore", divide="ignore"):
        square = mean(np.where(lit, v * v, 0.0)) / mean(lit.astype(np.float64))
    low = np.where(lit, v, np.inf).min(axis=1)
    high = np.where(lit, v, -np.inf).max(axis=1)
    return Steps(
        neutral_a=mean(np.abs(s.neutral)),
        phase_a=mean(np.abs(s.bus_i)),
        v_square=square,
        v_min=low if plain else np.minimum.reduceat(low, first),
        v_max=high if plain else np.maximum.reduceat(high, first),
        vuf_pct=mean(s.watch_vuf_pct),
        loss_w=mean(s.loss_w),
        source_w=mean(s.source_s.real),
        net_w=mean(s.house_s.real.sum(axis=1)),
        pv_w=mean(some.pv.sum(axis=1)),
        pv_lost_w=mean(some.pv_lost.sum(axis=1)),
    )


def never_moved(world: World, start: int, drawn: Complexes, pv: Floats, phases: Ints) -> Steps:
    """Steps of `run.step_s` from `start` with the houses on `phases` [H] throughout, and every inverter at work."""
    step_s, count = world.scenario.run.step_s, len(drawn)
    edges = start + step_s * np.arange(count + 1, dtype=np.float64)
    return over_steps(stretch(world, edges, np.arange(count), drawn, pv, np.zeros_like(pv), phases))
