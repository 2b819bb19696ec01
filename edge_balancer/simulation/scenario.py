"""A scenario: everything that a simulation is asked for, as typed settings. Nothing is read or built here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from edge_balancer.settings.feeder import FeederSettings
from edge_balancer.settings.forecast import ForecastSettings
from edge_balancer.settings.policy import AlertSettings, DecisionSettings, SwitchingSettings, TelemetrySettings
from firmware_bridge.settings.base import Finding, Section

_TEN_MINUTES_S = 600
_DAY_S = 86_400


class FeederScenario(Section):
    """The network."""

    source: Literal["generated", "csv", "european"] = "generated"
    """Drawn from a style and a seed, read from `folder`, or the European low-voltage feeder of pandapower (needs the
    extra `twin`)."""
    style: Literal["rural", "suburban", "urban", "mini-grid"] = "suburban"
    """Of a generated feeder."""
    houses: int = Field(default=55, ge=1, le=2000)
    """Of a generated feeder; the others bring their own."""
    three_phase_share: float = Field(default=0.0, ge=0, le=1)
    """Fraction of a generated feeder's houses that are connected to all three phases."""
    folder: Path | None = None
    """Folder of CSV files for `source = "csv"`: transformer, lines, linecodes, loads. Counts from the scenario's
    folder."""
    explicit_neutral: bool = False
    """Whether the neutral and its earth electrodes are modelled as conductors of their own (slower)."""
    voltage_swing_pct: float = Field(default=1.5, ge=0, le=10)
    """How far the medium voltage wanders over hours, peak to peak, %."""
    watch: tuple[str, ...] = ()
    """Buses at which the voltage unbalance factor is watched; the three electrically farthest where empty."""

    def contradictions(self) -> Iterator[Finding]:
        if self.source == "csv" and self.folder is None:
            yield Finding(("folder",), None, 'is missing: source = "csv" reads one', "give the folder of CSV files")


class PeopleScenario(Section):
    """The households."""

    mix: Literal["european", "mini_grid"] = "european"
    """Which kinds of households there are; a mini-grid stands near the equator."""
    ev_share: float = Field(default=0.0, ge=0, le=1)
    """Fraction of the houses that charge a car."""
    heat_pump_share: float = Field(default=0.0, ge=0, le=1)
    """Fraction of the houses with a heat pump."""
    shower_share: float | None = Field(default=None, ge=0, le=1)
    """Fraction of the houses with an electric shower; as the table of appliances says where not given."""
    water_heater_share: float | None = Field(default=None, ge=0, le=1)
    """Fraction of the houses with an electric water heater; 0.12 in Europe and none on a mini-grid where not given."""


class SunScenario(Section):
    """The roofs."""

    pv_share: float = Field(default=0.5, ge=0, le=1)
    """Fraction of the houses with PV."""
    pv_skew: float | None = Field(default=None, ge=0, le=1)
    """Fraction of the roofs that are on one phase, the houses being spread evenly; a third is no skew. The feeder's own
    phases where not given."""
    reconnect_min_s: float = Field(default=60.0, ge=0, le=3600)
    """Shortest time that an inverter stays away after its house was dark."""
    reconnect_max_s: float = Field(default=300.0, ge=0, le=3600)
    """Longest time that it stays away (IEEE 1547: 300 s)."""

    def contradictions(self) -> Iterator[Finding]:
        if self.reconnect_max_s < self.reconnect_min_s:
            yield Finding(
                ("reconnect_max_s",),
                self.reconnect_max_s,
                f"is below reconnect_min_s = {self.reconnect_min_s:g}",
                f"set it to at least {self.reconnect_min_s:g}",
                involves=(("reconnect_min_s",),),
            )


class MetersScenario(Section):
    """The houses' meters and the transformer's."""

    period_s: float = Field(default=60.0, ge=1, le=3600)
    """Time between two readings of a house; each is the mean over it."""
    period_spread: float = Field(default=0.0, ge=0, le=0.9)
    """Meters differ in their period by up to this fraction."""
    jitter: float = Field(default=0.02, ge=0, le=0.45)
    """A reading comes early or late by up to this fraction of the period."""
    delay_s: float = Field(default=1.0, ge=0, le=600)
    """Longest time from the end of a period to its reading's arrival."""
    loss: float = Field(default=0.002, ge=0, le=1)
    """Fraction of the readings that are lost singly."""
    bursts_per_day: float = Field(default=0.0, ge=0, le=1000)
    """How often a meter's own radio falls silent."""
    burst_s: float = Field(default=900.0, ge=0, le=86_400)
    """Longest time that it stays silent."""
    gateway_outages_per_day: float = Field(default=0.0, ge=0, le=1000)
    """How often all meters are silent together."""
    gateway_outage_s: float = Field(default=900.0, ge=0, le=86_400)
    """Longest time that they are."""
    accuracy_pct: float = Field(default=1.0, ge=0, le=20)
    """Accuracy class for power: the greatest constant error of a meter, %; a fifth of it is noise on top."""
    voltage_accuracy_pct: float = Field(default=0.2, ge=0, le=5)
    """The same for voltage."""
    power_step_w: float = Field(default=1.0, ge=0, le=1000)
    """Resolution of power."""
    voltage_step_v: float = Field(default=0.1, ge=0, le=10)
    """Resolution of voltage."""
    clock_offset_s: float = Field(default=1.0, ge=0, le=3600)
    """How far a meter's clock is wrong, at most, when it was just set."""
    clock_skew_ppm: float = Field(default=20.0, ge=0, le=10_000)
    """How fast it runs away then, at most, millionths."""
    clock_set_h: float = Field(default=24.0, gt=0, le=8760)
    """A meter sets its clock this often, h."""
    transformer: bool = True
    """Whether the transformer is metered."""
    transformer_period_s: float = Field(default=10.0, ge=1, le=900)
    """Time between two readings of the transformer."""


class SwitchesScenario(Section):
    """The phase switches. Fractions are of the commands, but for `share`."""

    share: float = Field(default=1.0, ge=0, le=1)
    """Fraction of the single-phase houses that have a switch, drawn by the seed."""
    delay_min_s: float = Field(default=1.0, ge=0, le=600)
    """Shortest time from a command to the switch's answer."""
    delay_max_s: float = Field(default=3.0, ge=0, le=600)
    """Longest time."""
    dead_s: float = Field(default=0.2, ge=0, le=60)
    """How long a house is dark in a move; at most `delay_min_s`."""
    failing: float = Field(default=0.0, ge=0, le=1)
    """Answered `failed`; the house stays."""
    silent: float = Field(default=0.0, ge=0, le=1)
    """Never answered; the house stays."""
    sticking: float = Field(default=0.0, ge=0, le=1)
    """The switch sticks for good, and answers `failed` from then on."""
    lying: float = Field(default=0.0, ge=0, le=1)
    """The switch sticks for good, and answers `done` all the same."""
    repair_h: float = Field(default=24.0, ge=0, le=8760)
    """Until a technician has seen to a switch that was locked out, or a house whose record was doubted, h."""

    def contradictions(self) -> Iterator[Finding]:
        if self.delay_max_s < self.delay_min_s:
            yield Finding(
                ("delay_max_s",),
                self.delay_max_s,
                f"is below delay_min_s = {self.delay_min_s:g}",
                f"set it to at least {self.delay_min_s:g}",
                involves=(("delay_min_s",),),
            )
        if self.dead_s > self.delay_min_s:
            yield Finding(
                ("dead_s",),
                self.dead_s,
                f"is above delay_min_s = {self.delay_min_s:g}: a house would be dark before its command",
                f"set it to at most {self.delay_min_s:g}",
                involves=(("delay_min_s",),),
            )
        total = self.failing + self.silent + self.sticking + self.lying
        if total > 1.0:
            yield Finding(
                ("failing",),
                self.failing,
                f"with silent, sticking and lying adds up to {total:g}, more than all commands",
                "lower one of them",
                involves=(("silent",), ("sticking",), ("lying",)),
            )


class RunScenario(Section):
    """Time and chance."""

    start: dt.date = dt.date(2025, 5, 5)
    """The first local day of the history."""
    history_days: int = Field(default=7, ge=0, le=366)
    """Days before the judged ones: the controller works and learns, the static assignment is found from them."""
    days: int = Field(default=7, ge=1, le=366)
    """Days that are judged."""
    step_s: int = Field(default=60, ge=1, le=600)
    """Step of loads and sun; a divisor of 600 s. What happens between two steps happens at its own second."""
    burst_s: float = Field(default=30.0, gt=0, le=60)
    """Readings that arrive within so many seconds reach the controller together: half of it is how late they are on
    average. Few seconds are truer, many are faster."""
    seed: int = Field(default=1, ge=0)
    """The same scenario and seed give the same results, to the byte."""
    series_step_s: int = Field(default=600, ge=1, le=86_400)
    """Step of the written time series: a multiple of `step_s` that fills a day."""

    def contradictions(self) -> Iterator[Finding]:
        if _TEN_MINUTES_S % self.step_s:
            yield Finding(
                ("step_s",),
                self.step_s,
                "does not divide the ten minutes over which voltages are judged",
                "set it to 1, 2, 5, 10, 20, 30, 60 or another divisor of 600",
            )
        if self.series_step_s % self.step_s or _DAY_S % self.series_step_s:
            yield Finding(
                ("series_step_s",),
                self.series_step_s,
                f"is no multiple of step_s = {self.step_s} that fills a day",
                "set it to e.g. 60, 600, 900 or 3600",
                involves=(("step_s",),),
            )


class ControllerScenario(Section):
    """The controller's own settings, under the names that they have in its configuration."""

    feeder: FeederSettings = FeederSettings()
    """Rating and nominal voltage are the twin's where they are not given."""
    telemetry: TelemetrySettings = TelemetrySettings()
    decision: DecisionSettings = DecisionSettings()
    forecast: ForecastSettings = ForecastSettings()
    switching: SwitchingSettings = SwitchingSettings()
    alerts: AlertSettings = AlertSettings()


Baseline = Literal["none", "static"]


class Scenario(Section):
    """One simulation."""

    name: str = Field(default="simulation", min_length=1, max_length=80)
    """Stands over tables and plots."""
    baselines: tuple[Baseline, ...] = ("none", "static")
    """What the controller is held against: the houses never moved, and the best fixed phases that the history gives."""
    feeder: FeederScenario = FeederScenario()
    people: PeopleScenario = PeopleScenario()
    sun: SunScenario = SunScenario()
    meters: MetersScenario = MetersScenario()
    switches: SwitchesScenario = SwitchesScenario()
    run: RunScenario = RunScenario()
    controller: ControllerScenario = ControllerScenario()
    """Any setting of the controller's configuration: `[controller.decision]`, `[controller.switching]`, ..."""

    def contradictions(self) -> Iterator[Finding]:
        budget = self.controller.decision.operations_per_house_day
        cap = self.controller.decision.max_operations_per_house_day
        if cap < budget:
            yield Finding(
                ("controller", "decision", "max_operations_per_house_day"),
                cap,
                f"is below operations_per_house_day = {budget:g}: the budget cannot be spent",
                "raise it, or lower the budget",
                involves=(("controller", "decision", "operations_per_house_day"),),
            )
        if "static" in self.baselines and self.run.history_days == 0:
            yield Finding(
                ("run", "history_days"),
                0,
                'leaves nothing from which the baseline "static" could be found',
                'set it to 1 or more, or baselines to ["none"]',
                involves=(("baselines",),),
            )
