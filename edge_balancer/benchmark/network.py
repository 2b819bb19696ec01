"""What a schedule does to a network: voltages, unbalance and losses on a generated feeder, by its power flow. Pure.

One-minute means of the judged part, tripped inverters included. The neutral current that everybody is judged on needs
no network; this says what else comes with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.currents import Floats
from edge_balancer.benchmark.case import Case, Phases, Watts
from edge_balancer.twin.grid.generate import Style, generate
from edge_balancer.twin.grid.power_flow import PowerFlow
from edge_balancer.twin.medium_voltage import source_pu
from edge_balancer.twin.noise import keys

_MINUTE_S: Final = 60.0
_WINDOW_S: Final = 600.0
_HIGH: Final = 1.10
"""Of nominal, for ten-minute means (EN 50160)."""
_SOURCE_TAG: Final = 94
_MOST: Final = 3000
"""Instants that are solved of a record, in whole ten-minute windows spread evenly over it: of a week every fourth."""


@dataclass(frozen=True, slots=True)
class NetworkFigures:
    """`vuf_pct`: mean of 100 |V2| / |V1| at the house that lies electrically farthest. `loss_pct`: of lines and
    transformer, in per cent of the energy that the houses draw and feed in. `over_voltage_pct`: of the ten-minute
    windows, those in which the mean at some house is above +10 %. `lowest_v`, `highest_v`: of any house in any slot."""

    vuf_pct: float
    loss_pct: float
    over_voltage_pct: float
    lowest_v: float
    highest_v: float


class Network:
    """A generated feeder for a case's houses, ready for any number of schedules."""

    def __init__(self, case: Case, style: Style, seed: int) -> None:
        feeder = generate(style, case.houses, seed)
        feeder = replace(feeder, transformer=replace(feeder.transformer, kva=case.transformer_kva))
        own = np.arange(case.houses)
        ohm = np.abs(PowerFlow(feeder).port_ohm[own, 0, own, 0])
        farthest = feeder.buses[int(feeder.houses.bus[int(np.argmax(ohm))])]
        self.flow = PowerFlow(feeder, watch=[farthest])
        self._source_key = keys(np.random.default_rng([seed, _SOURCE_TAG]), 1)
        self._case = case
        # A slot as long as a minute, or several that make up one.
        self._many = max(1, round(_MINUTE_S / case.step_s))
        self._window = max(1, round(_WINDOW_S / (self._many * case.step_s)))
        windows = (case.slots - case.judged) // self._many // self._window
        every = max(1, -(-windows * self._window // _MOST))
        first = np.arange(0, windows, every) * self._window
        self._minutes: NDArray[np.intp] = (first[:, np.newaxis] + np.arange(self._window)).ravel()

    def level(self, wall: Floats) -> Floats:
        """The medium voltage, by its usual one, at instants (Unix s)."""
        return source_pu(wall, self._source_key)

    def figures(self, schedule: Phases, lost: Watts) -> NetworkFigures:
        """Of a schedule (T, H) of the judged slots, with `lost` (T, H) W of tripped inverters."""
        case = self._case
        if not len(self._minutes):
            raise ValueError("the judged part is shorter than ten minutes: judge a longer one on the network")
        slots = self._minutes[:, np.newaxis] * self._many + np.arange(self._many)
        power = _averaged(case.power[case.judged :], slots) + _averaged(lost, slots)
        # Where houses move within the minute, they are taken to be where they are in its middle.
        phases = schedule[slots[:, self._many // 2]].astype(np.int64)
        first = case.judged + slots[:, 0].astype(np.float64)
        middle = np.asarray(case.start + (first + self._many / 2.0) * case.step_s, dtype=np.float64)
        found = self.flow.solve(power, phases, self.level(middle))
        if not found.converged.all():
            where = int(np.argmin(found.converged))
            raise ValueError(f"the power flow has no solution in minute {self._minutes[where]}: give a stronger feeder")
        volts = np.abs(found.house_v)
        square = (volts**2).reshape(-1, self._window, case.houses).mean(axis=1)
        return NetworkFigures(
            vuf_pct=float(found.watch_vuf_pct.mean()),
            loss_pct=100.0 * float(found.loss_w.sum() / max(1.0, np.abs(power.real).sum())),
            over_voltage_pct=100.0 * float((np.sqrt(square).max(axis=1) > _HIGH * case.nominal_v).mean()),
            lowest_v=float(volts.min()),
            highest_v=float(volts.max()),
        )


def _averaged(values: NDArray[Any], slots: NDArray[np.intp]) -> NDArray[Any]:
    """Means (M, H) over groups of slots (M, n), one column of them after the other: no (M, n, H) in memory."""
    total = np.zeros((len(slots), values.shape[1]), dtype=np.result_type(values.dtype, np.float64))
    for column in slots.T:
        total += values[column]
    return np.asarray(total / slots.shape[1])
