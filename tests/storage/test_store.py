"""The store: what is appended is there after a restart, and the tables for a restart follow from the trail alone."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from edge_balancer.storage.database import open_reader
from edge_balancer.storage.projection import OUTCOMES
from edge_balancer.storage.restore import LatestTimes, Stamp
from edge_balancer.storage.store import Store
from edge_balancer.storage.trail import read_events
from edge_balancer.storage.verify import verify
from edge_balancer.types.events import AlertState, Event, EventKind
from edge_balancer.types.phases import Phase
from edge_balancer.types.ports import PastMove, Restored
from edge_balancer.types.switching import Command, Mode
from tests.storage.storage_cases import (
    MONO,
    NOW,
    alert,
    decision,
    event,
    feeder_minute,
    life,
    minute,
    planned,
    settings,
)

DAY = 86_400.0
LATER = NOW + 600


def restored(path: Path, events: list[Event], now: float = LATER) -> Restored:
    """What a restart finds after these events."""
    with Store.open(path, settings()) as store:
        store.append(events)
    with Store.open(path, settings()) as store:
        return store.restore(now)


def test_a_new_store_knows_nothing(tmp_path: Path) -> None:
    assert restored(tmp_path / "a.db", []) == Restored(
        wall=LATER, moves=[], open_commands=[], alerts=[], phases={}, locked={}, learned={}
    )


START, STOP = EventKind.STARTED, EventKind.STOPPED


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([], 0),
        ([(START, 0), (STOP, 10)], 0),
        ([(START, 0)], 1),
        ([(START, 0), (START, 100), (START, 200)], 3),
        ([(START, 0), (STOP, 50), (START, 100)], 1),
        ([(START, 0), (START, 50), (STOP, 60)], 0),
        ([(START, -9000), (START, -8000), (START, 500)], 2),
    ],
)
def test_starts_that_nothing_announced_are_counted(
    ends: list[tuple[EventKind, float]], expected: int, tmp_path: Path
) -> None:
    assert restored(tmp_path / "a.db", [event(kind, at) for kind, at in ends]).unannounced_starts == expected


def test_events_come_back_as_they_were_in_their_order(tmp_path: Path) -> None:
    events = [
        event(EventKind.STARTED),
        decision(),
        *life("c1", "h1"),
        alert("neutral"),
        event(EventKind.STARTED, 3, x=1),
    ]
    with Store.open(tmp_path / "a.db", settings()) as store:
        assert store.append(events[:3]) == 3
        assert store.append(events[3:]) == len(events)
    with open_reader(tmp_path / "a.db") as connection:
        back = list(read_events(connection))
    assert [seq for seq, _, _ in back] == list(range(1, len(events) + 1))
    # NaN has no JSON form and is recorded as null.
    events[1].body["phase_v_max"] = [236.0, None, None]
    plain: Any = [msgspec.structs.replace(e, body=msgspec.to_builtins(e.body)) for e in events]
    for (_, got, _), expected in zip(back, plain, strict=True):
        assert msgspec.json.encode(got, order="deterministic") == msgspec.json.encode(expected, order="deterministic")


def test_an_append_is_all_or_nothing(tmp_path: Path) -> None:
    with Store.open(tmp_path / "a.db", settings()) as store:
        with pytest.raises(ValueError, match="finite"):
            store.append([event(EventKind.STARTED), Event(EventKind.STOPPED, float("nan"), NOW, True)])
        assert store.head().seq == 0
        assert store.append([event(EventKind.STARTED)]) == 1


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (event(EventKind.PLANNED, house="h1", command="c1", phase="L2"), "seq"),
        (planned("c1", "h1", target="L7"), "L7"),
        (planned("", "h1"), "command's id"),
        (event(EventKind.VERIFIED, house="h1", command="c1", phase=None), "null"),
        (event(EventKind.POSITION, house="h1"), "phase"),
        (event(EventKind.MODE, mode="fast"), "fast"),
        (event(EventKind.ALERT, key="x"), "severity"),
    ],
)
def test_a_body_that_lacks_what_a_restart_needs_is_refused(tmp_path: Path, bad: Event, why: str) -> None:
    with Store.open(tmp_path / "a.db", settings()) as store:
        with pytest.raises(ValueError, match=f"{bad.kind} event.*{why}"):
            store.append([bad])
        assert store.head().seq == 0


@pytest.mark.parametrize(
    ("events", "phases", "locked"),
    [
        (life("c1", "h1"), {"h1": Phase.L2}, {}),
        ([*life("c1", "h1"), *life("c2", "h1", 2, 100, target="L3", origin="L2")], {"h1": Phase.L3}, {}),
        (life("c1", "h1")[:3], {}, {}),
        ([event(EventKind.POSITION, house="h1", phase="L3")], {"h1": Phase.L3}, {}),
        ([*life("c1", "h1"), event(EventKind.POSITION, 60, house="h1", phase=None)], {}, {}),
        (
            [*life("c1", "h1"), event(EventKind.LOCKED, 60, house="h1", reason="no answer")],
            {"h1": Phase.L2},
            {"h1": "no answer"},
        ),
        (
            [
                event(EventKind.LOCKED, house="h1", reason="no answer"),
                event(EventKind.CLEARED, 9, house="h1", operator="eve", reason="replaced"),
            ],
            {},
            {},
        ),
    ],
)
def test_phases_and_locks_follow_the_events(
    tmp_path: Path, events: list[Event], phases: dict[str, Phase], locked: dict[str, str]
) -> None:
    got = restored(tmp_path / "a.db", events)
    assert got.phases == phases
    assert got.locked == locked


@pytest.mark.parametrize(
    ("events", "halted"),
    [
        ([], ""),
        ([event(EventKind.HALTED, reason="five failed")], "five failed"),
        ([event(EventKind.HALTED, reason="five failed"), event(EventKind.STARTED, 5)], "five failed"),
        ([event(EventKind.HALTED, reason="five failed"), event(EventKind.RESUMED, 9, by="eve")], ""),
    ],
)
def test_a_halt_stands_until_somebody_has_looked(tmp_path: Path, events: list[Event], halted: str) -> None:
    assert restored(tmp_path / "a.db", events).halted == halted


PLAN = planned("c1", "h1", 7, target="L3", origin="L1")
OPEN = [Command("c1", 7, "h1", Phase.L3, Phase.L1, NOW, NOW + 10, "d1")]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([PLAN], OPEN),
        ([PLAN, event(EventKind.SENT, 1, house="h1", command="c1")], OPEN),
        ([PLAN, event(EventKind.ACKNOWLEDGED, 1, house="h1", command="c1", phase="L3", result="done")], OPEN),
        ([PLAN, event(EventKind.VERIFIED, 1, house="h1", command="c1", phase="L3")], []),
        ([PLAN, event(EventKind.FAILED, 1, house="h1", command="c1", reason="rejected")], []),
        ([PLAN, event(EventKind.TIMED_OUT, 1, house="h1", command="c1", reason="no answer")], []),
        ([PLAN, event(EventKind.LOCKED, 1, house="h1", command="c1", reason="no answer")], []),
        ([PLAN, event(EventKind.LOCKED, 1, house="h1", reason="position unknown")], []),
        ([PLAN, event(EventKind.LOCKED, 1, house="h2", reason="another house")], OPEN),
        ([PLAN, event(EventKind.FAILED, 1, house="h1", command="c1", reason="broker gone", sent=False)], []),
    ],
)
def test_a_command_is_open_until_its_outcome_is_known(
    tmp_path: Path, events: list[Event], expected: list[Command]
) -> None:
    assert restored(tmp_path / "a.db", events).open_commands == expected


def test_mode_and_sequence_and_alerts_are_the_last_ones(tmp_path: Path) -> None:
    events = [
        event(EventKind.MODE, mode="hold", by="eve"),
        event(EventKind.MODE, 1, mode="advise", by="bob"),
        planned("c1", "h1", 40),
        planned("c2", "h2", 39),
        alert("neutral"),
        alert("voltage/L1"),
        alert("neutral", AlertState.ACKNOWLEDGED, 5),
        alert("voltage/L1", AlertState.RESOLVED, 6),
    ]
    got = restored(tmp_path / "a.db", events)
    assert got.mode is Mode.ADVISE
    assert got.seq == 40
    assert [(a.key, a.state) for a in got.alerts] == [("neutral", AlertState.ACKNOWLEDGED)]


def test_moves_of_the_last_day_count_from_their_plan_unless_never_sent(tmp_path: Path) -> None:
    events = [
        *life("old", "h1", 1, -DAY - 10),
        *life("c1", "h1", 2, -DAY / 2),
        planned("c2", "h2", 3, -100),
        event(EventKind.FAILED, -90, house="h2", command="c2", reason="rejected"),
        planned("c3", "h3", 4, -50),
        event(EventKind.FAILED, -49, house="h3", command="c3", reason="broker gone", sent=False),
        planned("c4", "h4", 5, -10),
    ]
    assert restored(tmp_path / "a.db", events, NOW).moves == [
        PastMove("h1", NOW - DAY / 2),
        PastMove("h2", NOW - 100),
        PastMove("h4", NOW - 10),
    ]


@pytest.mark.parametrize(
    ("stamps", "latest"),
    [
        pytest.param([Stamp(NOW - 60, 940, True)], [NOW - 60], id="a believed clock"),
        pytest.param([Stamp(NOW + 3600, 940, True)], [NOW], id="now lags behind what was recorded"),
        pytest.param([Stamp(100.0, 940, False)], [NOW], id="a clock that was not set says nothing"),
        pytest.param(
            [Stamp(NOW - 60, 940, True), Stamp(100.0, 40, False)],
            [NOW - 60, NOW - 960],
            id="the monotonic clock reaches back to before it was set",
        ),
        pytest.param(
            [Stamp(NOW - 60, 940, True), Stamp(100.0, 5000, False)],
            [NOW - 60, NOW - 60],
            id="nothing is known across a restart of an unset clock",
        ),
        pytest.param(
            [Stamp(NOW - 60, 10, True), Stamp(NOW - 5000, 9000, True)],
            [NOW - 60, NOW - 5000],
            id="a restart with the clock set",
        ),
        pytest.param(
            [Stamp(0.0, 90_000, False), Stamp(0.0, 10_000, False), Stamp(0.0, 99_000, False), Stamp(0.0, 9_000, False)],
            [NOW, NOW - 80_000, NOW - 80_000, NOW - 170_000],
            id="a clock that is never set still ages moves while it runs",
        ),
    ],
)
def test_a_move_is_never_placed_too_far_in_the_past(stamps: list[Stamp], latest: list[float]) -> None:
    times = LatestTimes(NOW)
    assert [times.of(stamp) for stamp in stamps] == latest


def test_a_move_made_before_the_clock_was_set_still_counts(tmp_path: Path) -> None:
    unset = Event(EventKind.PLANNED, 30.0, 1000.0, False, "h1", "c1", planned("c1", "h1").body)
    events = [unset, Event(EventKind.STARTED, 90.0, NOW, True)]
    assert restored(tmp_path / "a.db", events, NOW + 5).moves == [PastMove("h1", NOW - 60)]


@pytest.mark.parametrize("wrong_by", [2 * DAY, 400 * DAY, -2 * DAY, -NOW])
def test_a_clock_that_is_not_synchronised_frees_no_house(tmp_path: Path, wrong_by: float) -> None:
    events = [*life("c0", "h1", 1, -2 * DAY), *life("c1", "h1", 2, -3600), *life("c2", "h2", 3, -600)]
    with Store.open(tmp_path / "a.db", settings()) as store:
        store.append([*events, event(EventKind.STOPPED)])
        got = store.restore(NOW + wrong_by, synced=False)
        assert got.wall == NOW
        assert got.moves == [PastMove("h1", NOW - 3600), PastMove("h2", NOW - 600)]


def test_what_an_unsynchronised_clock_wrote_frees_no_house_either(tmp_path: Path) -> None:
    # The machine came up two days ahead, moved h2, and came up again so: that h1's move is old is not known.
    ahead = Event(EventKind.PLANNED, 20.0, NOW + 2 * DAY, False, "h2", "c2", planned("c2", "h2", 2).body)
    started = [Event(EventKind.STARTED, mono, NOW + 2 * DAY + mono, False) for mono in (10.0, 30.0)]
    with Store.open(tmp_path / "a.db", settings()) as store:
        store.append([planned("c1", "h1"), started[0], ahead, started[1]])
        got = store.restore(NOW + 2 * DAY + 600, synced=False)
        assert [(move.house, got.wall - move.wall) for move in got.moves] == [("h1", 20.0), ("h2", 10.0)]


def test_a_clock_that_was_never_synchronised_ages_moves_by_the_monotonic_one(tmp_path: Path) -> None:
    rows = [Event(EventKind.PLANNED, 100.0, 50.0, False, "h1", "c1", planned("c1", "h1").body)]
    rows.append(Event(EventKind.STOPPED, 700.0, 9.0, False))
    with Store.open(tmp_path / "a.db", settings()) as store:
        store.append(rows)
        got = store.restore(NOW, synced=False)
        assert [(move.house, got.wall - move.wall) for move in got.moves] == [("h1", 600.0)]


@given(
    gaps=st.lists(st.tuples(st.floats(0, DAY), st.booleans(), st.booleans()), min_size=1, max_size=8),
    errors=st.lists(st.floats(-5 * DAY, 5 * DAY), min_size=9, max_size=9),
)
@hypothesis_settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_without_a_trusted_clock_no_move_is_older_than_it_is_and_none_of_the_last_day_is_forgotten(
    tmp_path_factory: pytest.TempPathFactory, gaps: list[tuple[float, bool, bool]], errors: list[float]
) -> None:
    true, mono = NOW, 0.0
    made: dict[str, float] = {}
    events = []
    for number, (gap, rebooted, synced) in enumerate(gaps):
        true += gap
        mono = 0.0 if rebooted else mono + gap
        house, command = f"h{number}", f"c{number}"
        wall = true if synced else true + errors[number]
        events.append(
            Event(EventKind.PLANNED, mono, wall, synced, house, command, planned(command, house, number).body)
        )
        made[house] = true
    with Store.open(tmp_path_factory.mktemp("any") / "a.db", settings()) as store:
        store.append(events)
        got = store.restore(true + errors[-1], synced=False)
    ages = {move.house: got.wall - move.wall for move in got.moves}
    for house, at in made.items():
        if true - at < DAY - 1:
            assert ages[house] <= true - at + 1e-3


def test_state_is_kept_and_what_follows_from_the_trail_cannot_be_set(tmp_path: Path) -> None:
    with Store.open(tmp_path / "a.db", settings()) as store:
        assert store.load_state("learned") is None
        store.save_state("learned", {"price": 1.5, "means": [1.0, float("nan")]})
        store.save_state("learned", {"price": 2.5})
        for key in ("mode", "command_seq"):
            with pytest.raises(ValueError, match="follows from the audit trail"):
                store.save_state(key, 1)
    with Store.open(tmp_path / "a.db", settings()) as store:
        assert store.load_state("learned") == {"price": 2.5}
        assert store.restore(NOW).learned == {"price": 2.5}


def minutes_of(path: Path) -> list[tuple[Any, ...]]:
    with open_reader(path) as connection:
        return connection.execute(
            "SELECT minute, name, phase, p, q, v_min, v_mean, v_max, readings "
            "FROM house_minutes JOIN series USING (series) ORDER BY 1, 2"
        ).fetchall()


def test_minutes_are_stored_in_tenths_of_a_watt_and_hundredths_of_a_volt(tmp_path: Path) -> None:
    nan = float("nan")
    with Store.open(tmp_path / "a.db", settings()) as store:
        store.write_minutes(
            [minute(60), minute(60, "transformer/L1", -41_234.56, phase=-1, q=nan, v_min=nan, v_mean=nan, v_max=nan)],
            [feeder_minute(60)],
        )
    assert minutes_of(tmp_path / "a.db") == [
        (60, "h1", 0, 9504, 1200, 22951, 23002, 23144, 6),
        (60, "transformer/L1", -1, -412346, None, None, None, None, 6),
    ]


def test_a_minute_written_in_two_halves_is_merged_by_its_readings(tmp_path: Path) -> None:
    nan = float("nan")
    with Store.open(tmp_path / "a.db", settings()) as store:
        store.write_minutes([minute(60, p=100.0, readings=1, q=nan, v_max=240.0)], [feeder_minute(60, 10.0)])
    with Store.open(tmp_path / "a.db", settings()) as store:
        store.write_minutes([minute(60, p=400.0, readings=2, q=7.0, v_min=220.0, phase=2)], [feeder_minute(60, 4.0)])
    assert minutes_of(tmp_path / "a.db") == [(60, "h1", 2, 3000, 70, 22000, 23002, 24000, 3)]
    with open_reader(tmp_path / "a.db") as connection:
        assert connection.execute("SELECT i_n, i_n_max FROM feeder_minutes").fetchall() == [(4.0, 15.0)]


def test_a_batch_that_fails_leaves_nothing_and_the_next_is_whole(tmp_path: Path) -> None:
    with Store.open(tmp_path / "a.db", settings()) as store:
        with pytest.raises(sqlite3.Error) as caught:
            store.write_minutes([minute(60, "new"), minute(60, phase=cast(int, object()))], [])
        assert caught.type is sqlite3.ProgrammingError
        store.write_minutes([minute(120, "new")], [])
    assert [row[:2] for row in minutes_of(tmp_path / "a.db")] == [(120, "new")]


KINDS = st.sampled_from(
    [
        EventKind.PLANNED,
        EventKind.SENT,
        EventKind.VERIFIED,
        EventKind.FAILED,
        EventKind.TIMED_OUT,
        EventKind.LOCKED,
        EventKind.CLEARED,
        EventKind.POSITION,
    ]
)


@given(steps=st.lists(st.tuples(KINDS, st.integers(0, 3), st.sampled_from(["L1", "L2", "L3", None]), st.booleans())))
@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_restart_finds_is_what_reading_the_whole_trail_says(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[EventKind, int, str | None, bool]]
) -> None:
    phases: dict[str, str | None] = {}
    locked: dict[str, str] = {}
    opened: dict[str, str] = {}
    events = []
    for number, (kind, which, phase, flag) in enumerate(steps):
        house, command = f"h{which}", f"c{which}" if flag else f"c{which}b"
        if kind is EventKind.PLANNED:
            events.append(planned(command, house, number, number))
            opened[command] = house
            continue
        body: dict[str, Any] = (
            {"phase": phase or "L1"} if kind is EventKind.VERIFIED else {"phase": phase, "reason": "r"}
        )
        events.append(event(kind, number, house=house, command=command, **body))
        if kind in OUTCOMES:
            opened.pop(command, None)
        if kind in (EventKind.VERIFIED, EventKind.POSITION):
            phases[house] = body["phase"]
        if kind is EventKind.LOCKED:
            locked[house] = "r"
            opened = {c: h for c, h in opened.items() if h != house}
        if kind is EventKind.CLEARED:
            locked.pop(house, None)
    path = tmp_path_factory.mktemp("any") / "a.db"
    got = restored(path, events, NOW + 1000)
    assert got.phases == {house: Phase.parse(phase) for house, phase in phases.items() if phase}
    assert got.locked == locked
    assert {c.id: c.house for c in got.open_commands} == opened
    assert len(got.moves) == sum(kind is EventKind.PLANNED for kind, *_ in steps)
    assert verify(path).intact


def test_size_counts_the_file_and_its_log(tmp_path: Path) -> None:
    with Store.open(tmp_path / "a.db", settings()) as store:
        before = store.size_bytes()
        store.write_minutes([minute(60 * n) for n in range(500)], [])
        assert store.size_bytes() > before
        on_disk = sum(p.stat().st_size for p in tmp_path.iterdir() if not p.name.endswith("-shm"))
        assert store.size_bytes() == on_disk


def test_mono_stays_beside_wall(tmp_path: Path) -> None:
    with Store.open(tmp_path / "a.db", settings()) as store:
        store.append([Event(EventKind.STARTED, MONO, NOW, False)])
    with open_reader(tmp_path / "a.db") as connection:
        (row,) = read_events(connection)
    assert (row.event.mono, row.event.wall, row.event.synced) == (MONO, NOW, False)
