"""Rows that anybody may provoke: written at once while they are few, then the newest of them now and then."""

from __future__ import annotations

from edge_balancer.switching.ration import BURST, EVERY_S, Ration, Row, Rows
from edge_balancer.types.events import EventKind


def mode(word: str) -> Row:
    return Row(EventKind.MODE, {"mode": word})


def offered(ration: Ration, count: int, now: float, account: str = "mode") -> list[Row]:
    return [row for n in range(count) for row in ration.offer(account, now, (mode(f"{now}:{n}"),))]


def test_a_few_are_written_as_they_come() -> None:
    ration = Ration()
    assert len(offered(ration, BURST, 10.0)) == BURST
    assert ration.due(1e6) == []
    assert ration.rest() == []


def test_of_a_flood_the_newest_is_written_in_its_turn_and_says_how_many_gave_way() -> None:
    ration, written, now = Ration(), list[Row](), 10.0
    for second in range(600):
        now = 10.0 + second
        written += ration.due(now)
        written += offered(ration, 10, now)
    assert BURST + 600 / EVERY_S - 1 <= len(written) <= BURST + 600 / EVERY_S + 1
    written += ration.due(now + EVERY_S)
    assert ration.due(now + 1e6) == []
    # The trail ends with what is true, and every row is accounted for.
    assert written[-1].body["mode"] == f"{now}:9"
    assert len(written) + sum(row.body.get("omitted", 0) for row in written) == 6000


def test_after_some_quiet_they_are_written_at_once_again() -> None:
    ration = Ration()
    offered(ration, 500, 10.0)
    assert len(ration.due(10.0 + EVERY_S)) == 1
    assert len(offered(ration, BURST, 10.0 + EVERY_S * (BURST + 2))) == BURST


def test_accounts_pay_for_themselves() -> None:
    ration = Ration()
    offered(ration, 500, 10.0)
    assert len(offered(ration, 1, 10.0, "request")) == 1


def test_what_somebody_waits_for_is_written_at_once_and_nothing_older_after_it() -> None:
    ration = Ration()
    offered(ration, BURST + 3, 10.0)
    (row,) = ration.offer("mode", 10.0, (mode("hold"),), at_once=True)
    assert row.body == {"mode": "hold", "omitted": 3}
    assert ration.due(1e6) == []


def test_what_is_written_next_may_let_out_what_waits() -> None:
    ration = Ration()
    offered(ration, BURST + 2, 10.0)
    assert [row.body for row in ration.release("mode")] == [{"mode": "10.0:61", "omitted": 1}]
    assert ration.release("mode") == ()
    assert ration.release("nobody's") == ()


def test_what_cannot_wait_may_be_written_as_often_as_what_can() -> None:
    ration = Ration()
    assert [ration.spend("mode", 10.0) for _ in range(BURST + 5)] == [True] * BURST + [False] * 5
    assert ration.spend("mode", 10.0 + EVERY_S)
    assert not ration.spend("mode", 10.0 + EVERY_S)
    assert ration.due(1e6) == []


def test_rows_that_belong_together_stay_together() -> None:
    ration = Ration()
    pair: Rows = (Row(EventKind.REQUEST, {}, "h1"), Row(EventKind.DECISION, {}))
    for _ in range(BURST + 2):
        ration.offer("request", 10.0, pair)
    assert [(row.kind, row.body) for row in ration.rest()] == [
        (EventKind.REQUEST, {"omitted": 1}),
        (EventKind.DECISION, {}),
    ]
