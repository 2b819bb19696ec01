"""Recorded history on an even grid of time: every house's complex current in its own frame, gaps as gaps. Pure.

A value stands until the house's next one, but no longer than a reading of that house may be old; then the house is left
out until it speaks again. A slot holds the mean over its time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.currents import LIVE_FRACTION, Complexes, Floats
from edge_balancer.planning.errors import PlanningError
from edge_balancer.planning.record import HouseSeries, Member, Record, Singles
from edge_balancer.settings.policy import TelemetrySettings
from edge_balancer.settings.root import Configuration
from edge_balancer.types.phases import ROTATION

MINUTE_S: Final = 60.0
DAY_S: Final = 86_400.0
# A slot counts for a house that was known for more than half of it: shorter, its mean tells of another time.
_KNOWN_FRACTION: Final = 0.5
_MOST_CELLS: Final = 200_000_000
"""Slots times houses; about 3.5 GB. A longer history needs a longer step."""

Phases = NDArray[np.int8]
Mask = NDArray[np.bool_]
Currents = NDArray[np.complex64]


@dataclass(frozen=True, slots=True)
class History:
    """`t` (T,) starts of the slots, Unix s, increasing, with holes where too few houses were known.

    `own` (T, H) conj(P + jQ) / V in A, 0 where not `known` (T, H); `volts` (T, H) mean V, NaN where not measured; `was`
    (T, H) the phase on which each house then was; `now` (H,) the phase on which it is at the end.
    """

    t: Floats
    step_s: float
    members: tuple[Member, ...]
    own: Currents
    known: Mask
    volts: Singles
    was: Phases
    now: Phases
    slots: int
    """Of the whole time, those that were left out included."""

    @property
    def hours(self) -> float:
        """Usable hours."""
        return len(self.t) * self.step_s / 3600.0

    @property
    def coverage(self) -> float:
        """Share of the houses that are known, over the slots in use."""
        return float(self.known.mean()) if self.known.size else 0.0

    def part(self, start: int, end: int) -> History:
        """The slots from index `start` up to `end`."""
        cut = slice(start, end)
        return History(
            self.t[cut], self.step_s, self.members, self.own[cut], self.known[cut], self.volts[cut], self.was[cut],
            self.now, end - start,
        )  # fmt: skip

    def at(self, slots: NDArray[np.bool_]) -> History:
        """The slots of which `slots` (T,) is true."""
        return History(
            self.t[slots], self.step_s, self.members, self.own[slots], self.known[slots], self.volts[slots],
            self.was[slots], self.now, int(slots.sum()),
        )  # fmt: skip

    def neutral(self, phase: NDArray[np.integer]) -> Complexes:
        """Neutral current (T,) in A, as a phasor, with every house on `phase` (H,) throughout or (T, H) as it went."""
        rotation = ROTATION.astype(np.complex64)[phase]
        if rotation.ndim == 1:
            result: Complexes = (self.own @ rotation).astype(np.complex128)
            return result
        summed: Complexes = np.einsum("th,th->t", self.own, rotation).astype(np.complex128)
        return summed


def on_grid(record: Record, config: Configuration, *, step_s: float | None, least_hours: float) -> History:
    """The history on slots of `step_s` (None: a minute, or the meters' own period where that is longer).

    Slots in which fewer than `decision.min_coverage` of the houses are known are left out. Raises PlanningError where
    less than `least_hours` remains.
    """
    if not record.members:
        raise PlanningError(_nobody(record))
    periods = [_period_s(series) for series in record.series]
    step = _step_s(periods) if step_s is None else step_s
    first = np.floor(min(float(s.t[0]) for s in record.series) / step) * step
    last = max(float(s.t[-1]) for s in record.series)
    slots = int((last - first) // step) + 1
    if slots * len(record.members) > _MOST_CELLS:
        raise PlanningError(
            f"{record.source}: {slots} slots of {step:g} s for {len(record.members)} houses do not fit into memory; "
            "give a longer --step or a shorter span with --from and --to"
        )
    edges = first + step * np.arange(slots + 1, dtype=np.float64)
    shape = (slots, len(record.members))
    own, known = np.zeros(shape, dtype=np.complex64), np.zeros(shape, dtype=np.bool_)
    volts, was = np.full(shape, np.nan, dtype=np.float32), np.zeros(shape, dtype=np.int8)
    nominal_v = config.feeder.nominal_voltage_v
    for h, (series, period) in enumerate(zip(record.series, periods, strict=True)):
        hold_s = _hold_s(config.telemetry, period)
        own[:, h], known[:, h], volts[:, h] = _slots_of(series, edges, hold_s, nominal_v)
        was[:, h] = series.phase[np.maximum(np.searchsorted(series.t, edges[1:], side="left") - 1, 0)]
    keep = known.mean(axis=1) >= max(config.decision.min_coverage, 1e-9)
    now = np.array([int(member.phase) for member in record.members], dtype=np.int8)
    history = History(edges[:-1], step, record.members, own, known, volts, was, now, slots)
    if not keep.all():
        history = replace(history.at(keep), slots=slots)
    if history.hours < least_hours:
        raise PlanningError(
            f"{record.source}: {history.hours:.1f} h in which at least {config.decision.min_coverage:.0%} of the "
            f"houses were known, of {slots * step / 3600.0:.1f} h recorded; a plan needs {least_hours:g} h, days and "
            "nights: record longer, take a wider span with --from and --to, or lower --least-hours"
        )
    return history


def _nobody(record: Record) -> str:
    unknown = record.refused.get("house not configured", 0)
    if unknown:
        sample = record.refused_samples["house not configured"]
        return (
            f"{record.source}: none of its rows is of a configured house ({unknown} rows of others, e.g. {sample}); "
            "give the configuration with --config that names these houses"
        )
    return f"{record.source}: no reading of a configured single-phase house; check the file, --from and --to"


def _period_s(series: HouseSeries) -> float:
    """How often the house reports: the median of what lies between two readings; a minute where there is one alone."""
    gaps = np.diff(series.t)
    gaps = gaps[gaps > 0.0]
    return float(np.median(gaps)) if len(gaps) else MINUTE_S


def _step_s(periods: list[float]) -> float:
    return max(1.0, round(float(np.median(periods)) / MINUTE_S)) * MINUTE_S


def _hold_s(settings: TelemetrySettings, period_s: float) -> float:
    """How long a reading of a meter with this period may be used: the same rule as the controller's."""
    return min(settings.max_age_s, max(settings.stale_s, settings.stale_periods * period_s))


def _slots_of(
    series: HouseSeries, edges: Floats, hold_s: float, nominal_v: float
) -> tuple[Complexes, Mask, NDArray[np.float64]]:
    p, q, v = (column.astype(np.float64) for column in (series.p, series.q, series.v))
    live = v > LIVE_FRACTION * nominal_v
    volts = np.where(live, v, nominal_v)
    current: Complexes = (p - 1j * np.where(np.isfinite(q), q, 0.0)) / volts
    stands = np.maximum(series.stands_s, hold_s)
    end = np.minimum(np.append(series.t[1:], np.inf), series.t + stands)
    step = float(edges[1] - edges[0])
    seconds = _integral(series.t, end, np.ones_like(series.t), edges)
    known = seconds > _KNOWN_FRACTION * step
    real, imaginary = (_integral(series.t, end, part, edges) for part in (current.real, current.imag))
    whole = np.where(known, seconds, np.inf)
    mean: Complexes = ((real + 1j * imaginary) / whole).astype(np.complex128)
    live_s = _integral(series.t, end, live.astype(np.float64), edges)
    measured = np.where(live_s > _KNOWN_FRACTION * step, live_s, np.nan)
    return mean, known, _integral(series.t, end, np.where(live, v, 0.0), edges) / measured


def _integral(start: Floats, end: Floats, value: Floats, edges: Floats) -> Floats:
    """Integral (T,) between neighbouring `edges` (T + 1,) of a signal that is `value` from `start` to `end`, 0 else."""
    area = np.cumsum(value * (end - start))
    before = np.concatenate(((0.0,), area[:-1]))
    # Where a value stands until the next one, two breakpoints fall on one instant with one and the same height.
    at = np.stack((start, end), axis=1).ravel()
    height = np.stack((before, area), axis=1).ravel()
    result: Floats = np.diff(np.interp(edges, at, height))
    return result
