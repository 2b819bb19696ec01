"""A trail of ten years holds records of older versions, and a worn card spoils some: what cannot be shown is left out,
counted and said, and hides nothing else."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sqlite3
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from edge_balancer.dashboard.past.past import Past
from edge_balancer.dashboard.past.reader import Reader
from edge_balancer.dashboard.recent import RecentDecisions
from edge_balancer.settings.services import StorageSettings
from edge_balancer.storage.database import open_reader
from edge_balancer.storage.export import EXPORTS
from edge_balancer.storage.history import history_text, past_commands
from edge_balancer.storage.store import Store
from edge_balancer.storage.timespan import Timespan
from edge_balancer.types.decisions import Decision, Move, Trigger
from edge_balancer.types.events import Alert, AlertState, Event, EventKind, Severity
from edge_balancer.types.phases import Phase
from edge_balancer.types.tojson import to_json
from tests.dashboard.page_site import page_site

if TYPE_CHECKING:
    from edge_balancer.demo.broker import Broker

WALL = 1_790_000_000.0
SPOILT: dict[str, Any] = {
    "no JSON": "{",
    "an empty one": "{}",
    "a list": "[]",
    "a word in the place of a number": None,
    "null": "null",
}


def decision_body(number: int) -> dict[str, Any]:
    decision = Decision(
        id=f"d{number}",
        at=float(number),
        wall=WALL + number,
        trigger=Trigger.IMBALANCE,
        trigger_value=10.0,
        trigger_limit=5.0,
        moves=(Move("h01", Phase.L1, Phase.L2),),
        commanded=True,
        neutral_before_a=10.0,
        neutral_after_a=5.0,
        gain=1.0,
        price=0.5,
        phase_p=(1.0, 2.0, 3.0),
        phase_v_max=(230.0, 230.0, 230.0),
        coverage=1.0,
        candidates=(),
        vetoes=(),
        blocks=(),
        advice="",
        operator="",
        text="so",
    )
    found: dict[str, Any] = to_json(decision)
    if number % 2:
        # As they were before it was told what the moves ask together.
        del found["asked"]
    return found


def alert_body(number: int) -> dict[str, Any]:
    alert = Alert(f"stale_meters/{number}", Severity.WARNING, AlertState.ACTIVE, WALL + number, "silent")
    found: dict[str, Any] = msgspec.to_builtins(alert)
    return found


def events_of(number: int) -> list[Event]:
    def event(kind: EventKind, body: dict[str, Any], command: str = "") -> Event:
        return Event(kind, float(number), WALL + number, True, "h01" if command else "", command, body)

    planned = {"from": "L1", "phase": "L2", "seq": number, "issued": 0.0, "expires": 0.0, "decision": f"d{number}"}
    command = str(uuid.UUID(int=number))
    return [
        event(EventKind.DECISION, decision_body(number)),
        event(EventKind.PLANNED, planned, command),
        event(EventKind.VERIFIED, {"phase": "L2"}, command),
        event(EventKind.ALERT, alert_body(number)),
    ]


def spoil(database: Path, kind: EventKind, place: int, body: str | None) -> int:
    """Write over the body of the `place`th row of a kind, as a bad block does; gives its number."""
    connection = sqlite3.connect(database)
    connection.execute("DROP TRIGGER trail_is_not_updated")
    seq, good = connection.execute(
        "SELECT seq, body FROM trail WHERE kind = ? ORDER BY seq LIMIT 1 OFFSET ?", (str(kind), place)
    ).fetchone()
    if body is None:
        body = json.dumps(dict.fromkeys(json.loads(good), "word"))
    connection.execute("UPDATE trail SET body = ? WHERE seq = ?", (body, seq))
    connection.execute(
        "CREATE TRIGGER trail_is_not_updated BEFORE UPDATE ON trail BEGIN SELECT RAISE(ABORT, 'append-only'); END"
    )
    connection.commit()
    connection.close()
    return int(seq)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    with Store.open(tmp_path / "eb.db", StorageSettings()) as store:
        for number in range(1, 6):
            store.append(events_of(number))
        return store.path


def asked(database: Path, *questions: str) -> tuple[list[Any], int]:
    """Answers of the past to its questions, and how many records it could not show."""

    async def ask() -> tuple[list[Any], int]:
        reader = Reader(database)
        past = Past(reader)
        known: dict[str, Any] = {
            "decisions": lambda: past.decisions(50, None),
            "pages": lambda: pages(past),
            "third": lambda: past.decision("d3"),
            "fourth": lambda: past.decision("d4"),
            "seeds": lambda: past.last_decisions(20),
            "moves": lambda: past.moves_of("h01"),
            "alerts": lambda: past.alerts(50, None),
            "feeder": lambda: past.feeder_history(WALL, WALL + 60, 10),
            "house": lambda: past.house_history("h01", WALL, WALL + 60, 10),
        }
        try:
            return [await known[question]() for question in questions], past.unreadable.count
        finally:
            reader.close()

    return asyncio.run(ask())


async def pages(past: Past) -> list[str]:
    """All decisions, two at a time."""
    found: list[str] = []
    before: int | None = None
    while True:
        page = await past.decisions(2, before)
        found += [one.id for one in page.items]
        if page.next is None:
            return found
        before = int(page.next)


def ids(items: Sequence[Any]) -> list[str]:
    return [item.id for item in items]


def test_a_whole_trail_is_shown_whole(database: Path) -> None:
    (decisions, moves, alerts), unreadable = asked(database, "decisions", "moves", "alerts")
    assert (ids(decisions.items), len(moves), len(alerts.items)) == (["d5", "d4", "d3", "d2", "d1"], 5, 5)
    assert (decisions.unreadable, alerts.unreadable, unreadable) == (0, 0, 0)


@pytest.mark.parametrize("body", list(SPOILT.values()), ids=list(SPOILT))
def test_a_decision_that_cannot_be_shown_hides_no_other(database: Path, body: str | None) -> None:
    spoil(database, EventKind.DECISION, 2, body)
    (decisions, pages, third, fourth, seeds), unreadable = asked(
        database, "decisions", "pages", "third", "fourth", "seeds"
    )
    assert ids(decisions.items) == pages == ["d5", "d4", "d2", "d1"]
    assert (decisions.unreadable, unreadable) == (1, 1), "counted once, however often it is met"
    assert third is None
    assert (fourth.id, fourth.outcomes[0].state) == ("d4", "verified")
    recent = RecentDecisions()
    recent.seed(seeds)
    assert ids(recent.latest()) == ["d5", "d4", "d2", "d1"]


@pytest.mark.parametrize("body", list(SPOILT.values()), ids=list(SPOILT))
def test_a_move_that_cannot_be_shown_hides_no_other(database: Path, body: str | None) -> None:
    spoil(database, EventKind.PLANNED, 1, body)
    (moves, decisions, feeder, house), unreadable = asked(database, "moves", "decisions", "feeder", "house")
    assert [move.decision for move in moves] == ["d5", "d4", "d3", "d1"]
    assert ids(decisions.items) == ["d5", "d4", "d3", "d2", "d1"]
    assert [len(decision.outcomes) for decision in decisions.items] == [1, 1, 1, 0, 1]
    assert len(feeder.moves) == len(house.moves) == 4
    assert unreadable == 1


@pytest.mark.parametrize("body", list(SPOILT.values()), ids=list(SPOILT))
def test_an_alert_that_cannot_be_shown_hides_no_other(database: Path, body: str | None) -> None:
    spoil(database, EventKind.ALERT, 0, body)
    (alerts,), unreadable = asked(database, "alerts")
    assert [alert.key[-1] for alert in alerts.items] == ["5", "4", "3", "2"]
    assert (alerts.unreadable, unreadable) == (1, 1)


@pytest.mark.parametrize("body", list(SPOILT.values()), ids=list(SPOILT))
def test_the_commands_history_and_export_tell_a_spoilt_record_as_far_as_it_can_be_read(
    database: Path, body: str | None
) -> None:
    for kind in (EventKind.PLANNED, EventKind.DECISION, EventKind.ALERT):
        spoil(database, kind, 1, body)
    with open_reader(database) as connection:
        moves = past_commands(connection, 10, None)
        rows = {name: list(export.rows(connection, Timespan(None, None))) for name, export in EXPORTS.items()}
    assert [(move.origin, move.target) for move in moves].count(("L1", "L2")) == 4
    assert len(moves) == 5
    assert history_text(moves).count("h01") >= 5
    assert (len(rows["alerts"]), len(rows["trail"])) == (5, 20)


async def test_the_api_answers_over_a_spoilt_trail_and_counts_what_it_left_out(
    broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Store.open(tmp_path / "eb.db", StorageSettings()) as store:
        for number in range(1, 6):
            store.append(events_of(number))
    spoilt = [spoil(tmp_path / "eb.db", kind, 2, "{") for kind in (EventKind.DECISION, EventKind.ALERT)]
    async with page_site(broker, tmp_path) as site:
        for path in ("/decisions?limit=200", "/alerts/history?limit=200", "/houses/h01", "/decisions/d4"):
            assert (await site.get(path)).status == 200, path
        assert (await site.get("/decisions?limit=200")).json["unreadable"] == 1
        assert (await site.get("/alerts/history?limit=200")).json["unreadable"] == 1
        assert (await site.get("/decisions/d3")).status == 404
        assert (await site.get(f"/history/feeder?from={WALL:.0f}&to={WALL + 60:.0f}")).status == 200
        export = await site.get("/export?what=trail&format=csv")
        assert export.status == 200
        rows = {int(row["seq"]): row for row in csv.DictReader(io.StringIO(export.body.decode()))}
        assert [json.loads(rows[seq]["body"]) for seq in spoilt] == [{"unreadable": "{"}] * 2, "as they stand"
        for what in ("switches", "alerts", "telemetry"):
            assert (await site.get(f"/export?what={what}&format=csv")).status == 200
        metrics = (await site.ask("GET", "/metrics")).body.decode()
        assert "edge_balancer_records_unreadable_total 2.0" in metrics
        assert "edge_balancer_page_errors_total 0.0" in metrics
        assert site.page["unreadable"] == 2
