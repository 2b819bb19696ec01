"""Instances of the search for moves, as the daemon meets them: feeders, households and roofs of the twin, a day on
which the forecast learns, then random minutes. No figure is taken here.

A third of them have their houses where the electrician left them, a third with the roofs crowded on one phase, and a
third as the search itself leaves the feeder an hour before. The price goes from the one in force down to a tenth of
it, for it is with cheap moves that many sets are nearly as good as the best.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.distance import FARTHEST, NEAREST
from edge_balancer.decision.objective import Complex, ExpectedCurrent, Floats
from edge_balancer.decision.price import PriceOfMove
from edge_balancer.decision.search import least_current
from edge_balancer.forecast.blend import SurvivalBlend
from edge_balancer.forecast.horizon import horizon, patience_for
from edge_balancer.settings.policy import DecisionSettings
from edge_balancer.twin.grid.generate import generate
from edge_balancer.twin.grid.model import Feeder
from edge_balancer.twin.households import Population, PopulationOptions
from edge_balancer.twin.weather import PvFleet, draw_roofs
from edge_balancer.types.phases import ROTATION

MOST: Final = 3
NOMINAL_V: Final = 230.0
DAY_MIN: Final = 1440
SETTLE_MIN: Final = 60
SETTLE_MOVES: Final = 20
SPRING: Final = 1_743_984_000
"""2025-04-07; each feeder has another month."""
BUDGETS: Final = (2.0, 8.0)
CHEAPER: Final = (1.0, 0.3, 0.1)


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """What `least_current` is given."""

    cost: ExpectedCurrent
    n: Complex
    d: Complex
    price: Floats
    group: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class _Minute:
    """A forecast [houses, blocks] A, its error [blocks] A, the blocks' weights [blocks] min, the present export
    [houses] W, the root mean square of a house's current, A."""

    forecast_a: Complex
    error_a: Floats
    weights_min: Floats
    export_w: Floats
    typical_a: float


def instances(houses: int, count: int, seed: int, per_feeder: int = 15) -> Iterator[Instance]:
    """So many of them, each feeder giving `per_feeder`."""
    while count > 0:
        yield from _of_feeder(houses, min(count, per_feeder), seed)
        count -= per_feeder
        seed += 1


def _of_feeder(houses: int, count: int, seed: int) -> Iterator[Instance]:
    rng = np.random.default_rng([seed, 90])
    feeder = generate("suburban", houses, seed)
    people = Population(PopulationOptions(houses, ev_share=0.2, heat_pump_share=0.1), seed)
    start = SPRING + seed % 12 * 30 * 86_400
    drawn = people.power(start, 2 * DAY_MIN * 60, 60)
    load = drawn.p + 1j * drawn.q
    roofs = draw_roofs(houses, 0.4, seed)
    made = PvFleet(people.weather, roofs, seed).power(start, 2 * DAY_MIN * 60, 60)
    owners = np.array([roof.house for roof in roofs])
    load[:, owners] -= made
    distance = distances(feeder)
    found = feeder.houses.phase.astype(np.int8)
    crowded = found.copy()
    crowded[owners[: int(0.7 * len(owners))]] = 0
    minutes = DAY_MIN + SETTLE_MIN + np.sort(rng.choice(DAY_MIN - SETTLE_MIN, count, replace=False))
    told = _forecasts(load, start, np.concatenate([minutes, minutes - SETTLE_MIN]), owners, BUDGETS)
    for k, minute in enumerate(minutes.tolist()):
        budget, cheaper = BUDGETS[k % 2], CHEAPER[k // 2 % 3]
        far = distance if rng.random() < 0.5 else None
        phase = (found, crowded, found)[k % 3]
        if k % 3 == 2:
            phase = _settled(told[budget, minute - SETTLE_MIN], phase, budget, far)
        yield _instance(told[budget, minute], phase, budget, cheaper, far)


def distances(feeder: Feeder) -> Floats:
    """[houses] resistance of each house's way to the transformer over the typical one, as the planner takes it."""
    tree, lines = feeder.tree, feeder.lines
    own = np.array([code.z3[0, 0].real for code in feeder.codes])[lines.code] * lines.length_m
    way = np.zeros(len(feeder.buses))
    for bus in tree.order[1:].tolist():
        way[bus] = way[tree.parent[bus]] + own[tree.line[bus]]
    ohm = way[feeder.houses.bus]
    return np.asarray(np.clip(ohm / np.median(ohm), NEAREST, FARTHEST))


def _forecasts(
    load: Complex, start: int, minutes: NDArray[np.intp], owners: NDArray[np.intp], budgets: tuple[float, ...]
) -> dict[tuple[float, int], _Minute]:
    """What the survival blend tells at these minutes, having heard all before them."""
    houses = load.shape[1]
    without_roof = np.ones(houses, dtype=bool)
    without_roof[owners] = False
    blend = SurvivalBlend(houses, 0.0, without_roof)
    every, wanted = np.arange(houses), set(minutes.tolist())
    spans = {budget: horizon(patience_for(budget)) for budget in budgets}
    told = {}
    mean_square = 0.0
    for minute, now in enumerate(load[: max(wanted) + 1]):
        wall = float(start + 60 * minute)
        blend.observe(every, now, np.full(houses, wall), wall, 900.0)
        blend.learn(wall, wall, spans[budgets[0]])
        mean_square += float(np.mean(np.abs(now / NOMINAL_V) ** 2))
        if minute in wanted:
            typical = float(np.sqrt(mean_square / (minute + 1)))
            for budget, span in spans.items():
                forecast = np.conj(blend.forecast(wall, span)) / np.complex128(NOMINAL_V)
                error = blend.error_va(typical * NOMINAL_V) / NOMINAL_V
                weights = horizon(patience_for(budget, blend.unrest, 60.0)).weights_min
                told[budget, minute] = _Minute(forecast, error, weights, np.maximum(0.0, -now.real), typical)
    return told


def _settled(minute: _Minute, phase: NDArray[np.int8], budget: float, far: Floats | None) -> NDArray[np.int8]:
    """Where the houses are after the moves that paid at that minute."""
    phase = phase.copy()
    for _ in range(SETTLE_MOVES):
        it = _instance(minute, phase, budget, 0.3, far)
        found = least_current(it.cost, it.n, it.d, it.price, it.group, MOST)
        if not found.chosen:
            break
        for k in found.chosen:
            phase[k // 2] = (phase[k // 2] + 1 + k % 2) % 3
    return phase


def _instance(minute: _Minute, phase: NDArray[np.int8], budget: float, cheaper: float, far: Floats | None) -> Instance:
    """As the planner makes it of a forecast."""
    settings, span = DecisionSettings(), horizon(patience_for(budget))
    group = np.repeat(np.arange(len(phase), dtype=np.intp), 2)
    target = (phase[group] + np.tile([1, 2], len(phase))) % 3
    d = minute.forecast_a[group] * (ROTATION[target] - ROTATION[phase[group]])[:, None]
    n = ROTATION[phase] @ minute.forecast_a
    weights, error = minute.weights_min, minute.error_a
    if far is not None:
        share = settings.distance_weight
        n = np.concatenate([n, ROTATION[phase] @ (minute.forecast_a * far[:, None])])
        d = np.concatenate([d, d * far[group][:, None]], axis=1)
        error = np.concatenate([error, float(np.sqrt(np.mean(far**2))) * error])
        weights = np.concatenate([(1.0 - share) * weights, share * weights])
    one = PriceOfMove(budget, len(phase), minute.typical_a**2).price(float(span.weights_min.sum()))
    lost = settings.pv_energy_price * minute.export_w * settings.pv_reconnect_s / 3600.0
    return Instance(ExpectedCurrent(weights, error), n, d, cheaper * one + lost[group], group)
