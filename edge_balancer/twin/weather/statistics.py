"""How the roofs' power varies: yield, ramps, how alike neighbours are. It judges nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_balancer.twin.noise import Floats
from edge_balancer.twin.weather.irradiance import haurwitz
from edge_balancer.twin.weather.pv import PvFleet
from edge_balancer.twin.weather.sun_position import sun_position

_DAYLIGHT: Final = 0.01
"""Of rated power: below it, a step is left out of the ramps."""


@dataclass(frozen=True, slots=True)
class PvStatistics:
    """Ramps are absolute changes from one step to the next in daylight, as fractions of the rated AC power."""

    yield_kwh_kw: float
    """Energy over rated DC power; of a year where the days are spread over one."""
    global_kwh_m2: float
    """Irradiation on the horizontal in the same time."""
    minute_ramp_p90: float
    minute_ramp_p99: float
    minute_ramp_p997: float
    fleet_ramp_p997: float
    """The 99.7th percentile for all roofs together."""
    ramp_correlation: float
    """Median correlation of the ramps of two roofs."""
    second_ramp_max: float
    """Largest change of a roof in one second."""
    fleet_second_ramp_max: float


def pv_statistics(fleet: PvFleet, days: Iterable[int], *, year_days: float = 365.0) -> PvStatistics:
    """Statistics over local days (in days since 1970-01-01), with energies scaled to `year_days`."""
    site = fleet.weather.site
    ac_w = np.array([r.ac_w for r in fleet.roofs])
    dc_w = np.array([r.dc_w for r in fleet.roofs])
    chosen = list(days)
    energy_wh, horizontal_wh = np.zeros(len(dc_w)), 0.0
    minutes: list[Floats] = []
    fastest = np.zeros(2)
    for day in chosen:
        midnight = site.local_midnight(day)
        wall = midnight + np.arange(0.0, 86400.0, 60.0) + 30.0
        sine = np.sin(sun_position(wall, site.latitude_deg, site.longitude_deg).elevation)
        index = fleet.weather.sky_index(midnight, 86400).reshape(-1, 60).mean(axis=1)
        horizontal_wh += float((haurwitz(sine) * index).sum() / 60.0)
        seconds = fleet.power(midnight, 86400, 1) / ac_w
        change = np.abs(np.diff(seconds, axis=0))
        together = np.abs(np.diff(seconds @ ac_w)) / ac_w.sum()
        fastest = np.maximum(fastest, [change.max(), together.max()])
        power = seconds.reshape(1440, 60, -1).mean(axis=1)
        energy_wh += (power * ac_w).sum(axis=0) / 60.0
        lit = power.mean(axis=1) > _DAYLIGHT
        minutes.append(np.diff(power, axis=0)[lit[1:] & lit[:-1]])
    ramps = np.concatenate(minutes)
    absolute = np.abs(ramps)
    scale = year_days / len(chosen)
    alike = np.atleast_2d(np.corrcoef(ramps.T))[np.triu_indices(len(dc_w), 1)]
    return PvStatistics(
        yield_kwh_kw=float(energy_wh.sum() / dc_w.sum() * scale),
        global_kwh_m2=horizontal_wh * scale / 1000.0,
        minute_ramp_p90=float(np.percentile(absolute, 90)),
        minute_ramp_p99=float(np.percentile(absolute, 99)),
        minute_ramp_p997=float(np.percentile(absolute, 99.7)),
        fleet_ramp_p997=float(np.percentile(np.abs(ramps @ ac_w) / ac_w.sum(), 99.7)),
        ramp_correlation=float(np.median(alike)) if len(alike) else 1.0,
        second_ramp_max=float(fastest[0]),
        fleet_second_ramp_max=float(fastest[1]),
    )
