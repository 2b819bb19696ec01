"""Sun position, clear sky, transposition, clouds and temperature of the twin's weather."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from edge_balancer.twin.weather import Site, Weather
from edge_balancer.twin.weather.irradiance import erbs_fraction, haurwitz, plane_of_array
from edge_balancer.twin.weather.sky import Regime
from edge_balancer.twin.weather.sun_position import extraterrestrial, sun_position

MUNICH = (48.1, 11.6)
PLACES = [MUNICH, (0.0, 0.0), (-33.9, 151.2), (65.0, -18.0), (36.0, -120.0)]


def unix(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


DAY = 20255


@pytest.fixture(scope="module")
def weather() -> Weather:
    return Weather(Site(), 3)


# 90 degrees minus latitude plus declination, when the sun crosses the meridian.
@pytest.mark.parametrize(
    ("instant", "place", "elevation_deg"),
    [
        ("2025-06-21T11:15:30+00:00", MUNICH, 90 - 48.1 + 23.44),
        ("2025-12-21T11:12:00+00:00", MUNICH, 90 - 48.1 - 23.44),
        ("2025-03-20T12:07:00+00:00", (0.0, 0.0), 90.0),
    ],
)
def test_the_noon_sun_stands_where_the_almanac_says(
    instant: str, place: tuple[float, float], elevation_deg: float
) -> None:
    sun = sun_position(np.array([unix(instant)]), *place)
    assert np.degrees(sun.true_elevation[0]) == pytest.approx(elevation_deg, abs=0.25)


@pytest.mark.parametrize("place", PLACES)
def test_sun_positions_agree_with_pvlib(place: tuple[float, float]) -> None:
    pvlib = pytest.importorskip("pvlib")
    pandas = pytest.importorskip("pandas")
    times = pandas.date_range("2025-01-01", "2026-01-01", freq="7h", tz="UTC")
    wall = times.as_unit("s").asi8.astype(np.float64)
    # Method and elevation are named so that refraction is that of the standard atmosphere at sea level.
    theirs = pvlib.solarposition.get_solarposition(times, *place, temperature=15.0)
    ours = sun_position(wall, *place)
    assert np.abs(np.degrees(ours.true_elevation) - theirs["elevation"].to_numpy()).max() < 0.02
    up = theirs["elevation"].to_numpy() > 3.0
    seen = np.degrees(ours.elevation)[up] - theirs["apparent_elevation"].to_numpy()[up]
    assert np.abs(seen).max() < 0.05
    away = (np.degrees(ours.azimuth) - theirs["azimuth"].to_numpy() + 180.0) % 360.0 - 180.0
    low = up & (theirs["elevation"].to_numpy() < 80.0)
    assert np.abs(away[low]).max() < 0.1
    above = pvlib.irradiance.get_extra_radiation(times, method="spencer", solar_constant=1366.1).to_numpy()
    assert extraterrestrial(wall) == pytest.approx(above, rel=2e-3)


def test_clear_sky_and_diffuse_part_agree_with_pvlib() -> None:
    pvlib = pytest.importorskip("pvlib")
    pandas = pytest.importorskip("pandas")
    zenith = np.linspace(0.0, 95.0, 96)
    theirs = pvlib.clearsky.haurwitz(pandas.Series(zenith))["ghi"].to_numpy()
    assert haurwitz(np.cos(np.radians(zenith))) == pytest.approx(theirs, abs=1e-6)
    times = pandas.date_range("2025-06-01", periods=1, tz="UTC")
    above = float(pvlib.irradiance.get_extra_radiation(times).iloc[0])
    for kt in (0.05, 0.21, 0.3, 0.5, 0.7, 0.79, 0.9):
        there = pvlib.irradiance.erbs(kt * above * np.cos(np.radians(30.0)), 30.0, times.dayofyear[0])
        mine = float(erbs_fraction(np.array([kt]))[0])
        assert mine == pytest.approx(there["dhi"] / (kt * above * np.cos(np.radians(30.0))), abs=2e-3)


def test_transposition_agrees_with_pvlib() -> None:
    pvlib = pytest.importorskip("pvlib")
    for zenith, azimuth, tilt, facing, kt in [
        (30, 180, 35, 180, 0.7),
        (60, 100, 35, 200, 0.5),
        (50, 250, 20, 90, 0.75),
    ]:
        above = 1360.0
        sine = np.cos(np.radians(zenith))
        ghi = kt * above * sine
        aoi = pvlib.irradiance.aoi_projection(tilt, facing, zenith, azimuth)
        dhi = float(erbs_fraction(np.array([kt]))[0]) * ghi
        there = pvlib.irradiance.get_total_irradiance(
            tilt, facing, zenith, azimuth, (ghi - dhi) / sine, ghi, dhi, dni_extra=above, albedo=0.2, model="haydavies"
        )["poa_global"]
        ours = plane_of_array(*(np.array([x]) for x in (ghi, sine, above, aoi, np.radians(tilt))))
        assert float(ours[0]) == pytest.approx(float(there), rel=1e-6)


def test_a_horizontal_panel_gets_the_global_irradiance() -> None:
    sine = np.sin(np.radians(np.linspace(5.0, 80.0, 16)))
    ghi = 0.6 * haurwitz(sine)
    plane = plane_of_array(ghi, sine, np.array(1361.0), sine, np.array(0.0))
    assert plane == pytest.approx(ghi, rel=1e-9)


def test_a_wall_under_a_grey_sky_sees_half_of_it_and_half_of_the_ground() -> None:
    sine, ghi = np.array([0.5]), np.array([60.0])
    diffuse = ghi * erbs_fraction(ghi / (1361.0 * sine))
    plane = plane_of_array(ghi, sine, np.array(1361.0), np.array([-0.2]), np.array(np.pi / 2))
    # The little beam of such a sky, 60 - diffuse, takes its share of the circumsolar part with it.
    circumsolar = (ghi - diffuse) / sine / 1361.0
    assert plane == pytest.approx(0.5 * diffuse * (1.0 - circumsolar) + 0.5 * 0.2 * ghi, rel=1e-9)


def test_no_two_grey_days_are_alike(weather: Weather) -> None:
    dull = [k for k in range(DAY, DAY + 400) if set(weather.regimes(k)) == {Regime.OVERCAST}]
    means = [float(weather.sky_index(weather.site.local_midnight(k), 86400).mean()) for k in dull[:6]]
    assert len(means) == 6
    assert max(means) > 1.2 * min(means)


def test_without_sun_there_is_no_irradiance() -> None:
    for degrees in (-90.0, -5.0, 0.0):
        sine = np.sin(np.radians(np.array([degrees])))
        assert haurwitz(sine)[0] == 0.0
        assert plane_of_array(haurwitz(sine), sine, np.array(1361.0), np.array([0.5]), np.array(0.6))[0] == 0.0


def test_the_sky_is_the_same_in_any_window(weather: Weather) -> None:
    start = weather.site.local_midnight(DAY)
    whole = weather.sky_index(start, 3 * 86400)
    fresh = Weather(Site(), 3)
    for first, length in [(200_000, 5_000), (86_300, 200), (0, 60), (100_000, 100_000)]:
        assert np.array_equal(fresh.sky_index(start + first, length), whole[first : first + length])
    assert not np.array_equal(Weather(Site(), 4).sky_index(start, 3 * 86400), whole)


def test_the_index_stays_within_what_skies_do(weather: Weather) -> None:
    index = np.stack([weather.sky_index(weather.site.local_midnight(DAY + 5 * k), 86400) for k in range(30)])
    assert index.min() > 0.02
    assert index.max() < 1.25
    # Two humps: a sky is rather clear or rather grey than in between.
    grey, between, clear = ((index > a) & (index < b) for a, b in ((0.15, 0.45), (0.6, 0.8), (0.93, 1.07)))
    assert between.mean() < 0.5 * min(grey.mean(), clear.mean())
    assert np.abs(np.diff(index, axis=1)).max() < 0.2


def test_regimes_come_with_the_kind_of_day(weather: Weather) -> None:
    clear = [k for k in range(DAY, DAY + 200) if weather.day_kind(k) == 0]
    dull = [k for k in range(DAY, DAY + 200) if weather.day_kind(k) == 2]
    share = [np.mean([r is Regime.CLEAR for k in days for r in weather.regimes(k)]) for days in (clear, dull)]
    assert share[0] > 0.6
    assert share[1] < 0.1


def test_days_resemble_the_day_before(weather: Weather) -> None:
    kinds = np.array([weather.day_kind(k) for k in range(15_000, 18_000)])
    shares = np.bincount(kinds, minlength=3) / len(kinds)
    assert shares == pytest.approx([0.22, 0.38, 0.40], abs=0.06)
    by_chance = float((shares**2).sum())
    assert (kinds[1:] == kinds[:-1]).mean() > by_chance + 0.2


def test_minutes_of_a_broken_sky_hang_together_and_hours_do_not(weather: Weather) -> None:
    mixed = [k for k in range(DAY, DAY + 120) if weather.day_kind(k) == 1][:20]
    days = [weather.sky_index(weather.site.local_midnight(k), 86400).reshape(1440, 60).mean(axis=1) for k in mixed]
    away = [d - d.mean() for d in days]

    def memory(lag: int) -> float:
        return float(sum((d[lag:] * d[:-lag]).sum() for d in away) / sum((d**2).sum() for d in away))

    assert memory(1) > 0.75 > memory(10) > memory(240)
    assert abs(memory(240)) < 0.3


def test_temperature_has_its_seasons_and_days(weather: Weather) -> None:
    start = weather.site.midnight_of(dt.date(2025, 1, 1))
    year = start + np.arange(0.0, 365 * 86400.0, 3600.0)
    hours = weather.temperature_c(year).reshape(365, 24)
    assert hours.mean() == pytest.approx(9.5, abs=1.5)
    months = hours.mean(axis=1)
    assert months[180:210].mean() - months[5:35].mean() > 13.0
    assert hours.mean(axis=0).argmax() in (14, 15, 16)
    south = (
        Weather(Site(latitude_deg=-34.0), 3)
        .temperature_c(start + np.arange(0.0, 365 * 86400.0, 3600.0))
        .reshape(365, 24)
    )
    assert south.mean(axis=1)[5:35].mean() > south.mean(axis=1)[180:210].mean() + 10.0


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"latitude_deg": 91.0}, "latitude_deg = 91"),
        ({"clear_share": 0.8, "overcast_share": 0.5}, "add up to at most 1"),
    ],
)
def test_a_site_that_cannot_be_is_named(changes: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Site(**changes)
