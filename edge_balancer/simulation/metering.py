"""The meters of a simulation: what they make of the truth, as the engine's readings at their arrival. No decisions."""

from __future__ import annotations

from typing import Final

import numpy as np

from edge_balancer.simulation.truth import Truth
from edge_balancer.simulation.world import World, meter_options
from edge_balancer.twin.devices.meters import Meters
from edge_balancer.twin.devices.underway import UnderWay
from edge_balancer.twin.grid.model import Floats
from edge_balancer.types.readings import TRANSFORMER, Reading, ThreePhaseReading

_TAG: Final = 87
_TRANSFORMER_CLASS: Final = 0.005
"""Transformers are metered with class 0.5 (IEC 62053-22)."""


class Metering:
    """All meters of the feeder. Time goes forward only."""

    def __init__(self, world: World, truth: Truth) -> None:
        scenario = world.scenario
        self._truth = truth
        self._names = world.names
        self._three_phase = world.three_phase.tolist()
        self._meters = Meters(len(world.names), meter_options(scenario), scenario.run.seed, float(world.start))
        self._windows = self._meters.due(float(world.start))
        self._next = 0
        self._under_way = UnderWay()
        self._period_s = scenario.meters.transformer_period_s if scenario.meters.transformer else np.inf
        self._read_to = float(world.start)
        self._limits = scenario.controller.telemetry
        gain = np.random.default_rng([scenario.run.seed, _TAG]).uniform(-1.0, 1.0, (2, 3))
        self._gain: Floats = 1.0 + gain * np.array([[_TRANSFORMER_CLASS], [_TRANSFORMER_CLASS / 2.5]])
        self.refused = 0

    @property
    def lost(self) -> int:
        return self._meters.lost

    def open(self, until: float) -> None:
        """Know all periods that end up to `until`: their times and errors hang on nothing that happens till then."""
        self._windows = self._meters.due(until)
        self._next = 0

    def due(self, until: float) -> tuple[list[Reading], list[ThreePhaseReading]]:
        """What has arrived since the last call, in order of arrival. Not beyond what `open` was told."""
        last = int(np.searchsorted(self._windows.end, until, side="right"))
        if last > self._next:
            some = self._windows.part(slice(self._next, last))
            true = self._truth.house_means(some.house, some.begin, some.end)
            self._under_way.send(self._meters.read(some, true.p, true.q, true.v), true.lit.tolist())
            self._next = last
        single: list[Reading] = []
        three: list[ThreePhaseReading] = []
        for arrival, house, stamp, p, q, v in self._under_way.arrived(until):
            # As the daemon's intake judges a stamp: too old or too far ahead is refused, ahead of us is now.
            if not -self._limits.future_s <= arrival - stamp <= self._limits.max_age_s:
                self.refused += 1
                continue
            at = min(stamp, arrival)
            name = self._names[house]
            if self._three_phase[house]:
                # The twin knows such a house's power as a whole, and it draws a third on each phase.
                three.append(ThreePhaseReading(name, at, (p / 3, p / 3, p / 3), (q / 3, q / 3, q / 3)))
            else:
                single.append(Reading(name, at, p, q, v))
        if until - self._read_to >= self._period_s:
            three.append(self._transformer(until))
        return single, three

    def _transformer(self, until: float) -> ThreePhaseReading:
        end = self._read_to + (until - self._read_to) // self._period_s * self._period_s
        self._read_to = end
        m = self._truth.bus_means(end - self._period_s, end)
        power, volt = self._gain

        def three(values: Floats, digits: int) -> tuple[float, float, float]:
            a, b, c = np.round(values, digits).tolist()
            return (a, b, c)

        return ThreePhaseReading(
            TRANSFORMER,
            end,
            three(m.p * power, 0),
            three(m.q * power, 0),
            three(m.v * volt, 1),
            three(m.i * power, 2),
            three(m.v_ll * volt, 1),
            round(m.i_n * float(power[0]), 2),
        )
