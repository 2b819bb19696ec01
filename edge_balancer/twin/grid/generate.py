"""Feeders drawn from a seed: rural, suburban, urban and mini-grid, with any number of houses.

Streets leave the transformer; some branch; houses hang on them by service lines. The rural and suburban numbers are
of the order of Kerber's reference grids (dissertation, TU Munich 2011; pandapower carries them): overhead 4x70 mm2 Al
with 13 houses on 160 kVA, and cables of 4x150 mm2 Al with a joint each 20 to 37 m, services of 11 to 22 m, 146 houses
on 630 kVA. Urban and mini-grid ones are plausible and no survey of any place. What the houses draw comes from
elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_balancer.twin.grid.cables import LineCode, four_core
from edge_balancer.twin.grid.model import Earthing, Feeder, Houses, Lines
from edge_balancer.twin.grid.style import Style
from edge_balancer.twin.grid.topology import Ints
from edge_balancer.twin.grid.transformer import Transformer

__all__ = ["Style", "generate"]

_STANDARD_KVA: Final = (25, 50, 100, 160, 250, 400, 630, 1000, 1600, 2500)
_PHASE_SHARE: Final = (21 / 55, 19 / 55, 15 / 55)
"""How electricians left the 55 houses of the IEEE European LV feeder."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """Ranges are uniform. A street holds up to `street` houses; a new one begins then."""

    street: int
    kva_per_house: float
    lead_m: tuple[float, float]
    """From the transformer to the first joint."""
    gap_m: tuple[float, float]
    """Along the street from joint to joint."""
    per_joint: tuple[int, int]
    service_m: tuple[float, float]
    trunk: tuple[str, int]
    branch: tuple[str, int]
    service: tuple[str, int]
    branches: float
    """Chance that a house's joint begins a branch rather than going on with the street."""
    earth_every: int
    """An electrode at each n-th joint."""
    earth_ohm: tuple[float, float]
    x_percent: float
    r_percent: float
    mv_mva: float | None


_PLANS: Final = {
    Style.RURAL: _Plan(13, 7.0, (20, 100), (20, 45), (1, 1), (12, 30), ("Al", 70), ("Al", 50), ("Al", 25), 0.12, 4,
                       (20, 80), 3.8, 1.2, 60.0),
    Style.SUBURBAN: _Plan(40, 4.0, (20, 80), (10, 20), (1, 2), (8, 22), ("Al", 150), ("Al", 95), ("Cu", 16), 0.08, 6,
                          (10, 40), 3.9, 1.2, 150.0),
    Style.URBAN: _Plan(90, 2.8, (10, 50), (8, 18), (1, 6), (4, 12), ("Al", 240), ("Al", 150), ("Al", 35), 0.05, 5,
                       (3, 15), 3.9, 1.1, 250.0),
    Style.MINI_GRID: _Plan(35, 0.8, (10, 60), (25, 50), (1, 3), (10, 30), ("Al", 50), ("Al", 35), ("Al", 16), 0.18, 6,
                           (20, 100), 8.0, 2.0, None),
}  # fmt: skip


def generate(style: Style | str, houses: int, seed: int, *, three_phase_share: float = 0.0) -> Feeder:
    """A feeder; the same arguments give the same one. The transformer is the next standard size for the houses."""
    if houses < 1:
        raise ValueError(f"houses = {houses}: a feeder needs at least one")
    if not 0.0 <= three_phase_share <= 1.0:
        raise ValueError(f"three_phase_share = {three_phase_share:g} is a fraction: give a value from 0 to 1")
    plan = _PLANS[Style(style)]
    rng = np.random.default_rng([seed, 41])
    codes = tuple(dict.fromkeys((plan.trunk, plan.branch, plan.service)))
    drawing = _Drawing(plan, codes)
    left, street = houses, 0
    while left:
        # Streets of about the same length, the last ones not left with a single house.
        count = -(-left // -(-left // plan.street))
        drawing.street(street, count, rng)
        left -= count
        street += 1
    need = plan.kva_per_house * houses
    kva = next((size for size in _STANDARD_KVA if size >= need), float(np.ceil(need / 500.0) * 500.0))
    return drawing.feeder(_transformer(plan, float(kva), rng), rng, three_phase_share)


def _transformer(plan: _Plan, kva: float, rng: np.random.Generator) -> Transformer:
    return Transformer(
        kva=kva,
        r_percent=plan.r_percent,
        x_percent=plan.x_percent,
        source_pu=1.0 if plan.mv_mva is None else float(rng.uniform(1.0, 1.025)),
        earth_ohm=float(rng.uniform(1.0, 5.0)),
        mv_short_circuit_mva=plan.mv_mva,
    )


class _Drawing:
    """A feeder on its way to paper: streets are added one after the other."""

    def __init__(self, plan: _Plan, codes: tuple[tuple[str, int], ...]) -> None:
        self.plan = plan
        self.kinds = codes
        self.codes: tuple[LineCode, ...] = tuple(four_core(*kind) for kind in codes)
        self.buses = ["transformer"]
        self.xy: list[tuple[float, float]] = [(0.0, 0.0)]
        self.lines: list[tuple[int, int, int, float]] = []
        self.homes: list[int] = []
        self.joints: list[int] = []

    def _line(self, begin: int, name: str, kind: tuple[str, int], length_m: float, heading: float) -> int:
        """A line to a new bus."""
        x, y = self.xy[begin]
        self.buses.append(name)
        self.xy.append((x + length_m * float(np.cos(heading)), y + length_m * float(np.sin(heading))))
        end = len(self.buses) - 1
        self.lines.append((begin, end, self.kinds.index(kind), length_m))
        return end

    def street(self, number: int, count: int, rng: np.random.Generator) -> None:
        plan = self.plan
        heading = 2.399963 * number + float(rng.uniform(-0.3, 0.3))  # the golden angle spreads any number of streets
        tip, kind, turn = 0, plan.trunk, heading
        trunk_tip, trunk_joints = 0, 0
        on_branch, left, joint = 0, count, 0
        while left:
            if on_branch == 0 and kind == plan.branch:
                tip, kind, turn = trunk_tip, plan.trunk, heading
            elif kind == plan.trunk and trunk_joints > 2 and left > 4 and rng.uniform() < plan.branches:
                trunk_tip, kind = tip, plan.branch
                on_branch = int(rng.integers(2, 6))
                turn = heading + (1.2 if rng.uniform() < 0.5 else -1.2)
            first = tip == 0
            length = float(rng.uniform(*(plan.lead_m if first else plan.gap_m)))
            joint += 1
            tip = self._line(tip, f"s{number + 1}j{joint}", kind, length, turn)
            self.joints.append(tip)
            if kind == plan.trunk:
                trunk_joints += 1
            else:
                on_branch -= 1
            for _ in range(min(left, int(rng.integers(plan.per_joint[0], plan.per_joint[1] + 1)))):
                left -= 1
                side = turn + (np.pi / 2 if rng.uniform() < 0.5 else -np.pi / 2)
                length = float(rng.uniform(*plan.service_m))
                self.homes.append(self._line(tip, f"h{len(self.homes) + 1}", plan.service, length, float(side)))

    def feeder(self, transformer: Transformer, rng: np.random.Generator, three_phase_share: float) -> Feeder:
        n, plan = len(self.homes), self.plan
        three = np.zeros(n, dtype=bool)
        three[rng.permutation(n)[: round(three_phase_share * n)]] = True
        earthed = np.array(self.joints[plan.earth_every - 1 :: plan.earth_every], dtype=np.int64)
        begin, end, code, length = zip(*self.lines, strict=True)
        return Feeder(
            buses=tuple(self.buses),
            root=0,
            codes=self.codes,
            lines=Lines(
                tuple(f"to {self.buses[k]}" for k in end),
                np.array(begin, dtype=np.int64),
                np.array(end, dtype=np.int64),
                np.array(code, dtype=np.int64),
                np.array(length, dtype=np.float64),
            ),
            transformer=transformer,
            houses=Houses(
                tuple(f"house-{k + 1:03d}" for k in range(n)),
                np.array(self.homes, dtype=np.int64),
                _phases(n, rng),
                three,
            ),
            earthing=Earthing(earthed, rng.uniform(*plan.earth_ohm, len(earthed))),
            xy_m=np.array(self.xy),
        )


def _phases(count: int, rng: np.random.Generator) -> Ints:
    """Phases in the usual uneven shares, in random order."""
    edges = np.round(np.cumsum(_PHASE_SHARE) * count).astype(np.int64)
    phases = np.searchsorted(edges, np.arange(count), side="right").astype(np.int64)
    return np.asarray(rng.permutation(np.minimum(phases, 2)))
