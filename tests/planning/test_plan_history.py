"""The history on its grid: what a value stands for, gaps, coverage, and histories that are too little."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_balancer.planning.errors import PlanningError
from edge_balancer.planning.history import on_grid
from edge_balancer.planning.record import HouseSeries, read_csv, read_store
from edge_balancer.settings.services import StorageSettings
from edge_balancer.storage.errors import StorageError
from edge_balancer.storage.store import Store
from edge_balancer.storage.timespan import Timespan
from edge_balancer.types.events import Event, EventKind
from edge_balancer.types.phases import Phase
from edge_balancer.types.snapshot import MinuteMean
from tests.planning.planning_cases import T0, gridded, read, record_of, series_of, steady, write_csv
from tests.support.configuration import make_config

MINUTES = [T0 + 60.0 * k for k in range(10)]
ALONE = series_of(MINUTES, [0.0] * 10)


@pytest.mark.parametrize(
    ("t", "p", "amps"),
    [
        pytest.param([0, 60, 120], [2300, 4600, 0], [10, 20, 0], id="one value a slot"),
        pytest.param([0, 15, 60, 120], [2300, 4600, 0, 0], [17.5, 0, 0], id="weighted by the time that it stood"),
        pytest.param([0, 120], [2300, 4600], [10, 10, 20], id="it stands until the next"),
        pytest.param([0, 60, 60, 120], [2300, 2300, 4600, 0], [10, 20, 0], id="of two at one instant the later"),
        pytest.param([0, 30, 60, 120], [-2300, 2300, 0, 0], [0, 0, 0], id="export and import cancel"),
    ],
)
def test_a_slot_holds_the_mean_over_its_time(t: list[float], p: list[float], amps: list[float]) -> None:
    history = gridded(series_of([T0 + x for x in t], p))
    assert history.own[:3, 0].real == pytest.approx(amps, abs=1e-4)
    assert history.known[:3, 0].all()


def test_reactive_power_turns_the_current() -> None:
    series = series_of(MINUTES, [2300.0] * 10)
    lagging = HouseSeries(
        series.t, series.p, np.full(10, 1150.0), series.v, series.phase, series.stands_s, 230.0, 230.0
    )
    assert gridded(lagging).own[0, 0] == pytest.approx(10.0 - 5.0j, abs=1e-4)


@pytest.mark.parametrize("v", [math.nan, 0.0, 50.0])
def test_without_a_live_voltage_the_nominal_one_counts(v: float) -> None:
    history = gridded(series_of(MINUTES, [2300.0] * 10, v=v))
    assert history.own[0, 0] == pytest.approx(10.0, abs=1e-4)
    assert np.isnan(history.volts).all()


@pytest.mark.parametrize(
    ("telemetry", "stands_s", "known_slots"),
    [
        pytest.param({"stale_s": 180.0}, 0.0, 3, id="as long as a reading is fresh"),
        pytest.param({"stale_s": 300.0}, 0.0, 5, id="as the settings say"),
        pytest.param({"stale_s": 60.0, "stale_periods": 10}, 0.0, 10, id="by the meter's own period"),
        pytest.param(
            {"stale_s": 60.0, "stale_periods": 10, "max_age_s": 120}, 0.0, 2, id="never beyond the greatest age"
        ),
        pytest.param(
            {"stale_s": 60.0, "stale_periods": 2}, 900.0, 15, id="a stored quarter of an hour stands for all of it"
        ),
    ],
)
def test_a_silent_house_counts_with_its_last_value_only_while_that_is_fresh(
    telemetry: dict[str, float], stands_s: float, known_slots: int
) -> None:
    silent = series_of([*MINUTES[:3], T0 + 3600.0], [2300.0] * 4, stands_s=stands_s)
    history = gridded(silent, series_of([T0 + 60.0 * k for k in range(61)], [0.0] * 61), telemetry=telemetry)
    assert len(history.t) == 61, "the other house was heard throughout"
    assert int(history.known[:60, 0].sum()) == 2 + known_slots
    assert (history.own[: 2 + known_slots, 0] == 10.0).all()
    assert (history.own[2 + known_slots : 60, 0] == 0.0).all()
    assert history.coverage == pytest.approx((61 + 3 + known_slots) / 122)


def test_slots_in_which_too_few_are_known_are_left_out_and_counted() -> None:
    half = series_of(MINUTES[:5], [0.0] * 5)
    config = make_config(2, decision={"min_coverage": 0.6}, telemetry={"stale_s": 60})
    history = on_grid(record_of(ALONE, half), config, step_s=60.0, least_hours=1e-6)
    # The last reading stands for two and a half periods more than its minute.
    assert len(history.t) == 6
    assert history.slots == 10


@pytest.mark.parametrize(("period", "step"), [(10, 60.0), (60, 60.0), (900, 900.0)])
def test_slots_are_a_minute_or_as_long_as_the_meters_take(period: int, step: float) -> None:
    series = series_of([T0 + period * k for k in range(100)], [0.0] * 100)
    assert on_grid(record_of(series), make_config(1), step_s=None, least_hours=0.1).step_s == step


def test_too_short_a_history_is_refused_with_what_there_is_and_what_to_do() -> None:
    with pytest.raises(PlanningError, match=r"record: 0\.2 h .* needs 24 h.*--least-hours"):
        on_grid(record_of(ALONE), make_config(1), step_s=None, least_hours=24.0)


@pytest.mark.parametrize(
    ("houses", "words"),
    [
        pytest.param(["stranger"], r"10 rows of others.*stranger.*--config", id="other houses"),
        pytest.param([], r"no reading of a configured", id="nothing"),
    ],
)
def test_a_record_of_nobody_we_know_is_refused(tmp_path: Path, houses: list[str], words: str) -> None:
    config = make_config(3)
    record = read(write_csv(tmp_path / "r.csv", 10, houses, steady(0.0)), config)
    with pytest.raises(PlanningError, match=words):
        on_grid(record, config, step_s=None, least_hours=0.1)


HOUSES: list[dict[str, Any]] = [
    {"id": "free", "phase": "L1"},
    {"id": "fixed", "phase": "L2", "switchable": False},
    {"id": "lift", "phase": "L3", "critical": True},
    {"id": "villa", "three_phase": True},
    {"id": "mute", "phase": "L1"},
]


@pytest.mark.parametrize(
    ("only_switchable", "movable"),
    [
        pytest.param(False, {"free", "fixed"}, id="an electrician may move any single-phase house"),
        pytest.param(True, {"free"}, id="switches alone"),
    ],
)
def test_who_may_be_moved(tmp_path: Path, only_switchable: bool, movable: set[str]) -> None:
    path = write_csv(tmp_path / "r.csv", 3, ["free", "fixed", "lift", "villa", "who"], steady(100.0))
    record = read(path, make_config(HOUSES), only_switchable=only_switchable)
    assert {m.id for m in record.members if m.movable} == movable
    assert [m.id for m in record.members] == ["free", "fixed", "lift"]
    assert [m.id for m in record.members if m.eligible] == ["free", "fixed"]
    assert record.silent == ("mute",)
    assert record.refused == {"house not configured": 3}


def test_a_span_cuts_the_readings(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "r.csv", 10, ["h01"], steady(100.0))
    span = Timespan(T0 + 120.0, T0 + 300.0)
    (series,) = read_csv(path, make_config(1), span, only_switchable=False).series
    assert series.t.tolist() == [T0 + 120.0, T0 + 180.0, T0 + 240.0]


def _stored(path: Path) -> None:
    """`free` moves from L1 to L2 in the middle; the three-phase house draws on L3 alone."""
    minutes = []
    for k in range(10):
        t = T0 // 60 * 60 + 60 * k
        minutes += [
            MinuteMean(t, "free", 0 if k < 5 else 1, 2300.0, 0.0, 228.0, 230.0, 233.5, 6),
            MinuteMean(t, "villa/L3", 2, 1150.0, math.nan, 229.0, 230.0, 231.0, 6),
            MinuteMean(t, "transformer/L1", 0, 1.0, 0.0, 230.0, 230.0, 230.0, 6),
            MinuteMean(t, "gone", 0, 1.0, 0.0, 230.0, 230.0, 230.0, 6),
        ]
    with Store.open(path, StorageSettings()) as store:
        store.append([Event(EventKind.POSITION, 1.0, T0, True, "free", "", {"phase": "L2"})])
        store.write_minutes(minutes, [])


def test_the_store_tells_where_a_house_is_and_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    _stored(path)
    config = make_config(HOUSES)
    record = read_store(path, config, Timespan(), only_switchable=False)
    assert [(m.id, m.phase, m.movable) for m in record.members] == [
        ("free", Phase.L2, True),
        ("villa/L3", Phase.L3, False),
    ]
    assert record.refused == {"house not configured": 10}
    assert record.refused_samples == {"house not configured": "gone"}
    assert (record.series[0].lowest_v, record.series[0].highest_v) == (228.0, 233.5)
    history = on_grid(record, config, step_s=None, least_hours=0.1)
    assert history.was[:, 0].tolist() == [0] * 5 + [1] * 5
    assert history.now.tolist() == [1, 2]
    # 10 A on L2 and 5 A on L3 now; 10 A on L1 and 5 A on L3 as it went at first.
    assert abs(history.neutral(history.now)) == pytest.approx([math.sqrt(75.0)] * 10, rel=1e-5)
    assert abs(history.neutral(history.was)) == pytest.approx([math.sqrt(75.0)] * 10, rel=1e-5)


def test_a_store_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"none\.db"):
        read_store(tmp_path / "none.db", make_config(1), Timespan(), only_switchable=False)
