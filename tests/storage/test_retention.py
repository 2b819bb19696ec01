"""Telemetry ages in bounded steps; the audit trail does not."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from edge_balancer.storage.database import open_reader
from edge_balancer.storage.retention import Thinned
from edge_balancer.storage.store import Store
from edge_balancer.storage.verify import verify
from tests.storage.storage_cases import NOW, feeder_minute, life, minute, settings

DAY = 86_400
START = int(NOW) // 900 * 900
# What one call may take: 5,000 rows and at most the rest of a quarter of an hour, of houses and feeder.
MOST_ROWS = 5_000 + 15 * 60


def thin_all(store: Store, now: float) -> list[Thinned]:
    steps = [store.thin(now)]
    while steps[-1].more:
        steps.append(store.thin(now))
        assert len(steps) < 10_000
    return steps


def rows(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with open_reader(path) as connection:
        return connection.execute(statement).fetchall()


def test_minutes_past_their_days_become_quarters_and_the_rest_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Store.open(path, settings(minute_days=1)) as store:
        for number in range(60):
            values: dict[str, Any] = {
                "v_min": 220.0 + number % 15,
                "v_max": 240.0 + number % 15,
                "phase": number % 3,
                "readings": 2,
            }
            store.write_minutes(
                [minute(START + 60 * number, p=100.0 * number, **values)], [feeder_minute(START + 60 * number, number)]
            )
        # Half an hour and a bit is older than a day: the quarter that is not whole yet stays.
        steps = thin_all(store, START + DAY + 35 * 60)
    assert sum(step.minute_rows for step in steps) == 2 * 30
    assert rows(path, "SELECT quarter, phase, p, v_min, v_mean, v_max, readings FROM house_quarters") == [
        (START, 2, 7_000, 22_000, 23_002, 25_400, 30),
        (START + 900, 2, 22_000, 22_000, 23_002, 25_400, 30),
    ]
    assert rows(path, "SELECT quarter, minutes, i_n, i_n_max, p_l1, v_min_l1, v_max_l3 FROM feeder_quarters") == [
        (START, 15, 7.0, 19.0, 4000.0, 228.0, 234.0),
        (START + 900, 15, 22.0, 34.0, 4000.0, 228.0, 234.0),
    ]
    assert rows(path, "SELECT min(minute), count(*) FROM house_minutes") == [(START + 1800, 30)]


def test_a_late_minute_is_merged_into_its_quarter(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Store.open(path, settings(minute_days=1)) as store:
        for p in (100.0, 400.0):
            readings = 10 if p == 100.0 else 20
            store.write_minutes([minute(START, p=p, readings=readings)], [feeder_minute(START, p / 100)])
            thin_all(store, START + 2 * DAY)
    assert rows(path, "SELECT p, readings FROM house_quarters") == [(3000, 30)]
    assert rows(path, "SELECT minutes, i_n FROM feeder_quarters") == [(2, 2.5)]


def test_what_a_meter_never_said_stays_unknown(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    nan = math.nan
    with Store.open(path, settings(minute_days=1)) as store:
        store.write_minutes([minute(START + 60 * n, q=nan, v_min=nan, v_mean=nan, v_max=nan) for n in range(15)], [])
        thin_all(store, START + 2 * DAY)
    assert rows(path, "SELECT p, q, v_min, v_mean, v_max FROM house_quarters") == [(9504, None, None, None, None)]


def test_quarters_go_when_their_days_are_over(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Store.open(path, settings(minute_days=1, quarter_days=10)) as store:
        for day in range(20):
            store.write_minutes([minute(START + day * DAY)], [feeder_minute(START + day * DAY)])
        thin_all(store, START + 20 * DAY)
    assert rows(path, "SELECT min(quarter), count(*) FROM house_quarters") == [(START + 10 * DAY, 9)]
    assert rows(path, "SELECT min(quarter), count(*) FROM feeder_quarters") == [(START + 10 * DAY, 9)]
    # A minute exactly a day old is not over yet.
    assert rows(path, "SELECT min(minute), count(*) FROM house_minutes") == [(START + 19 * DAY, 1)]


def test_each_call_does_a_bounded_piece_of_work(tmp_path: Path) -> None:
    with Store.open(tmp_path / "a.db", settings(minute_days=1)) as store:
        for number in range(6 * 60):
            store.write_minutes([minute(START + 60 * number, f"h{h}") for h in range(55)], [])
        steps = thin_all(store, START + 3 * DAY)
    assert sum(step.minute_rows for step in steps) == 6 * 60 * 55
    assert max(step.minute_rows for step in steps) <= MOST_ROWS
    assert len(steps) >= 4


def test_the_bound_on_the_disk_holds_and_the_oldest_goes_first(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    bound_mb = 1.0
    # Below what the configuration allows, so that the test need not write 10 MB.
    small = settings(minute_days=1).model_copy(update={"max_mb": bound_mb})
    with Store.open(path, small) as store:
        for number in range(0, 24 * 60, 30):
            # Spread over twelve days, so that there are quarters and minutes.
            at = START + number * 720
            store.write_minutes([minute(at + 60 * n, f"h{h}") for n in range(30) for h in range(55)], [])
        for number in range(300):
            store.append(life(f"c{number}", "h1", number))
        head = store.head()
        before = rows(path, "SELECT (SELECT count(*) FROM house_minutes) + (SELECT count(*) FROM house_quarters)")
        thin_all(store, START + 12 * DAY)
        trail_bytes = rows(path, "SELECT bytes FROM trail_head")[0][0]
    # Free pages of up to a tenth of the file are kept for the next batches.
    assert path.stat().st_size <= (bound_mb * 1e6 + trail_bytes) * 1.15 + 50_000
    assert path.stat().st_size > 0.5 * bound_mb * 1e6
    after = rows(path, "SELECT (SELECT count(*) FROM house_minutes) + (SELECT count(*) FROM house_quarters)")
    assert 0 < after[0][0] < before[0][0]
    # The youngest minutes are there; whatever is left is younger than whatever went.
    assert rows(path, "SELECT max(minute) FROM house_minutes") == [(START + 1410 * 720 + 29 * 60,)]
    report = verify(path, str(head))
    assert report.intact
    assert report.rows == 1200


def test_with_nothing_left_to_delete_thinning_ends(tmp_path: Path) -> None:
    tiny = settings().model_copy(update={"max_mb": 0.0001})
    with Store.open(tmp_path / "a.db", tiny) as store:
        store.write_minutes([minute(START)], [feeder_minute(START)])
        thin_all(store, START + 60.0)
        assert store.thin(START + 60.0) == Thinned()
    assert rows(tmp_path / "a.db", "SELECT count(*) FROM house_minutes") == [(0,)]


def test_space_is_given_back_to_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Store.open(path, settings(minute_days=1, quarter_days=1)) as store:
        store.write_minutes([minute(START + 60 * n, f"h{h}") for n in range(600) for h in range(55)], [])
    full = path.stat().st_size
    with Store.open(path, settings(minute_days=1, quarter_days=1)) as store:
        thin_all(store, START + 30 * DAY)
    assert path.stat().st_size < 0.25 * full


@pytest.mark.parametrize("feeder_only", [True, False])
def test_old_rows_of_either_table_alone_are_found(tmp_path: Path, feeder_only: bool) -> None:
    with Store.open(tmp_path / "a.db", settings(minute_days=1)) as store:
        store.write_minutes([] if feeder_only else [minute(START)], [feeder_minute(START)] if feeder_only else [])
        assert sum(step.minute_rows for step in thin_all(store, START + 3 * DAY)) == 1
