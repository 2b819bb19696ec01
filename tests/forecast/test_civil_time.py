"""Habits are told by a clock that can be trusted, or not at all."""

from __future__ import annotations

import math

from edge_balancer.forecast.civil_time import BELIEVED_AFTER_S, CivilTime

WALL = 1.8e9


def test_a_synchronised_clock_is_followed_over_steps_too() -> None:
    civil = CivilTime()
    assert civil.at(10.0, WALL, True) == WALL
    assert civil.at(11.0, WALL + 86_401.0, True) == WALL + 86_401.0


def test_without_a_clock_the_time_is_not_known() -> None:
    civil = CivilTime()
    assert math.isnan(civil.at(10.0, WALL - 9e6, False))
    assert civil.at(20.0, WALL, True) == WALL


def test_a_clock_that_is_no_longer_trusted_is_not_followed() -> None:
    civil = CivilTime()
    civil.at(10.0, WALL, True)
    assert civil.at(70.0, WALL - 3e6, False) == WALL + 60.0


def test_a_clock_that_nobody_sets_for_a_day_is_all_there_is_and_its_later_steps_are_not_followed() -> None:
    civil = CivilTime()
    assert math.isnan(civil.at(10.0, WALL, False))
    day_later = WALL + BELIEVED_AFTER_S
    assert civil.at(10.0 + BELIEVED_AFTER_S, day_later, False) == day_later
    assert civil.at(20.0 + BELIEVED_AFTER_S, WALL - 5e5, False) == day_later + 10.0
    assert civil.at(30.0 + BELIEVED_AFTER_S, WALL, True) == WALL
