"""Houses and feeders unlike those that a model was trained on."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_balancer.forecast.drift import JUDGED_AFTER, LIMIT, MEMORY, Drift
from edge_balancer.forecast.features import NAMES

F = len(NAMES)
RANGES = np.stack([np.zeros(F), np.ones(F)], axis=1)
HOUSES = 10
ALL = np.ones(HOUSES, dtype=bool)


def table(strange: int, feature: str = "unrest", value: float = 9.0) -> NDArray[np.float32]:
    """So many of the houses are outside by one feature."""
    rows = np.full((HOUSES, F), 0.5, dtype=np.float32)
    rows[:strange, NAMES.index(feature)] = value
    return rows


@pytest.mark.parametrize(
    ("value", "outside"), [(-0.51, True), (-0.49, False), (0.0, False), (1.0, False), (1.49, False), (1.51, True)]
)
def test_half_the_width_beyond_what_was_seen_is_still_known(value: float, outside: bool) -> None:
    found = Drift(RANGES).outside(table(1, value=value))
    assert found.any() == outside
    assert found[0, NAMES.index("unrest")] == outside


def test_a_constant_of_training_leaves_a_little_room() -> None:
    drift = Drift(np.zeros((F, 2)))
    assert not drift.outside(np.full((1, F), 0.04, dtype=np.float32)).any()
    outside = drift.outside(np.full((1, F), 0.06, dtype=np.float32))
    assert np.count_nonzero(~outside) == 1
    assert not outside[0, NAMES.index("reading_age")]


def test_a_meters_own_rhythm_is_no_drift_and_is_handed_as_training_knew_it() -> None:
    """Slots of training have readings that are all new; a meter that sends once a minute has not."""
    ranges = RANGES.copy()
    ranges[NAMES.index("reading_age")] = (0.0, 0.02)
    drift = Drift(ranges)
    rows = table(HOUSES, "reading_age", 0.4)
    assert not drift.outside(rows).any()
    handed = drift.handed(rows)
    assert handed[:, NAMES.index("reading_age")] == pytest.approx(np.full(HOUSES, 0.02))
    others = np.delete(np.arange(F), NAMES.index("reading_age"))
    assert np.array_equal(handed[:, others], rows[:, others])
    assert rows[0, NAMES.index("reading_age")] == np.float32(0.4)


def test_a_file_that_tells_no_ranges_is_not_judged() -> None:
    drift = Drift(None)
    assert not drift.judged
    for _ in range(MEMORY):
        drift.note(drift.outside(table(HOUSES, value=1e9)), ALL)
    assert drift.verdict() == ""


@pytest.mark.parametrize(("strange", "verdict"), [(0, False), (3, False), (4, True), (10, True)])
def test_many_strange_houses_for_an_hour_are_another_feeder(strange: int, verdict: bool) -> None:
    drift = Drift(RANGES)
    rows = table(strange)
    for k in range(JUDGED_AFTER):
        assert drift.verdict() == "", k
        drift.note(drift.outside(rows), ALL)
    assert (strange / HOUSES > LIMIT) == verdict
    told = drift.verdict()
    assert bool(told) == verdict
    if verdict:
        assert f"{10 * strange} % of the houses" in told
        assert "`unrest`" in told


def test_a_strange_hour_in_a_day_is_no_drift() -> None:
    drift = Drift(RANGES)
    for strange in [0] * MEMORY + [HOUSES] * 60:
        drift.note(drift.outside(table(strange)), ALL)
    assert drift.verdict() == ""
    assert drift.share == pytest.approx(0.19, abs=0.03)


def test_houses_never_heard_say_nothing() -> None:
    drift = Drift(RANGES)
    for _ in range(JUDGED_AFTER):
        drift.note(drift.outside(table(5)), np.arange(HOUSES) >= 5)
        drift.note(drift.outside(table(5)), np.zeros(HOUSES, dtype=bool))
    assert drift.verdict() == ""


def test_it_survives_a_restart() -> None:
    drift, again = Drift(RANGES), Drift(RANGES)
    for _ in range(JUDGED_AFTER):
        drift.note(drift.outside(table(6)), ALL)
    assert again.relearn(json.loads(json.dumps(drift.learned())))
    assert again.verdict() == drift.verdict() != ""


@pytest.mark.parametrize(
    "changed",
    [
        {"samples": -1},
        {"samples": MEMORY + 1},
        {"share": 2.0},
        {"share": None},
        {"outside": [0.5]},
        {"outside": ["x"] * F},
    ],
)
def test_nonsense_is_left_aside(changed: dict[str, Any]) -> None:
    drift = Drift(RANGES)
    assert not drift.relearn({**drift.learned(), **changed})
    assert not drift.relearn(None)
    assert drift.verdict() == ""
