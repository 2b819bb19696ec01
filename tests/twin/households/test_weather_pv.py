"""Rooftop PV of the twin's weather: night, clipping, neighbours, ramps, windows."""

from __future__ import annotations

import numpy as np
import pytest

from edge_balancer.twin.households.report import pv_rows
from edge_balancer.twin.weather import PvFleet, Roof, Site, Weather, draw_roofs
from edge_balancer.twin.weather.statistics import pv_statistics
from edge_balancer.twin.weather.sun_position import sun_position

DAY = 20255
SITE = Site()


@pytest.fixture(scope="module")
def fleet() -> PvFleet:
    return PvFleet(Weather(SITE, 1), draw_roofs(16, 0.5, 1), 1)


def roof(**changes: float) -> Roof:
    given = {"dc_w": 5000.0, "ac_w": 4600.0, "tilt_rad": 0.6, "azimuth_rad": np.pi, "downwind_m": 0.0} | changes
    return Roof(house=0, **given)


def clear_day(weather: Weather, first: int = DAY) -> int:
    return next(k for k in range(first, first + 100) if weather.sky_index(SITE.local_midnight(k), 86400).min() > 0.9)


def test_the_night_has_no_sun(fleet: PvFleet) -> None:
    for day in (DAY, DAY + 180):
        start = SITE.local_midnight(day)
        power = fleet.power(start, 86400, 60)
        sun = sun_position(start + np.arange(30.0, 86400.0, 60.0), SITE.latitude_deg, SITE.longitude_deg)
        assert (power[sun.elevation < -0.005] == 0.0).all()
        assert power.max() > 100.0


def test_power_is_never_negative_nor_above_the_inverter(fleet: PvFleet) -> None:
    power = fleet.power(SITE.local_midnight(DAY), 5 * 86400, 60)
    assert power.min() >= 0.0
    assert (power <= [r.ac_w for r in fleet.roofs]).all()


def test_a_small_inverter_clips_at_noon() -> None:
    weather = Weather(SITE, 1)
    day = clear_day(weather)
    power = PvFleet(weather, [roof(ac_w=3000.0)], 1).power(SITE.local_midnight(day), 86400, 60)[:, 0]
    assert power.max() == pytest.approx(3000.0)
    assert (power == 3000.0).sum() > 60


def test_any_window_and_any_step_agree(fleet: PvFleet) -> None:
    start = SITE.local_midnight(DAY)
    minutes = fleet.power(start, 86400, 60)
    other = PvFleet(Weather(SITE, 1), draw_roofs(16, 0.5, 1), 1)
    assert other.power(start + 600 * 60, 50 * 60, 60) == pytest.approx(minutes[600:650], abs=1e-6)
    seconds = other.power(start + 36_000, 5400, 1)
    assert seconds.reshape(90, 60, -1).mean(axis=1) == pytest.approx(minutes[600:690], abs=1e-6)
    quarter = other.power(start, 86400, 900)
    assert minutes.reshape(96, 15, -1).mean(axis=1) == pytest.approx(quarter, abs=1e-6)


def test_east_comes_before_west_and_south_gives_most() -> None:
    weather = Weather(SITE, 1)
    day = clear_day(weather)
    roofs = [roof(azimuth_rad=np.radians(a)) for a in (90.0, 180.0, 270.0, 0.0)]
    power = PvFleet(weather, roofs, 1).power(SITE.local_midnight(day), 86400, 60)
    east, south, west = (int(power[:, k].argmax()) for k in range(3))
    assert east < south < west
    assert int(power.sum(axis=0).argmax()) == 1
    assert int(power.sum(axis=0).argmin()) == 3


def test_heat_costs_power() -> None:
    weather, hot = Weather(SITE, 1), Weather(Site(mean_temperature_c=29.5), 1)
    start = SITE.local_midnight(clear_day(weather))
    cool, warm = (PvFleet(w, [roof(ac_w=5000.0)], 1).power(start, 86400, 60).max() for w in (weather, hot))
    # 20 K at 0.37 % a kelvin.
    assert warm / cool == pytest.approx(1.0 - 20 * 0.0037 / 0.95, abs=0.015)


def test_the_inverter_follows_pvwatts() -> None:
    pvlib = pytest.importorskip("pvlib")
    fleet = PvFleet(Weather(SITE, 1), [roof(dc_w=5000.0, ac_w=4600.0)], 1)
    for plane, air in ((60.0, 5.0), (400.0, 20.0), (1000.0, 10.0)):
        dc = 0.86 * pvlib.pvsystem.pvwatts_dc(plane, air + 0.032 * plane, 5000.0, -0.0037)
        there = pvlib.inverter.pvwatts(dc, 4600.0 / 0.96)
        ours = float(fleet._inverters(np.array([[plane]]), np.array([[air]]))[0, 0])
        assert ours == pytest.approx(float(there), rel=1e-6)


def test_a_roof_downwind_sees_the_cloud_later() -> None:
    weather = Weather(SITE, 1)
    fleet = PvFleet(weather, [roof(), roof(downwind_m=240.0)], 1)
    broken = next(k for k in range(DAY, DAY + 60) if weather.day_kind(k) == 1)
    power = fleet.power(SITE.local_midnight(broken) + 10 * 3600, 4 * 3600, 1)
    change = np.diff(power, axis=0)
    lags = [float((change[: -lag or None, 0] * change[lag:, 1]).sum()) for lag in range(61)]
    assert abs(int(np.argmax(lags)) - 30) <= 2


def test_neighbours_darken_nearly_together(fleet: PvFleet) -> None:
    seen = pv_statistics(fleet, range(DAY, DAY + 6))
    assert 0.4 < seen.ramp_correlation < 0.98
    assert seen.fleet_ramp_p997 < seen.minute_ramp_p997
    assert seen.fleet_second_ramp_max < 0.5 * seen.second_ramp_max


def test_a_year_of_roofs_is_within_published_ranges() -> None:
    fleet = PvFleet(Weather(SITE, 1), draw_roofs(3, 1.0, 1), 1)
    rows = pv_rows(pv_statistics(fleet, range(20089, 20089 + 364, 7)))
    assert [row.name for row in rows if not row.holds] == []
    assert sum(row.known is not None for row in rows) >= 3


def test_roofs_keep_their_house_when_more_have_them() -> None:
    few, many = draw_roofs(40, 0.25, 2), draw_roofs(40, 0.75, 2)
    assert (len(few), len(many)) == (10, 30)
    assert set(few) < set(many)
    assert draw_roofs(40, 0.0, 2) == ()
    assert PvFleet(Weather(SITE, 1), (), 1).power(0, 600, 60).shape == (10, 0)


def test_a_southern_roof_looks_north() -> None:
    away = [abs((r.azimuth_rad + np.pi) % (2 * np.pi) - np.pi) for r in draw_roofs(50, 1.0, 1, southern=True)]
    assert float(np.median(away)) < np.pi / 3


@pytest.mark.parametrize(("share", "named"), [(1.5, "share = 1.5"), (-0.1, "share = -0.1")])
def test_a_share_that_is_none_is_named(share: float, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        draw_roofs(10, share, 1)


def test_a_roof_without_power_is_named() -> None:
    with pytest.raises(ValueError, match="dc_w = 0 of the roof of house 0"):
        roof(dc_w=0.0)
