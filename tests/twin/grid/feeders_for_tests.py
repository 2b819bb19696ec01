"""Small feeders made by hand, and powers for tests of the power flow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_balancer.twin.grid.cables import LineCode
from edge_balancer.twin.grid.impedance import Complexes
from edge_balancer.twin.grid.model import Earthing, Feeder, Houses, Lines
from edge_balancer.twin.grid.transformer import Transformer

STIFF = Transformer(kva=1e9, r_percent=0.0, x_percent=1e-9, rated_v=400.0)
Z1, ZN = complex(0.5, 0.1), complex(0.4, 0.08)
LOOP = LineCode("loop", np.asarray(Z1 * np.eye(3) + ZN, np.complex128), np.diag([Z1, Z1, Z1, ZN]))
"""A kilometre has Z1 in each phase and ZN in the neutral, uncoupled."""


def star(
    edges: Sequence[tuple[str, str, float]],
    houses: Sequence[tuple[str, int]],
    *,
    transformer: Transformer = STIFF,
    electrodes: Sequence[tuple[str, float]] = (),
    three_phase: Sequence[int] = (),
    code: LineCode = LOOP,
) -> Feeder:
    """Lines as (bus, bus, km), houses as (bus, phase), electrodes as (bus, ohm); the first line begins at the root."""
    buses = list(dict.fromkeys(bus for a, b, _ in edges for bus in (a, b)))

    def of(names: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.array([buses.index(name) for name in names], dtype=np.int64)

    return Feeder(
        buses=tuple(buses),
        root=0,
        codes=(code,),
        lines=Lines(
            tuple(f"{a}-{b}" for a, b, _ in edges),
            of([a for a, _, _ in edges]),
            of([b for _, b, _ in edges]),
            np.zeros(len(edges), dtype=np.int64),
            np.array([km * 1000.0 for _, _, km in edges]),
        ),
        transformer=transformer,
        houses=Houses(
            tuple(f"house{k}" for k in range(len(houses))),
            of([bus for bus, _ in houses]),
            np.array([phase for _, phase in houses], dtype=np.int64),
            np.isin(np.arange(len(houses)), three_phase),
        ),
        earthing=Earthing(
            of([bus for bus, _ in electrodes]), np.array([ohm for _, ohm in electrodes], dtype=np.float64)
        ),
    )


def powers(rng: np.random.Generator, houses: int, instants: int, scale_w: float = 1500.0) -> Complexes:
    """Loads and exports, [instants, houses] VA."""
    p = rng.gamma(1.0, scale_w, (instants, houses)) - 3.0 * scale_w * (rng.uniform(size=(instants, houses)) < 0.3)
    return np.asarray(p + 1j * rng.uniform(-0.1, 0.4, (instants, houses)) * np.abs(p))
