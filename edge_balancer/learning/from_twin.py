"""Recordings of simulated feeders: the benchmark's scenarios with seeds that nobody reports on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_balancer.benchmark.case import Case
from edge_balancer.benchmark.meters import Metered
from edge_balancer.benchmark.scenarios import Scenario, make_case
from edge_balancer.learning.options import FIRST_SEED
from edge_balancer.learning.recordings import CAR, PLAIN, SOLAR, SOLAR_CAR, Piece, Recording
from edge_balancer.twin.households import Mix, Population, PopulationOptions, mini_grid
from edge_balancer.twin.weather import Site

_ROWS: Final = 8640


@dataclass(frozen=True, slots=True)
class TwinFeeder:
    """A simulated feeder and what its meters made of it."""

    case: Case
    recording: Recording


def twin_feeder(what: Scenario, seed: int, days: int) -> TwinFeeder:
    """`days` of history and as many after it. Raises ValueError for a seed that is kept for judging."""
    if seed < FIRST_SEED:
        raise ValueError(f"seed {seed} is kept for judging: train on seeds from {FIRST_SEED} on")
    case = make_case(what, seed, days)
    metered = Metered(case, what.meters, what.drawn(seed))

    def pieces() -> Iterator[Piece]:
        for first in range(0, case.slots, _ROWS):
            some = slice(first, first + _ROWS)
            yield Piece(first, metered.value[some], metered.arrives[some])

    roof_w = np.asarray(np.zeros(case.houses) if case.roof_w is None else case.roof_w, dtype=np.float64)
    name = f"{what.name}-{seed}"
    houses = tuple(f"h{h + 1:03d}" for h in range(case.houses))
    kinds = _kinds(what, seed, roof_w > 0.0)
    recording = Recording(name, houses, kinds, roof_w, case.start, case.step_s, case.slots, pieces)
    return TwinFeeder(case, recording)


def _kinds(what: Scenario, seed: int, roofed: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[str, ...]:
    if what.mix is Mix.MINI_GRID:
        options = mini_grid(what.houses)
    else:
        options = PopulationOptions(houses=what.houses, mix=what.mix, ev_share=what.ev_share, site=Site())
    cars = [house.car is not None for house in Population(options, what.drawn(seed)).houses]
    names = {(False, False): PLAIN, (False, True): CAR, (True, False): SOLAR, (True, True): SOLAR_CAR}
    return tuple(names[bool(roof), car] for roof, car in zip(roofed, cars, strict=True))
