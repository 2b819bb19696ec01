"""The model's statistics beside published ones, as rows and as a table in text. It prints nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_balancer.twin.households import published
from edge_balancer.twin.households.kinds import Fixed
from edge_balancer.twin.households.options import Mix, PopulationOptions, mini_grid
from edge_balancer.twin.households.population import Population
from edge_balancer.twin.households.published import Range
from edge_balancer.twin.households.statistics import (
    DeviceStatistics,
    LoadStatistics,
    device_statistics,
    load_statistics,
)
from edge_balancer.twin.weather import PvFleet, Weather, draw_roofs
from edge_balancer.twin.weather.statistics import PvStatistics, pv_statistics

WINTER_DAY: Final = 20101
"""2025-01-13, a Monday, in days since 1970-01-01."""
_NEW_YEAR: Final = 20089
_EVERY: Final = 6
"""A year of roofs is judged by every sixth day."""
_ADMD: Final = "ADMD"
_EXPLAINED: Final = f"{_ADMD}: after-diversity maximum demand, what all draw at most together over how many they are."
_NAME_WIDTH: Final = 46


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity: what the model gives, and what is published (None where nothing comparable was found)."""

    name: str
    unit: str
    seen: float
    known: Range | None

    @property
    def holds(self) -> bool:
        return self.known is None or self.known.holds(self.seen)


def load_rows(seen: LoadStatistics) -> list[Row]:
    """European households without cars and heat pumps, in winter."""
    rows = [
        Row(f"highest minute of a day, {n} houses", "W/house", w, published.DAILY_PEAK_W[n])
        for n, w in seen.daily_peak_w
    ]
    largest, half_hour = seen.half_hour_peak_w[-1]
    rows.append(
        Row(
            f"{_ADMD}, highest half hour, {largest} houses",
            "W/house",
            half_hour,
            published.HALF_HOUR_PEAK_100_W if largest == 100 else None,
        )
    )
    hourly = np.array(seen.hourly)
    rows += [
        Row("energy", "kWh/day", seen.daily_kwh, published.DAILY_KWH),
        Row("energy, P90 over P10 of the houses", "", seen.daily_kwh_p90 / seen.daily_kwh_p10, published.HOUSE_SPREAD),
        Row("load factor of all", "", seen.load_factor, published.LOAD_FACTOR if seen.houses >= 100 else None),
        Row("load factor of a house", "", seen.house_load_factor, published.HOUSE_LOAD_FACTOR),
        Row("evening peak at", "h", seen.peak_hour, published.PEAK_HOUR),
        Row("highest hour over mean", "", float(hourly.max()), published.PEAK_OVER_MEAN),
        Row("two to five o'clock over mean", "", float(hourly[2:5].mean()), published.NIGHT_OVER_MEAN),
        Row(
            "correlation of the hours with H0",
            "",
            float(np.corrcoef(hourly, published.H0_WINTER)[0, 1]),
            published.SHAPE_CORRELATION,
        ),
        Row("ramp from minute to minute, mean", "W", seen.ramp_mean_w, published.RAMP_MEAN_W),
        Row("ramp, 95th percentile", "W", seen.ramp_p95_w, published.RAMP_P95_W),
        Row("ramp, 99.9th percentile", "W", seen.ramp_p999_w, published.RAMP_P999_W),
    ]
    rows += [
        Row(f"autocorrelation of a house, {lag} min", "", value, published.AUTOCORRELATION[lag])
        for lag, value in seen.autocorrelation
    ]
    return rows


def car_rows(seen: DeviceStatistics) -> list[Row]:
    return [
        Row("car: charges", "/week", seen.sessions_per_week, published.CHARGES_PER_WEEK),
        Row("car: energy of a charge", "kWh", seen.session_kwh, published.CHARGE_KWH),
        Row("car: energy", "kWh/day", seen.daily_kwh, published.CHARGED_KWH_PER_DAY),
        Row(f"car: highest half hour, {seen.devices} cars", "W/car", seen.peak_w, published.CAR_PEAK_W),
    ]


def heat_pump_rows(seen: DeviceStatistics) -> list[Row]:
    return [
        Row(f"heat pump: highest half hour, {seen.devices} of them", "W", seen.peak_w, published.HEAT_PUMP_PEAK_W),
        Row("heat pump: one to four o'clock over peak", "", seen.night_over_peak, published.HEAT_PUMP_NIGHT),
        Row("heat pump: energy on a winter day", "kWh/day", seen.daily_kwh, None),
    ]


def mini_grid_rows(seen: LoadStatistics) -> list[Row]:
    return [
        Row("mini-grid: energy", "Wh/day", 1000.0 * seen.daily_kwh, published.MINI_GRID_WH),
        Row("mini-grid: evening peak at", "h", seen.peak_hour, None),
        Row("mini-grid: load factor of all", "", seen.load_factor, None),
        Row("mini-grid: ramp from minute to minute, mean", "W", seen.ramp_mean_w, None),
        Row("mini-grid: ramp, 95th percentile", "W", seen.ramp_p95_w, None),
        Row("mini-grid: ramp, 99.9th percentile", "W", seen.ramp_p999_w, None),
        *(
            Row(f"mini-grid: autocorrelation of a house, {lag} min", "", value, None)
            for lag, value in seen.autocorrelation
        ),
    ]


def pv_rows(seen: PvStatistics) -> list[Row]:
    return [
        Row("PV: yield of a year", "kWh/kWp", seen.yield_kwh_kw, published.YIELD_KWH_KW),
        Row("PV: irradiation on the horizontal", "kWh/m2", seen.global_kwh_m2, published.GLOBAL_KWH_M2),
        Row("PV: largest ramp of a roof in a second", "/s", seen.second_ramp_max, published.SECOND_RAMP),
        Row("PV: the same, all roofs together", "/s", seen.fleet_second_ramp_max, None),
        Row("PV: ramp of a roof in a minute, P90", "", seen.minute_ramp_p90, None),
        Row("PV: ramp of a roof in a minute, P99", "", seen.minute_ramp_p99, None),
        Row("PV: ramp of a roof in a minute, P99.7", "", seen.minute_ramp_p997, None),
        Row("PV: the same, all roofs together, P99.7", "", seen.fleet_ramp_p997, None),
        Row("PV: correlation of two roofs' ramps", "", seen.ramp_correlation, None),
    ]


def weather_rows(weather: Weather) -> list[Row]:
    """The sky and the air over a year, from every hour and every day of it."""
    days = range(_NEW_YEAR, _NEW_YEAR + 365)
    kinds = np.bincount([weather.day_kind(day) for day in days], minlength=3) / len(days)
    air = weather.temperature_c(weather.site.local_midnight(_NEW_YEAR) + 3600.0 * np.arange(365 * 24, dtype=np.float64))
    return [
        Row("sky: days with hardly a cloud", "", float(kinds[0]), None),
        Row("sky: days with hardly any sun", "", float(kinds[2]), None),
        Row("air: mean of the year", "C", float(air.mean()), None),
        Row("air: coldest hour", "C", float(air.min()), None),
        Row("air: warmest hour", "C", float(air.max()), None),
    ]


def parts(
    seed: int, *, houses: int = 100, days: int = 14, mix: Mix | None = None
) -> Iterator[tuple[str, Callable[[], list[Row]]]]:
    """What there is to compare, drawn from one seed: a name and the work of each part. `mix` of None: everything.

    Raises ValueError where a value is out of range.
    """
    if days < 1:
        raise ValueError(f"days = {days}: give at least 1")
    if mix is not Mix.MINI_GRID:
        # The published profiles are of houses without electric heating of rooms or water.
        plain = PopulationOptions(houses=houses, water_heater_share=0.0)
        electric = PopulationOptions(houses=houses, ev_share=1.0, heat_pump_share=1.0)
        weather = Weather(plain.site, seed)
        fleet = PvFleet(weather, draw_roofs(20, 1.0, seed), seed)

        def loads() -> list[Row]:
            return load_rows(load_statistics(Population(plain, seed, weather), WINTER_DAY, days))

        def devices() -> list[Row]:
            both = Population(electric, seed, weather)
            cars = device_statistics(both, Fixed.CAR, WINTER_DAY, days)
            return car_rows(cars) + heat_pump_rows(device_statistics(both, Fixed.HEAT_PUMP, WINTER_DAY, days))

        def roofs() -> list[Row]:
            return pv_rows(pv_statistics(fleet, range(_NEW_YEAR, _NEW_YEAR + 365, _EVERY))) + weather_rows(weather)

        yield f"{houses} households over {days} days", loads
        yield f"{houses} cars and heat pumps over {days} days", devices
        yield "roofs and sky over a year", roofs
    if mix is not Mix.EUROPEAN:
        far = mini_grid(houses)
        yield (
            f"{houses} households of a mini-grid over {days} days",
            lambda: mini_grid_rows(load_statistics(Population(far, seed), WINTER_DAY, days)),
        )


def all_rows(seed: int, *, houses: int = 100, days: int = 14) -> list[Row]:
    """Everything; some seconds of work with the defaults."""
    return [row for _, work in parts(seed, houses=houses, days=days) for row in work()]


def table(rows: Sequence[Row]) -> str:
    """The rows as text, with numbered sources below. A row outside its published range ends with an asterisk."""
    sources = list(dict.fromkeys(row.known.source for row in rows if row.known is not None))
    lines = [f"{'quantity':<{_NAME_WIDTH}} {'unit':<8} {'twin':>8} {'published':>9} {'range':>17}  source"]
    for row in rows:
        text = f"{row.name:<{_NAME_WIDTH}} {row.unit:<8} {_number(row.seen):>8}"
        if row.known is not None:
            value = "" if row.known.value is None else _number(row.known.value)
            span = f"{_number(row.known.low)} to {_number(row.known.high)}"
            text += f" {value:>9} {span:>17}  [{sources.index(row.known.source) + 1}]{'' if row.holds else ' *'}"
        lines.append(text)
    lines.append("")
    if any(row.name.startswith(_ADMD) for row in rows):
        lines.append(_EXPLAINED)
    lines += [f"[{k}] {source}" for k, source in enumerate(sources, 1)]
    return "\n".join(lines)


def _number(x: float) -> str:
    if abs(x) >= 100.0:
        return f"{x:,.0f}"
    return f"{x:.1f}" if abs(x) >= 10.0 else f"{x:.3g}"
