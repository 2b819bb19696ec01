"""Kinds of households and who lives in them, and the drawing of the houses from seed and options.

Sizes and shares: Eurostat "Household composition statistics" (2022: 2.2 persons a household in the EU, 36 % living
alone, 24 % with children).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from edge_balancer.twin.households import european, mini_grid
from edge_balancer.twin.households.catalogue import Appliance
from edge_balancer.twin.households.options import Mix, PopulationOptions


class Person(IntEnum):
    """How a person spends a working day."""

    WORKER = 0
    AT_HOME = 1
    CHILD = 2


@dataclass(frozen=True, slots=True)
class HouseType:
    """A kind of household."""

    name: str
    share: float
    people: tuple[Person, ...]
    base_w: tuple[float, float]
    """Range of what is always on: router, standby, clocks, circulation pump."""
    ownership: float = 1.0
    """Factor on how often an appliance is owned."""


W, A, C = Person.WORKER, Person.AT_HOME, Person.CHILD
EUROPEAN_TYPES: Final = (
    HouseType("single worker", 0.20, (W,), (24, 85), 0.9),
    HouseType("single at home", 0.15, (A,), (24, 85), 0.9),
    HouseType("working couple", 0.20, (W, W), (30, 110)),
    HouseType("couple at home", 0.17, (A, A), (35, 120)),
    HouseType("one works, one at home", 0.08, (W, A), (35, 120)),
    HouseType("family, both work", 0.12, (W, W, C, C), (45, 150), 1.1),
    HouseType("family, one at home", 0.08, (W, A, C, C), (45, 150), 1.1),
)
MINI_GRID_TYPES: Final = (
    HouseType("homestead", 0.7, (A, W, C, C), (0, 1), 1.0),
    HouseType("better-off homestead", 0.25, (A, W, C), (1, 4), 1.6),
    HouseType("shop with a home", 0.05, (A, A, C), (2, 8), 2.4),
)
_MEAN_PEOPLE: Final = 2.2
_MINI_GRID_PEOPLE: Final = 4.0
_FRIDGES: Final = ((0.75, 1), (1.0, 2))
_MINI_GRID_FRIDGE_TYPES: Final = ("shop with a home",)


@dataclass(frozen=True, slots=True)
class Owned:
    """An appliance of one house: its kind (an index of the table) and this specimen's rating."""

    kind: int
    power_w: float


@dataclass(frozen=True, slots=True)
class Compressor:
    """A fridge or freezer: watts while it runs, seconds from start to start, part of the time that it runs."""

    power_w: float
    period_s: float
    duty: float


@dataclass(frozen=True, slots=True)
class WaterHeater:
    """An electric storage water heater."""

    power_w: float
    night_h: float | None
    """Hour at which the night tariff lets it heat for the day; None: it heats when water was drawn."""


@dataclass(frozen=True, slots=True)
class HeatPump:
    """An air-to-water heat pump with a modulating compressor."""

    loss_w_k: float
    """Heat the house loses per kelvin."""
    heat_w: float
    """Heat at full speed, at about freezing."""
    slots: int
    """The controller decides so many times a day whether and how long the compressor runs."""
    offset_s: int


@dataclass(frozen=True, slots=True)
class Car:
    """A car and its charging point on one phase."""

    power_w: float
    per_week: float
    """How often it is plugged in."""
    mean_kwh: float
    timer_h: float | None
    """Hour at which a timer starts the charge; None: when it is plugged in."""


@dataclass(frozen=True, slots=True)
class House:
    """A household and what it owns."""

    index: int
    type: HouseType
    base_w: float
    thrift: float
    """Factor on how often things are used; mean about 1 over many houses."""
    shift_h: float
    """How much later than others this household does everything."""
    appliances: tuple[Owned, ...]
    compressors: tuple[Compressor, ...]
    water_heater: WaterHeater | None
    heat_pump: HeatPump | None
    car: Car | None

    @property
    def relative_size(self) -> float:
        """People over the mean of all households."""
        mean = _MINI_GRID_PEOPLE if self.type in MINI_GRID_TYPES else _MEAN_PEOPLE
        return len(self.type.people) / mean


def appliances_of(mix: Mix) -> tuple[Appliance, ...]:
    """The table that `Owned.kind` points into."""
    return mini_grid.APPLIANCES if mix is Mix.MINI_GRID else european.APPLIANCES


def _chosen(count: int, share: float, tag: int, seed: int) -> frozenset[int]:
    """Exactly the rounded share of the houses; a larger share keeps those of a smaller one."""
    order = np.random.default_rng([seed, tag]).permutation(count)
    return frozenset(int(k) for k in order[: round(count * share)])


def draw_houses(options: PopulationOptions, seed: int) -> tuple[House, ...]:
    """All houses. Those with a car, a heat pump and so on are an exact share of them."""
    n = options.houses
    cars = _chosen(n, options.ev_share, 51, seed)
    pumps = _chosen(n, options.heat_pump_share, 52, seed)
    heaters = _chosen(n, options.water_heater_share, 53, seed) - pumps
    showers = None if options.shower_share is None else _chosen(n, options.shower_share, 54, seed)
    types = MINI_GRID_TYPES if options.mix is Mix.MINI_GRID else EUROPEAN_TYPES
    cumulative = np.cumsum([t.share for t in types])
    out = []
    for index in range(n):
        rng = np.random.default_rng([seed, 50, index])
        kind = types[int(np.searchsorted(cumulative / cumulative[-1], rng.random(), side="right"))]
        owned = []
        for k, appliance in enumerate(appliances_of(options.mix)):
            has, rating = rng.random() < appliance.owned * kind.ownership, rng.uniform(*appliance.power_w)
            if showers is not None and appliance.name == european.ELECTRIC_SHOWER:
                has = index in showers
            if has:
                owned.append(Owned(k, float(rating)))
        out.append(
            House(
                index=index,
                type=kind,
                base_w=float(rng.uniform(*kind.base_w)),
                # Mean of a log-normal is exp(mu + sigma^2 / 2).
                thrift=float(rng.lognormal(-0.5 * 0.38**2, 0.38)),
                shift_h=float(np.clip(rng.normal(0.0, 0.9), -2.0, 2.5)),
                appliances=tuple(owned),
                compressors=_compressors(options.mix, kind, rng),
                water_heater=_water_heater(seed, index) if index in heaters else None,
                heat_pump=_heat_pump(seed, index) if index in pumps else None,
                car=_car(seed, index) if index in cars else None,
            )
        )
    return tuple(out)


def _compressors(mix: Mix, kind: HouseType, rng: np.random.Generator) -> tuple[Compressor, ...]:
    """CREST 2010: 110 to 190 W, 18 to 22 minutes of every 54 to 66; today's draw about half of that."""
    count = next(number for limit, number in _FRIDGES if rng.random() <= limit)
    if mix is Mix.MINI_GRID and kind.name not in _MINI_GRID_FRIDGE_TYPES:
        count = 0
    return tuple(
        Compressor(float(rng.uniform(55, 120)), float(rng.uniform(2700, 4500)), float(rng.uniform(0.27, 0.45)))
        for _ in range(count)
    )


def _water_heater(seed: int, index: int) -> WaterHeater:
    rng = np.random.default_rng([seed, 57, index])
    power = float(rng.choice([1500.0, 2000.0, 2400.0, 3000.0]))
    return WaterHeater(power, float(rng.uniform(22.0, 25.0)) if rng.random() < 0.6 else None)


def _heat_pump(seed: int, index: int) -> HeatPump:
    rng = np.random.default_rng([seed, 55, index])
    loss = float(rng.uniform(110.0, 230.0))
    # Sized for about 12 degrees below zero, as the standard outdoor temperatures of EN 12831 in central Europe.
    heat = loss * 30.0 * float(rng.uniform(0.95, 1.2))
    slots = int(rng.choice([48, 54, 60, 64, 72]))
    return HeatPump(loss, heat, slots, int(rng.integers(0, 86400 // slots)))


def _car(seed: int, index: int) -> Car:
    """Three charges a week, mean about 13 to 18 kWh: Electric Nation (2019) and published charging statistics."""
    rng = np.random.default_rng([seed, 56, index])
    # 1 x 16 A, 1 x 20 A (the limit of unbalance in Germany) and 1 x 32 A at 230 V.
    power = float(rng.choice([3680.0, 4600.0, 7360.0], p=[0.4, 0.2, 0.4]))
    timer = float(rng.choice([0.0, 0.5, 1.0, 2.0])) if rng.random() < 0.2 else None
    return Car(power, float(rng.uniform(2.2, 4.8)), float(rng.uniform(11.0, 19.0)), timer)
