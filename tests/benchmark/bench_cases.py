"""Small feeders for the benchmark's tests, and optima found by trying everything."""

from __future__ import annotations

import itertools

import numpy as np

from edge_balancer.benchmark.case import Case, neutral, operations_of


def small_case(
    houses: int,
    slots: int,
    seed: int,
    *,
    history: int = 0,
    step_s: float = 60.0,
    switchable: tuple[int, ...] | None = None,
    pv_w: float = 0.0,
) -> Case:
    """Houses that draw anything from -2 to 4 kW in slots; all judged but the first `history`."""
    rng = np.random.default_rng(seed)
    total = history + slots
    power = rng.uniform(-2000.0, 4000.0, (total, houses)) + 1j * rng.uniform(-300.0, 600.0, (total, houses))
    mask = np.zeros(houses, dtype=bool)
    mask[list(range(houses) if switchable is None else switchable)] = True
    return Case(
        power,
        np.full((total, houses), pv_w),
        mask,
        rng.integers(0, 3, houses).astype(np.int8),
        step_s,
        1_746_400_000.0,
        history,
        np.full(houses, pv_w),
    )


def least_by_operations(case: Case) -> dict[int, float]:
    """The least mean |N| of all schedules of the judged slots, by how many operations they have."""
    movable, slots = case.movable, case.slots - case.judged
    own = case.own[case.judged :]
    least: dict[int, float] = {}
    for places in itertools.product(range(3), repeat=len(movable) * slots):
        schedule = np.repeat(case.initial[np.newaxis], slots, axis=0)
        schedule[:, movable] = np.array(places, dtype=np.int8).reshape(slots, len(movable))
        operations = int(operations_of(schedule).sum())
        cost = float(np.abs(neutral(own, schedule)).mean())
        least[operations] = min(cost, least.get(operations, np.inf))
    return least
