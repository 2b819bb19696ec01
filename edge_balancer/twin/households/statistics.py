"""What a population's load looks like: peaks against the number of houses, load factors, ramps, memory. No judgement.

All from one-minute means, day by day, so that a season needs no more memory than a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_balancer.twin.households.kinds import Fixed
from edge_balancer.twin.households.population import Population
from edge_balancer.twin.noise import Floats

SIZES: Final = (1, 2, 5, 10, 20, 50, 100)
LAGS_MIN: Final = (1, 5, 15, 30, 60)
_DRAWS: Final = 60
"""Random groups of houses for each size."""
_HALF_HOUR: Final = 30


@dataclass(frozen=True, slots=True)
class LoadStatistics:
    """Powers in W a house, ramps in W from minute to minute."""

    houses: int
    days: int
    daily_peak_w: tuple[tuple[int, float], ...]
    """Per size of group: highest minute of the day over the number of houses, mean over groups and days."""
    half_hour_peak_w: tuple[tuple[int, float], ...]
    """Per size of group: mean over groups of the highest half hour of all days, over the number of houses (ADMD)."""
    daily_kwh: float
    daily_kwh_p10: float
    daily_kwh_p90: float
    """Of the houses' own means."""
    load_factor: float
    """Of all houses: mean over days of mean over highest minute."""
    house_load_factor: float
    """The same of single houses, median."""
    hourly: tuple[float, ...]
    """Mean power in each hour of the day over the mean of all."""
    peak_hour: float
    """Middle of the half hour in which all houses draw most, on the mean day."""
    ramp_mean_w: float
    ramp_p95_w: float
    ramp_p999_w: float
    autocorrelation: tuple[tuple[int, float], ...]
    """Of a single house within a day, by lag in minutes; median over houses of the mean over days."""


def load_statistics(population: Population, first_day: int, days: int) -> LoadStatistics:
    """Statistics of whole local days, in days since 1970-01-01."""
    houses = len(population.houses)
    rng = np.random.default_rng([population.seed, 80])
    sizes = [n for n in SIZES if n <= houses]
    groups = {n: [rng.choice(houses, n, replace=False) for _ in range(_DRAWS)] for n in sizes}
    minute_peak = {n: np.zeros(_DRAWS) for n in sizes}
    half_peak = {n: np.zeros(_DRAWS) for n in sizes}
    profile, energy_kwh = np.zeros(1440), np.zeros(houses)
    factors, own_factors, memory = [], [], []
    ramps: list[Floats] = []
    for day in range(first_day, first_day + days):
        p = population.power(population.site.local_midnight(day), 86400, 60).p
        halves = p.reshape(-1, _HALF_HOUR, houses).mean(axis=1)
        for n in sizes:
            for k, group in enumerate(groups[n]):
                minute_peak[n][k] += p[:, group].sum(axis=1).max() / n / days
                half_peak[n][k] = max(half_peak[n][k], halves[:, group].sum(axis=1).max() / n)
        total = p.sum(axis=1)
        profile += total / houses / days
        energy_kwh += p.sum(axis=0) / 60000.0 / days
        factors.append(total.mean() / total.max())
        own_factors.append(p.mean(axis=0) / np.maximum(p.max(axis=0), 1e-9))
        memory.append([_autocorrelation(p, lag) for lag in LAGS_MIN])
        ramps.append(np.abs(np.diff(p, axis=0)).ravel())
    change = np.concatenate(ramps)
    lasting = np.median(np.mean(memory, axis=0), axis=1)
    hourly = profile.reshape(24, 60).mean(axis=1) / profile.mean()
    return LoadStatistics(
        houses=houses,
        days=days,
        daily_peak_w=tuple((n, float(minute_peak[n].mean())) for n in sizes),
        half_hour_peak_w=tuple((n, float(half_peak[n].mean())) for n in sizes),
        daily_kwh=float(energy_kwh.mean()),
        daily_kwh_p10=float(np.percentile(energy_kwh, 10)),
        daily_kwh_p90=float(np.percentile(energy_kwh, 90)),
        load_factor=float(np.mean(factors)),
        house_load_factor=float(np.median(np.mean(own_factors, axis=0))),
        hourly=tuple(float(x) for x in hourly),
        peak_hour=(float(profile.reshape(-1, _HALF_HOUR).mean(axis=1).argmax()) + 0.5) / 2.0,
        ramp_mean_w=float(change.mean()),
        ramp_p95_w=float(np.percentile(change, 95)),
        ramp_p999_w=float(np.percentile(change, 99.9)),
        autocorrelation=tuple((lag, float(x)) for lag, x in zip(LAGS_MIN, lasting, strict=True)),
    )


def _autocorrelation(p: Floats, lag: int) -> Floats:
    """Of each house at a lag of so many steps; 1 for a house without any change."""
    away = p - p.mean(axis=0)
    power = (away**2).sum(axis=0)
    product = (away[:-lag] * away[lag:]).sum(axis=0)
    return np.asarray(np.where(power > 0.0, product / np.where(power > 0.0, power, 1.0), 1.0))


@dataclass(frozen=True, slots=True)
class DeviceStatistics:
    """One kind of device over the houses that have it."""

    devices: int
    daily_kwh: float
    """A device and day."""
    sessions_per_week: float
    session_kwh: float
    peak_w: float
    """Highest half hour of all together, over their number."""
    peak_hour: float
    """Middle of the half hour with most power on the mean day."""
    night_over_peak: float
    """Mean of 1 to 4 o'clock over the highest half hour of the mean day."""


def device_statistics(population: Population, kind: Fixed, first_day: int, days: int) -> DeviceStatistics:
    """Statistics of the cars or the heat pumps alone, from the truth behind the profiles."""
    count = sum((h.car if kind is Fixed.CAR else h.heat_pump) is not None for h in population.houses)
    if count == 0:
        raise ValueError(f"no house of the population has a {population.name_of(kind)}: give its share of the houses")
    total = np.zeros((days + 2) * 1440)
    energy_wh, sessions = 0.0, 0
    begin = population.site.local_midnight(first_day)
    for day in range(first_day, first_day + days):
        all_of_day = population.day_pulses(day)
        pulses = all_of_day.take(all_of_day.kind == kind)
        energy_wh += pulses.energy_wh()
        sessions += len(np.unique(pulses.house * np.int64(2**40) + pulses.session))
        for edge, sign in ((pulses.start, 1.0), (pulses.end, -1.0)):
            np.add(total, np.bincount((edge - begin) // 60, sign * pulses.p, len(total)), out=total)
    halves = np.cumsum(total)[: days * 1440].reshape(-1, _HALF_HOUR).mean(axis=1) / count
    mean_day = halves.reshape(days, 48).mean(axis=0)
    return DeviceStatistics(
        devices=count,
        daily_kwh=energy_wh / 1000.0 / count / days,
        sessions_per_week=7.0 * sessions / count / days,
        session_kwh=energy_wh / 1000.0 / max(sessions, 1),
        peak_w=float(halves.max()),
        peak_hour=(float(mean_day.argmax()) + 0.5) / 2.0,
        night_over_peak=float(mean_day[2:8].mean() / mean_day.max()),
    )
