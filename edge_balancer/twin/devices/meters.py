"""The houses' meters: what they make of the truth, and when it arrives. Sans I/O; deterministic by seed.

Each meter measures the means of P, Q and V over its own period, by its own clock, with its own constant error and a
little noise, and rounds what it says. Some of what it says is lost: singly, in bursts of its own radio, and while the
gateway that all share is away. The caller says what the means were; nothing here knows loads or phases.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.twin.devices.accuracy import Accuracy
from edge_balancer.twin.devices.chance import device_keys, uniform
from edge_balancer.twin.noise import Floats

Ints = NDArray[np.int64]

_TAG: Final = 82
_PERIOD, _TURN, _JITTER, _LOSS, _DELAY, _GAIN, _V_GAIN, _P_1, _P_2, _V_1, _V_2, _OFFSET, _SKEW, _GAP, _LENGTH = range(
    15
)


@dataclass(frozen=True, slots=True)
class MeterOptions:
    """How the meters of a feeder are. Ranges are uniform."""

    period_s: float = 60.0
    period_spread: float = 0.0
    """Meters differ in their period by up to this fraction."""
    jitter: float = 0.02
    """A reading comes early or late by up to this fraction of the period."""
    delay_s: float = 1.0
    """The longest time from the end of a period to the arrival of its reading."""
    loss: float = 0.002
    """Fraction of the readings that never arrive."""
    bursts_per_day: float = 0.0
    """How often a meter's own radio falls silent."""
    burst_s: float = 900.0
    """The longest that it stays silent then."""
    gateway_outages_per_day: float = 0.0
    """How often all meters are silent together."""
    gateway_outage_s: float = 900.0
    accuracy_pct: float = 1.0
    """Accuracy class for energy and power (IEC 62053-21): the greatest constant error, % of the value."""
    voltage_accuracy_pct: float = 0.2
    power_step_w: float = 1.0
    voltage_step_v: float = 0.1
    clock_offset_s: float = 1.0
    """How far a clock is wrong, at most, when it was just set."""
    clock_skew_ppm: float = 20.0
    clock_set_h: float = 24.0
    """A meter sets its clock this often."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0.0 <= value < np.inf:
                raise ValueError(f"{field.name} = {value:g}: give a number from 0")
        for name in ("period_s", "clock_set_h"):
            if getattr(self, name) <= 0.0:
                raise ValueError(f"{name} = 0: give a time above zero")
        for name, most in (("loss", 1.0), ("period_spread", 0.9), ("jitter", 0.45)):
            if getattr(self, name) > most:
                raise ValueError(f"{name} = {getattr(self, name):g}: give a fraction from 0 to {most:g}")


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Periods that meters have measured and whose reading is not lost, and their errors; arrays of shape [n]."""

    house: Ints
    begin: Floats
    """Unix s, by the true clock."""
    end: Floats
    arrival: Floats
    stamp: Floats
    """The end by the meter's own clock."""
    factor: Floats
    """What the meter makes of a watt or var."""
    v_factor: Floats

    def __len__(self) -> int:
        return len(self.house)

    def part(self, which: slice | NDArray[np.intp] | NDArray[np.bool_]) -> Windows:
        """Those chosen."""
        w = self
        columns = (w.house, w.begin, w.end, w.arrival, w.stamp, w.factor, w.v_factor)
        return Windows(columns[0][which], *(column[which] for column in columns[1:]))


@dataclass(frozen=True, slots=True, eq=False)
class Reports:
    """What the meters say; arrays of shape [n]."""

    house: Ints
    arrival: Floats
    stamp: Floats
    p: Floats
    q: Floats
    v: Floats


class Meters:
    """The meters of one feeder. Its state is where each stands in its own sequence of readings."""

    def __init__(self, houses: int, options: MeterOptions, seed: int, start: float) -> None:
        self.options = options
        # One key more than houses: the gateway has its chances too.
        self._keys = device_keys(seed, _TAG, houses + 1, 15)
        every = np.zeros(houses + 1, dtype=np.int64)
        o, key = options, self._keys
        once = uniform(key, every)
        self.period_s: Floats = o.period_s * (1.0 + o.period_spread * (2.0 * once[_PERIOD, :houses] - 1.0))
        errors = key[[_GAIN, _V_GAIN, _P_1, _P_2, _V_1, _V_2], :houses]
        self._accuracy = Accuracy(errors, o.accuracy_pct, o.voltage_accuracy_pct)
        self._start = start
        self._count: Ints = np.zeros(houses, dtype=np.int64)
        # Meters were switched on at different times, so their readings are spread over the period.
        self._beat: Floats = start + once[_TURN, :houses] * self.period_s
        self._begin: Floats = np.full(houses, float(start))
        self._end: Floats = self._jittered()
        self._bursts: Ints = every.copy()
        self._burst_begin: Floats = np.full(houses + 1, np.inf)
        self._burst_end: Floats = np.full(houses + 1, float(start))
        self._next_burst(np.arange(houses + 1))
        self._gateway = [float(self._burst_begin[houses]), float(self._burst_end[houses])]
        """Begin and end of each time in which the gateway was away."""
        self.lost = 0

    def next_due(self) -> float:
        """Unix s at which the next reading can arrive at the earliest."""
        return float(self._end.min(initial=np.inf))

    def due(self, until: float) -> Windows:
        """The readings whose period ended before or at `until`, in the order in which the periods ended; some may
        still be on their way then. How often this is asked changes nothing."""
        parts: list[Windows] = []
        while len(house := np.flatnonzero(self._end <= until)):
            end, count = self._end[house], self._count[house]
            delay = self.options.delay_s * uniform(self._keys[_DELAY, house], count)
            kept = ~self._lost(house, end, count)
            self.lost += int(np.count_nonzero(~kept))
            stamp = self._clock(house, end)
            factor, v_factor = self._accuracy.power(house, count), self._accuracy.voltage(house, count)
            some = Windows(house, self._begin[house], end, end + delay, stamp, factor, v_factor)
            parts.append(some.part(kept))
            self._begin[house] = end
            self._count[house] += 1
            self._beat[house] += self.period_s[house]
            self._end[house] = self._jittered()[house]
        return _in_order(parts)

    def read(self, windows: Windows, p: Floats, q: Floats, v: Floats) -> Reports:
        """What the meters say of these true means over their windows: W, var, V, each [n]."""
        o = self.options
        return Reports(
            windows.house,
            windows.arrival,
            windows.stamp,
            _rounded(p * windows.factor, o.power_step_w),
            _rounded(q * windows.factor, o.power_step_w),
            _rounded(v * windows.v_factor, o.voltage_step_v),
        )

    def _jittered(self) -> Floats:
        houses = len(self._count)
        off = 2.0 * uniform(self._keys[_JITTER, :houses], self._count) - 1.0
        return np.asarray(self._beat + self.options.jitter * self.period_s * off)

    def _clock(self, house: Ints, at: Floats) -> Floats:
        """What the meters' clocks show: wrong by a new offset after each setting, and running away from there."""
        o, between_s = self.options, self.options.clock_set_h * 3600.0
        setting = np.floor((at - self._start) / between_s)
        since = at - self._start - setting * between_s
        offset = o.clock_offset_s * (2.0 * uniform(self._keys[_OFFSET, house], setting.astype(np.int64)) - 1.0)
        skew = o.clock_skew_ppm * 1e-6 * (2.0 * uniform(self._keys[_SKEW, house], np.zeros(len(house), np.int64)) - 1.0)
        return np.asarray(at + offset + skew * since)

    def _lost(self, house: Ints, at: Floats, count: Ints) -> NDArray[np.bool_]:
        gateway = len(self._count)
        while len(over := house[self._burst_end[house] <= at]):
            self._next_burst(over)
        # What the gateway's silence covers does not hang on how far apart the meters are asked: all of it is kept.
        while self._gateway[-1] <= at.max():
            self._next_burst(np.array([gateway]))
            self._gateway += [float(self._burst_begin[gateway]), float(self._burst_end[gateway])]
        single = uniform(self._keys[_LOSS, house], count) < self.options.loss
        own = (self._burst_begin[house] <= at) & (at < self._burst_end[house])
        shared = np.searchsorted(self._gateway, at, side="right") % 2 == 1
        return np.asarray(single | own | shared)

    def _next_burst(self, who: Ints) -> None:
        """Bursts come at random (exponential gaps) and last up to their longest."""
        gateway = who == len(self._count)
        o = self.options
        rate = np.where(gateway, o.gateway_outages_per_day, o.bursts_per_day) / 86_400.0
        longest = np.where(gateway, o.gateway_outage_s, o.burst_s)
        count = self._bursts[who]
        self._bursts[who] += 1
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = np.where(rate > 0.0, -np.log1p(-uniform(self._keys[_GAP, who], count)) / rate, np.inf)
        self._burst_begin[who] = self._burst_end[who] + gap
        self._burst_end[who] = self._burst_begin[who] + longest * uniform(self._keys[_LENGTH, who], count)


def _rounded(values: Floats, step: float) -> Floats:
    return np.asarray(np.round(values / step) * step) if step > 0.0 else values


def _in_order(parts: list[Windows]) -> Windows:
    if not parts:
        none, nothing = np.zeros(0, dtype=np.int64), np.zeros(0)
        return Windows(none, nothing, nothing, nothing, nothing, nothing, nothing)
    joined = Windows(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Windows)))
    return joined.part(np.lexsort((joined.house, joined.end)))
