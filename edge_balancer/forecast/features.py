"""The inputs of a learned forecast: one row of numbers for each house, the same in the daemon and in training. Pure.

Nothing here can look ahead: it is made of what the blend and the tracker hold, which is what meters have told so far.
Training drives the same two over recorded readings and calls the same function, so that what a model was trained on is
what it is asked about. The list is part of the interface (`interface`): a change of it is another interface.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.forecast.blend import SurvivalBlend
from edge_balancer.forecast.horizon import BLOCK_MINUTES, Horizon
from edge_balancer.forecast.tracker import FeatureTracker

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
Features = NDArray[np.float32]

DAY_S: Final = 86_400.0
MOST: Final = 100.0
"""No feature is larger: 100 kW is no single-phase house."""
LONGEST_AGE_S: Final = DAY_S
"""What is older counts as a day old, and so does what never happened."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of a model's input."""

    name: str
    unit: str
    meaning: str


def _blocks(name: str, unit: str, meaning: str) -> list[Feature]:
    ends = np.cumsum(np.asarray(BLOCK_MINUTES)).tolist()
    starts = [0.0, *ends[:-1]]
    return [
        Feature(f"{name}_{end:g}min", unit, f"{meaning}, from {start:g} to {end:g} min from now")
        for start, end in zip(starts, ends, strict=True)
    ]


FEATURES: Final[tuple[Feature, ...]] = (
    Feature("now", "kW", "net load at present, inrush smoothed out"),
    Feature("step_2min", "kW", "present above the moving mean of half-life 2 min"),
    Feature("step_6min", "kW", "the mean of 2 min above that of 6 min"),
    Feature("step_20min", "kW", "the mean of 6 min above that of 20 min"),
    Feature("step_90min", "kW", "the mean of 20 min above that of 90 min"),
    Feature("session", "kW", "what a car, heat pump or boiler that runs now draws; 0 without"),
    Feature("session_age", "log age", "how long the session has lasted; 0 without"),
    Feature("slow_above_usual", "kW", "the mean of 90 min above what is usual now"),
    *_blocks("usual", "kW", "what is usual at that time of day"),
    *_blocks("blend", "kW", "what the survival blend forecasts"),
    Feature("up_age", "log age", "since the load last stepped up by more than 300 W; 1 = a day or never"),
    Feature("up_size", "kW", "size of that step"),
    Feature("above_before_up", "kW", "present above what was drawn before that step"),
    Feature("down_age", "log age", "since it last stepped down"),
    Feature("down_size", "kW", "size of that step, positive"),
    Feature("last_on", "log age", "how long the last load that was switched off had been on"),
    Feature("last_off", "log age", "how long the pause before the last step up had been"),
    Feature("unrest", "kW", "root mean square about the mean of ten minutes, over half an hour"),
    Feature("day_mean", "kW", "own mean of about a day"),
    Feature("day_deviation", "kW", "own standard deviation over about a day"),
    Feature("reactive", "kvar", "reactive power at present; 0 where the meter has none"),
    Feature("sin_day", "1", "sine of the time of day, by the sun where the place is known, else UTC"),
    Feature("cos_day", "1", "cosine of the same"),
    Feature("sin_half_day", "1", "sine of twice that angle"),
    Feature("cos_half_day", "1", "cosine of twice that angle"),
    Feature("weekend", "1", "1 on Saturdays and Sundays"),
    Feature("clear", "1", "what a clear sky gives now, of 1000 W/m2"),
    *_blocks("clear", "1", "what a clear sky gives in the middle of the block"),
    Feature("pv", "1", "1 where the house has PV"),
    Feature("pv_size", "kW", "rating of its PV"),
    Feature("roof", "1", "its own export over the rating of its PV"),
    Feature("roofs", "1", "export of all houses with PV over the rating of their PV, now"),
    Feature("roofs_change", "1", "the same above its mean of 20 min"),
    Feature("feeder", "kW", "net load of the mean house of the feeder"),
    Feature("feeder_change", "kW", "the same above its mean of 90 min"),
    Feature("reading_age", "log age", "age of the last reading"),
)
NAMES: Final[tuple[str, ...]] = tuple(feature.name for feature in FEATURES)


def log_age(age_s: Floats) -> Floats:
    """Seconds to 0 (now) .. 1 (a day or more): log(1 + minutes) over that of a day. NaN counts as never."""
    age = np.where(np.isnan(age_s), LONGEST_AGE_S, np.clip(age_s, 0.0, LONGEST_AGE_S))
    return np.asarray(np.log1p(age / 60.0) / np.log1p(LONGEST_AGE_S / 60.0))


def features(
    blend: SurvivalBlend,
    tracker: FeatureTracker,
    wall: float,
    horizon: Horizon,
    usual: Complex | None = None,
    forecast: Complex | None = None,
) -> Features:
    """[houses, features] as `FEATURES` lists them, at `wall` (Unix s), after `tracker.tick`. The horizon must be of
    `BLOCK_MINUTES`, whatever its weights. `usual` and `forecast` [houses, blocks] are the blend's, where at hand."""
    usual = blend.usual(wall, horizon) if usual is None else usual
    forecast = blend.upon(usual) if forecast is None else forecast
    table = np.zeros((len(tracker), len(FEATURES)), dtype=np.float32)
    column = _Columns(table)
    now, steps, slowest = blend.now.real, blend.levels.steps(blend.now).real, blend.levels.slowest.real
    column.put(now / 1000.0)
    for step in steps:
        column.put(step / 1000.0)
    column.put(blend.sessions.level.real / 1000.0)
    column.put(np.where(blend.sessions.on, log_age(blend.sessions.age_s), 0.0))
    column.put((slowest - usual[:, 0].real) / 1000.0)
    column.put_blocks(usual.real / 1000.0)
    column.put_blocks(forecast.real / 1000.0)
    _own(column, tracker, now)
    column.put(blend.now.imag / 1000.0)
    _time(column, tracker, wall, horizon)
    _roofs_and_feeder(column, blend, tracker)
    column.put(log_age(tracker.now - tracker.at))
    np.clip(table, -MOST, MOST, out=table)
    # A house that was never heard, or is not forecast (three-phase), says nothing in any column.
    table[~np.isfinite(tracker.at)] = 0.0
    return table


def _own(column: _Columns, tracker: FeatureTracker, now: Floats) -> None:
    column.put(log_age(tracker.now - tracker.up_at))
    column.put(tracker.up_w / 1000.0)
    column.put(np.where(np.isfinite(tracker.up_at), now - tracker.before_up_w, 0.0) / 1000.0)
    column.put(log_age(tracker.now - tracker.down_at))
    column.put(tracker.down_w / 1000.0)
    column.put(log_age(tracker.on_s))
    column.put(log_age(tracker.off_s))
    column.put(tracker.unrest_w / 1000.0)
    column.put(tracker.day_w / 1000.0)
    column.put(tracker.day_deviation_w / 1000.0)


def _time(column: _Columns, tracker: FeatureTracker, wall: float, horizon: Horizon) -> None:
    place = tracker.sky.place
    local = wall if place is None else wall + place.longitude_deg * 240.0
    angle = 2.0 * np.pi * (local % DAY_S) / DAY_S
    for value in (np.sin(angle), np.cos(angle), np.sin(2.0 * angle), np.cos(2.0 * angle)):
        column.put(float(value))
    # 1 January 1970 was a Thursday.
    column.put(float((local // DAY_S + 3.0) % 7.0 >= 5.0))
    middle = 0.5 * (horizon.starts_s + horizon.ends_s)
    for share in tracker.sky.share(wall + np.concatenate([[0.0], middle])).tolist():
        column.put(share)


def _roofs_and_feeder(column: _Columns, blend: SurvivalBlend, tracker: FeatureTracker) -> None:
    now, steady, slowest = blend.now.real, blend.levels.steady.real, blend.levels.slowest.real
    roof = tracker.pv_w > 0.0
    column.put(roof.astype(np.float64))
    column.put(tracker.pv_w / 1000.0)
    column.put(np.divide(np.maximum(-now, 0.0), tracker.pv_w, out=np.zeros_like(now), where=roof))
    roofs = tracker.roofs_share(now)
    column.put(roofs)
    column.put(roofs - tracker.roofs_share(steady))
    heard = tracker.counts & np.isfinite(tracker.at)
    count = max(1, int(np.count_nonzero(heard)))
    column.put(float(now[heard].sum()) / count / 1000.0)
    column.put(float((now - slowest)[heard].sum()) / count / 1000.0)


class _Columns:
    """Fills a table from left to right, so that the order of the code is the order of the list."""

    def __init__(self, table: Features) -> None:
        self._table = table
        self._next = 0

    def put(self, values: Floats | float) -> None:
        self._table[:, self._next] = values
        self._next += 1

    def put_blocks(self, values: Floats) -> None:
        self._table[:, self._next : self._next + values.shape[1]] = values
        self._next += values.shape[1]
