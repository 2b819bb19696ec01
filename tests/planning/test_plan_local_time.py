"""The hour of the day where the feeder stands."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import numpy as np
import pytest

from edge_balancer.planning.errors import PlanningError
from edge_balancer.planning.local_time import local_time

WINTER, SUMMER = 1_767_225_600.0, 1_782_864_000.0
"""2026-01-01 00:00 and 2026-07-01 00:00 UTC."""


@pytest.mark.parametrize(
    ("zone", "winter_h", "summer_h"),
    [
        ("UTC", 0.0, 0.0),
        ("+01:00", 1.0, 1.0),
        ("-3", -3.0, -3.0),
        ("+0530", 5.5, 5.5),
        ("Europe/Berlin", 1.0, 2.0),
        ("Asia/Kolkata", 5.5, 5.5),
    ],
)
def test_a_named_zone_or_an_offset_shifts_the_hours(zone: str, winter_h: float, summer_h: float) -> None:
    place = local_time(zone)
    shifted = place.of(np.array([WINTER, SUMMER])) - np.array([WINTER, SUMMER])
    assert (shifted / 3600.0).tolist() == [winter_h, summer_h]
    assert place.moment(SUMMER).utcoffset() is not None
    assert place.moment(SUMMER).timestamp() == SUMMER


@pytest.mark.parametrize("text", ["Mars/Olympus", "+15:00", "+01:75", "", "../etc/passwd"])
def test_what_is_no_zone_is_named(text: str) -> None:
    with pytest.raises(PlanningError, match="--time-zone"):
        local_time(text)


@pytest.fixture
def host_zone(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.parametrize(
    ("host_zone", "name", "summer_h"),
    [("UTC0", "UTC", 0.0), ("CET-1CEST,M3.5.0,M10.5.0/3", "CET or CEST, this machine's zone", 2.0)],
    indirect=["host_zone"],
)
@pytest.mark.usefixtures("host_zone")
def test_without_a_word_the_machines_own_zone_counts_and_is_named(name: str, summer_h: float) -> None:
    place = local_time(None)
    assert place.name == name
    assert (place.of(np.array([SUMMER]))[0] - SUMMER) / 3600.0 == summer_h


def test_an_hour_that_clocks_show_twice_is_told_apart_by_its_offset() -> None:
    place = local_time("Europe/Berlin")
    back = 1_792_890_000.0  # 2026-10-25 01:00 UTC, when 03:00 becomes 02:00
    shown = place.of(np.array([back - 3600.0, back]))
    assert shown[0] == shown[1]
