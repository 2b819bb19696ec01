"""Recent moves, readably: aligned lines, each with its outcome and its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_balancer.storage.commands import history_command
from edge_balancer.storage.store import Store
from edge_balancer.types.events import EventKind
from tests.storage.storage_cases import decision, event, life, planned, settings


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "a.db"
    with Store.open(path, settings()) as store:
        store.append([decision("d1", "Moving h1 takes 12 A off the neutral."), *life("c1", "h1")])
        store.append(
            [
                event(
                    EventKind.REQUEST, 55, house="house-22", command="r1", id="r1", operator="eve", reason="meter test"
                ),
                planned("c2", "house-22", 2, 60, target="L3", origin="L2", decision="r1"),
                event(EventKind.TIMED_OUT, 90, house="house-22", command="c2", reason="no answer in 30 s"),
                event(EventKind.LOCKED, 90, house="house-22", command="c2", reason="no answer in 30 s"),
                planned("c3", "h3", 3, 120, decision="gone"),
                event(EventKind.FAILED, 121, house="h3", command="c3", reason="broker gone", sent=False),
                planned("c4", "h1", 4, 180, target="L3", origin="L2", decision=""),
            ]
        )
    return path


def test_moves_are_listed_oldest_first_with_outcome_and_reason(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert history_command(database, 10, None) == 0
    assert capsys.readouterr().out.splitlines() == [
        "TIME (UTC)           HOUSE     MOVE      OUTCOME    TOOK",
        "2025-11-22 16:40:00  h1        L1 -> L2  verified   9.0 s",
        "    Moving h1 takes 12 A off the neutral.",
        "2025-11-22 16:41:00  house-22  L2 -> L3  timed out  30.0 s",
        "    no answer in 30 s",
        "    asked for by eve: meter test",
        "2025-11-22 16:42:00  h3        L1 -> L2  not sent",
        "    broker gone",
        "    decision gone is not in the trail",
        "2025-11-22 16:43:00  h1        L2 -> L3  open",
    ]


@pytest.mark.parametrize(
    ("limit", "house", "times"),
    [(2, None, ["16:42:00", "16:43:00"]), (10, "h1", ["16:40:00", "16:43:00"]), (1, "h1", ["16:43:00"])],
)
def test_the_last_ones_of_a_house_are_listed(
    database: Path, capsys: pytest.CaptureFixture[str], limit: int, house: str | None, times: list[str]
) -> None:
    assert history_command(database, limit, house) == 0
    lines = [line for line in capsys.readouterr().out.splitlines()[1:] if not line.startswith(" ")]
    assert [line.split()[1] for line in lines] == times


def test_no_moves_is_said(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert history_command(database, 10, "nobody") == 0
    assert capsys.readouterr().out == "No moves are recorded.\n"


def test_a_database_that_cannot_be_read_gives_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert history_command(tmp_path / "none.db", 10, None) == 2
    assert "none.db" in capsys.readouterr().err
