"""What a scenario's meters make of the truth: periods, losses, noise, resolution. Pure; deterministic by seed.

An inverter that trips because its house was moved shows in its meter, so this is told of every move.
"""

from __future__ import annotations

import copy

import numpy as np

from edge_balancer.analysis.currents import Floats
from edge_balancer.benchmark.case import Case, Mask, Phasors
from edge_balancer.benchmark.scenarios import Meters
from edge_balancer.benchmark.trips import Trips
from edge_balancer.twin.devices.accuracy import Accuracy

_SINGLE = np.complex64
_TAG = 95
_BLOCK = 512
"""Slots of which the voltage errors are drawn at once."""


class Metered:
    """`value` (T, H) VA: the reading that house h's meter takes at the end of slot t; `arrives` (T, H): whether it
    takes one then and it gets through. A meter whose period is several slots reports the mean over them;
    its turn within the period is drawn, as real meters' are.
    """

    def __init__(self, case: Case, meters: Meters, seed: int) -> None:
        """Raises ValueError for a period that is no whole number of slots."""
        every = meters.period_s / case.step_s
        if every < 1.0 or every != int(every):
            raise ValueError(
                f"meters' period {meters.period_s:g} s: give a whole number of slots of {case.step_s:g} s each"
            )
        self.period = int(every)
        self.delay_s = meters.delay_s
        self._case = case
        self._accuracy = Accuracy.drawn(seed, _TAG, case.houses, meters.accuracy_pct, meters.voltage_accuracy_pct)
        self._step_v = meters.voltage_step_v
        self._v_block = (-1, np.zeros((0, case.houses)))
        self._resolution_w = np.float32(meters.resolution_w)
        shape = case.power.shape
        rng = np.random.default_rng([seed, 91])
        turn = rng.integers(0, self.period, case.houses)
        self.arrives: Mask = (np.arange(1, case.slots + 1)[:, np.newaxis] % self.period) == turn
        if meters.loss:
            self.arrives &= rng.random(shape, dtype=np.float32) >= meters.loss
        self._factor = None
        if meters.noise:
            self._factor = 1.0 + np.float32(meters.noise) * rng.standard_normal(shape, dtype=np.float32)
        self.trips = Trips(case)
        self.value: Phasors = np.empty(shape, dtype=_SINGLE)
        for house in range(case.houses):
            self._read(house, 0, case.slots)

    def copy(self) -> Metered:
        """The same meters, whose houses may move apart."""
        other = copy.copy(self)
        other.value = self.value.copy()
        other.trips = self.trips.copy()
        return other

    def moved(self, house: int, slot: int, part: float = 0.0) -> tuple[int, int]:
        """The house is on another phase from this slot on, of which `part` had gone by. The slots [begin, end) whose
        readings are others now."""
        begin, end = self.trips.moved(house, slot, part)
        if begin < end:
            end = min(end + self.period - 1, self._case.slots)
            self._read(house, begin, end)
        return begin, end

    def power(self, slot: int) -> Phasors:
        """What all houses really draw in the slot (H,), VA, tripped inverters included."""
        return np.asarray(self._case.power[slot] + self.trips.lost_w_at(slot))

    def _read(self, house: int, begin: int, end: int) -> None:
        """The readings of these slots: means over the period up to each, less at the record's beginning."""
        first = max(0, begin - self.period + 1)
        power: Phasors = self._case.power[first:end, house] + self.trips.lost_w(house, slice(first, end))
        if self.period > 1:
            total = np.concatenate(([0.0], np.cumsum(power, dtype=np.complex128)))
            last = np.arange(begin - first + 1, end - first + 1)
            since = np.maximum(last - self.period, 0)
            power = np.asarray((total[last] - total[since]) / (last - since), dtype=np.complex128)
        else:
            power = power[begin - first :]
        power = power * self._accuracy.power(np.array([house]), np.arange(begin, end)).astype(np.float32)
        if self._factor is not None:
            power = power * self._factor[begin:end, house]
        self.value[begin:end, house] = np.round(power / self._resolution_w) * self._resolution_w

    def shown_v(self, slot: int, volts: Floats) -> Floats:
        """What the meters say of their mean voltages (H,) in the reading at the end of this slot."""
        block, within = divmod(slot, _BLOCK)
        if self._v_block[0] != block:
            count = np.arange(block * _BLOCK, (block + 1) * _BLOCK)[:, np.newaxis]
            self._v_block = (block, self._accuracy.voltage(np.arange(len(volts)), count))
        return np.asarray(np.round(volts * self._v_block[1][within] / self._step_v) * self._step_v)

    def heard(self) -> Phasors:
        """(T, H) what is known last of each house at the end of each slot; zero before anything is heard."""
        if self.period == 1 and self.arrives.all():
            return self.value.copy()
        out = np.empty(self.value.shape, dtype=_SINGLE)
        for house in range(self._case.houses):
            out[:, house] = self.heard_of(house, 0, self._case.slots)
        return out

    def heard_of(self, house: int, begin: int, end: int) -> Phasors:
        """The same of one house in the slots [begin, end)."""
        before = np.flatnonzero(self.arrives[:begin, house][::-1][: _FAR_BACK * self.period])
        since = begin - 1 - int(before[0]) if len(before) else begin
        arrived = self.arrives[since:end, house]
        last = np.maximum.accumulate(np.where(arrived, np.arange(end - since), -1))
        known = self.value[since:end, house][np.maximum(last, 0)]
        return np.asarray(np.where(last >= 0, known, _SINGLE(0.0))[begin - since :])


_FAR_BACK = 100
"""Periods: nobody keeps a reading longer than that."""
