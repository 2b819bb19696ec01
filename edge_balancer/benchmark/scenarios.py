"""The benchmark's feeders as data, and how a seed makes one of them: houses, sun, phases, switches. Pure.

Meters and switches that misbehave are described here and simulated in `ours`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from edge_balancer.benchmark.case import Case, Mask, Phasors
from edge_balancer.twin.crowding import crowded_phases
from edge_balancer.twin.grid.generate import Style
from edge_balancer.twin.households import Mix, Population, PopulationOptions, mini_grid
from edge_balancer.twin.weather import PvFleet, Site, draw_roofs

_MAY: Final = dt.date(2025, 5, 5)
"""A Monday; four weeks from then the sun stands high and heat pumps rest."""
_JANUARY: Final = dt.date(2025, 1, 6)
"""A Monday; it is cold enough for heat pumps all month."""


@dataclass(frozen=True, slots=True)
class Meters:
    """How readings reach a controller. `loss`: the fraction that does not; `accuracy_pct`, `voltage_accuracy_pct`: the
    meters' classes, see `Accuracy`; `noise`: relative standard deviation of power beyond these; `resolution_w`,
    `voltage_step_v`: of what is reported. A reading is the mean over the period, and takes `delay_s` on its way."""

    period_s: float = 10.0
    delay_s: float = 1.0
    loss: float = 0.0
    noise: float = 0.0
    resolution_w: float = 1.0
    accuracy_pct: float = 1.0
    voltage_accuracy_pct: float = 0.2
    voltage_step_v: float = 0.1


@dataclass(frozen=True, slots=True)
class Switches:
    """`time_s`: from a command to the house on its new phase. Fractions of the commands at which a switch answers that
    it failed, never answers, sticks for good, or sticks and says that it moved; `repair_h`: until a technician has
    repaired and released a house that is locked out."""

    time_s: float = 2.0
    failing: float = 0.0
    silent: float = 0.0
    sticking: float = 0.0
    lying: float = 0.0
    repair_h: float = 24.0

    @property
    def sound(self) -> bool:
        return not (self.failing or self.silent or self.sticking or self.lying)


@dataclass(frozen=True, slots=True)
class Scenario:
    """`pv_skew`: the fraction of the roofs that are on one phase (a third is none). `switchable`: how many houses have
    a switch, those whose current varies most in the history; None for all. `step_s`: of the truth, on which everybody
    is judged: no longer than the meters' period, and a whole number of seconds."""

    name: str
    title: str
    houses: int = 55
    mix: Mix = Mix.EUROPEAN
    pv_share: float = 0.5
    pv_skew: float = 0.7
    ev_share: float = 0.0
    heat_pump_share: float = 0.0
    first_day: dt.date = _MAY
    switchable: int | None = None
    transformer_kva: float = 250.0
    style: Style = Style.SUBURBAN
    step_s: int = 10
    meters: Meters = field(default_factory=Meters)
    switches: Switches = field(default_factory=Switches)

    def drawn(self, seed: int) -> int:
        """What the chances of this scenario are drawn from: no two scenarios share their houses, so that each seed of
        each tells something new."""
        return int.from_bytes(hashlib.sha256(f"{self.name}/{seed}".encode()).digest()[:6], "big")


_EVEN: Final = 1.0 / 3.0

_FAILING: Final = Switches(failing=0.005, silent=0.005, sticking=0.002, lying=0.002)

SCENARIOS: Final = (
    Scenario("skewed-pv", "skewed PV", style=Style.RURAL),
    Scenario("skewed-pv-ev", "skewed PV, with EVs", ev_share=0.3, style=Style.RURAL),
    Scenario("even-ev", "unskewed start, with EVs", pv_skew=_EVEN, ev_share=0.3),
    Scenario(
        "heat-pumps",
        "winter, heat pumps and EVs",
        pv_skew=_EVEN,
        ev_share=0.3,
        heat_pump_share=0.4,
        first_day=_JANUARY,
    ),
    Scenario("houses-20", "20 houses", houses=20, ev_share=0.3, transformer_kva=100.0, style=Style.RURAL),
    Scenario("houses-200", "200 houses", houses=200, ev_share=0.3, transformer_kva=630.0, style=Style.URBAN),
    Scenario(
        "mini-grid",
        "mini-grid",
        houses=40,
        mix=Mix.MINI_GRID,
        pv_share=0.0,
        transformer_kva=10.0,
        style=Style.MINI_GRID,
    ),
    Scenario("slow-meters", "15-minute meters", ev_share=0.3, step_s=60, meters=Meters(period_s=900.0)),
    Scenario(
        "lossy-meters",
        "lossy meters",
        ev_share=0.3,
        step_s=60,
        meters=Meters(period_s=60.0, loss=0.2, noise=0.02, resolution_w=10.0),
    ),
    Scenario("failing-switches", "failing switches", ev_share=0.3, switches=_FAILING),
    Scenario("switchable-10", "ten switchable of 55", ev_share=0.3, switchable=10),
)


def scenario(name: str) -> Scenario:
    """Raises ValueError that names those there are."""
    for one in SCENARIOS:
        if one.name == name:
            return one
    raise ValueError(f"{name!r} is no scenario: give one of {', '.join(one.name for one in SCENARIOS)}")


def households(what: Scenario, seed: int) -> Population:
    """Who lives on the feeder of a seed."""
    if what.mix is Mix.MINI_GRID:
        options = mini_grid(what.houses)
    else:
        options = PopulationOptions(
            houses=what.houses,
            mix=what.mix,
            ev_share=what.ev_share,
            heat_pump_share=what.heat_pump_share,
            site=Site(),
        )
    return Population(options, what.drawn(seed))


def make_case(what: Scenario, seed: int, days: int) -> Case:
    """The feeder of a seed over `days` of history and as many that are judged."""
    if days < 1:
        raise ValueError(f"days = {days}: give at least 1 of history, and as many are judged")
    drawn = what.drawn(seed)
    population = households(what, seed)
    start = population.site.midnight_of(what.first_day)
    roofs = draw_roofs(what.houses, what.pv_share, drawn, southern=population.site.latitude_deg < 0.0)
    fleet = PvFleet(population.weather, roofs, drawn)
    roofed = [roof.house for roof in roofs]
    slots = 2 * days * 86400 // what.step_s
    # Single precision, and a piece at a time: 200 houses over a fortnight of ten seconds are 400 MB so.
    power = np.empty((slots, what.houses), dtype=np.complex64)
    pv = np.zeros((slots, what.houses), dtype=np.float32)
    for piece in population.chunks(start, 2 * days * 86400, what.step_s):
        first = (piece.start - start) // what.step_s
        some = slice(first, first + len(piece.p))
        pv[some, roofed] = fleet.power(piece.start, len(piece.p) * what.step_s, what.step_s)
        power[some] = piece.p - pv[some] + 1j * piece.q
    roof_w = np.zeros(what.houses)
    roof_w[roofed] = [roof.ac_w for roof in roofs]
    single = np.ones(what.houses, dtype=bool)
    judged = days * 86400 // what.step_s
    return Case(
        power,
        pv,
        _switchable(what, power[:judged]),
        crowded_phases(roof_w > 0.0, single, what.pv_skew, np.random.default_rng([drawn, 90])).astype(np.int8),
        float(what.step_s),
        float(start),
        judged,
        roof_w,
        transformer_kva=what.transformer_kva,
    )


def _switchable(what: Scenario, history: Phasors) -> Mask:
    chosen = np.ones(what.houses, dtype=bool)
    if what.switchable is not None:
        spread = np.abs(history - history.mean(axis=0)).mean(axis=0)
        chosen[np.argsort(-spread, kind="stable")[what.switchable :]] = False
    return chosen
