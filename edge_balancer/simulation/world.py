"""Builds what a scenario describes: feeder, people, roofs, phases, and the controller's configuration. Runs nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.settings.houses import HouseSettings
from edge_balancer.settings.root import Configuration
from edge_balancer.simulation.scenario import FeederScenario, Scenario
from edge_balancer.twin.crowding import crowded_phases
from edge_balancer.twin.devices.meters import MeterOptions
from edge_balancer.twin.devices.switches import SwitchOptions
from edge_balancer.twin.grid.csv_files import load as load_feeder
from edge_balancer.twin.grid.errors import FeederError
from edge_balancer.twin.grid.generate import generate
from edge_balancer.twin.grid.model import Bools, Feeder, Floats
from edge_balancer.twin.grid.power_flow import PowerFlow
from edge_balancer.twin.grid.topology import Ints
from edge_balancer.twin.households import Mix, Population, PopulationOptions, mini_grid
from edge_balancer.twin.medium_voltage import source_pu
from edge_balancer.twin.noise import keys
from edge_balancer.twin.weather import PvFleet, draw_roofs
from edge_balancer.types.phases import Phase

_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_WATCHED: Final = 3
_PHASE_TAG, _SWITCH_TAG, _SOURCE_TAG = 84, 85, 86


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Everything that does not change while the simulation runs; arrays of shape [H]."""

    scenario: Scenario
    feeder: Feeder
    flow: PowerFlow
    population: Population
    fleet: PvFleet
    roof_house: Ints
    """House of each roof."""
    phases: Ints
    """Where the houses are at the beginning; 0 for three-phase houses, which are on all."""
    switchable: Bools
    config: Configuration
    start: int
    """Unix s at which the history begins: a local midnight."""
    source_key: NDArray[np.uint64]

    @property
    def names(self) -> tuple[str, ...]:
        return self.feeder.houses.names

    @property
    def three_phase(self) -> Bools:
        return self.feeder.houses.three_phase

    @property
    def nominal_v(self) -> float:
        return self.config.feeder.nominal_voltage_v

    @property
    def judged_from(self) -> int:
        return self.start + self.scenario.run.history_days * 86_400

    @property
    def end(self) -> int:
        return self.judged_from + self.scenario.run.days * 86_400

    def source_pu(self, wall: Floats) -> Floats:
        """The medium voltage at these instants, by its mean."""
        return source_pu(wall, self.source_key, self.scenario.feeder.voltage_swing_pct / 100.0)

    def phase_of(self) -> dict[str, Phase]:
        """Where each single-phase house is at the beginning."""
        return {
            name: Phase(int(self.phases[h])) for h, name in enumerate(self.names) if not self.three_phase[h]
        }  # fmt: skip


def build(scenario: Scenario) -> World:
    """Raises FeederError where the feeder's files are none, ModuleNotFoundError where the extra is missing."""
    seed = scenario.run.seed
    feeder = _feeder(scenario.feeder, seed)
    watch = scenario.feeder.watch or _farthest(feeder)
    people = _people(scenario, len(feeder.houses))
    population = Population(people, seed)
    roofs = draw_roofs(len(feeder.houses), scenario.sun.pv_share, seed, southern=population.site.latitude_deg < 0.0)
    roof_house = np.array([roof.house for roof in roofs], dtype=np.int64)
    phases = _phases(feeder, roof_house, scenario.sun.pv_skew, seed)
    switchable = _switchable(feeder, scenario.switches.share, seed)
    pv_w = np.zeros(len(feeder.houses))
    pv_w[roof_house] = [roof.ac_w for roof in roofs]
    return World(
        scenario,
        feeder,
        PowerFlow(feeder, scenario.feeder.explicit_neutral, watch=watch),
        population,
        PvFleet(population.weather, roofs, seed),
        roof_house,
        phases,
        switchable,
        _configuration(scenario, feeder, phases, switchable, pv_w),
        population.site.midnight_of(scenario.run.start),
        keys(np.random.default_rng([seed, _SOURCE_TAG]), 1),
    )


def meter_options(scenario: Scenario) -> MeterOptions:
    """The houses' meters."""
    fields = scenario.meters.model_dump(exclude={"transformer", "transformer_period_s"})
    return MeterOptions(**fields)


def switch_options(scenario: Scenario) -> SwitchOptions:
    s = scenario.switches
    return SwitchOptions(
        (s.delay_min_s, s.delay_max_s), s.dead_s, s.failing, s.silent, s.sticking, s.lying, s.repair_h * 3600.0
    )


def _feeder(what: FeederScenario, seed: int) -> Feeder:
    match what.source:
        case "european":
            from edge_balancer.twin.grid.from_pandapower import european_lv

            feeder = european_lv()
        case "csv":
            assert what.folder is not None, "the scenario has been checked"  # noqa: S101
            feeder = load_feeder(what.folder)
        case _:
            feeder = generate(what.style, what.houses, seed, three_phase_share=what.three_phase_share)
    return feeder.with_derived_neutrals() if what.explicit_neutral else feeder


def _farthest(feeder: Feeder) -> tuple[str, ...]:
    """The houses' buses with the most resistance to the transformer: there the voltages are worst."""
    series = np.abs(np.trace(feeder.z3_ohm(), axis1=1, axis2=2)) / 3.0
    way = np.zeros(len(feeder.buses))
    for bus in feeder.tree.order[1:].tolist():
        way[bus] = way[feeder.tree.parent[bus]] + series[feeder.tree.line[bus]]
    far = sorted(set(feeder.houses.bus.tolist()), key=lambda bus: -way[bus])
    return tuple(feeder.buses[bus] for bus in far[:_WATCHED])


def _people(scenario: Scenario, houses: int) -> PopulationOptions:
    people = scenario.people
    usual = mini_grid(houses) if people.mix == "mini_grid" else PopulationOptions(houses=houses)
    water = usual.water_heater_share if people.water_heater_share is None else people.water_heater_share
    return PopulationOptions(
        houses=houses,
        mix=Mix(people.mix),
        ev_share=people.ev_share,
        heat_pump_share=people.heat_pump_share,
        shower_share=people.shower_share,
        water_heater_share=water,
        site=usual.site,
    )


def _phases(feeder: Feeder, roofs: Ints, skew: float | None, seed: int) -> Ints:
    """The feeder's own, or as many single-phase houses on each phase with their roofs spread as `skew` says."""
    single = ~feeder.houses.three_phase
    phase = np.where(single, feeder.houses.phase, 0).astype(np.int64)
    if skew is None:
        return phase
    with_roof = np.zeros(len(phase), dtype=bool)
    with_roof[roofs] = True
    return crowded_phases(with_roof, single, skew, np.random.default_rng([seed, _PHASE_TAG]))


def _switchable(feeder: Feeder, share: float, seed: int) -> Bools:
    single = np.flatnonzero(~feeder.houses.three_phase)
    order = np.random.default_rng([seed, _SWITCH_TAG]).permutation(single)
    out = np.zeros(len(feeder.houses), dtype=bool)
    out[order[: round(share * len(single))]] = True
    return out


def _configuration(scenario: Scenario, feeder: Feeder, phases: Ints, switchable: Bools, pv_w: Floats) -> Configuration:
    own = scenario.controller
    given = own.feeder.model_fields_set
    kva = feeder.transformer.kva if "transformer_kva" not in given else own.feeder.transformer_kva
    nominal = own.feeder.nominal_voltage_v
    if "nominal_voltage_v" not in given:
        # 400 V between lines are called 230 V, here as everywhere.
        nominal = 230.0 if abs(feeder.transformer.rated_v / 3.0**0.5 - 230.0) < 15.0 else feeder.transformer.no_load_v
    houses = feeder.houses
    for name in houses.names:
        if not _IDENTIFIER.fullmatch(name):
            remedy = "use letters, digits, '_', '.' and '-', beginning with a letter or digit, at most 64"
            raise FeederError(f"house {name!r}", "the controller cannot use this name", remedy)
    return Configuration(
        feeder=own.feeder.model_copy(update={"transformer_kva": kva, "nominal_voltage_v": nominal}),
        houses=tuple(
            HouseSettings(
                id=name,
                phase=None if houses.three_phase[h] else Phase(int(phases[h])),
                three_phase=bool(houses.three_phase[h]),
                switchable=bool(switchable[h]),
                pv_w=float(pv_w[h]),
            )
            for h, name in enumerate(houses.names)
        ),
        telemetry=own.telemetry,
        decision=own.decision,
        forecast=own.forecast,
        switching=own.switching,
        alerts=own.alerts,
    )
