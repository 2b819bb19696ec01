"""How the feeder is in one word, and what the checklist asks of whoever commissions it."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
import pytest

from edge_balancer.dashboard.api.model import House
from edge_balancer.dashboard.board import View
from edge_balancer.dashboard.checklist import checklist
from edge_balancer.dashboard.houses import HouseTable
from edge_balancer.dashboard.picture import Painter, health
from edge_balancer.engine import Engine
from edge_balancer.settings.root import Configuration
from edge_balancer.types.events import Alert, AlertState, Severity
from edge_balancer.types.ports import Restored
from edge_balancer.types.switching import Mode
from tests.dashboard.test_page_pieces import WALL, view_of
from tests.support.configuration import make_config


def view_with(houses: int = 6, **changes: Any) -> View:
    engine = Engine(make_config(houses), uuid.UUID(int=1), Restored(WALL), 0.0)
    return view_of(engine, 1.0, **changes)


def locked(*houses: str, kind: str = "switch_locked") -> tuple[Alert, ...]:
    return tuple(
        Alert(f"{kind}/{name}", Severity.CRITICAL, AlertState.ACTIVE, 0.0, f"{name} is out") for name in houses
    )


@pytest.mark.parametrize(
    ("houses", "alerts", "level"),
    [
        pytest.param(6, locked("h01"), "warn", id="one of few"),
        pytest.param(6, locked("h01", "h02"), "fail", id="two of few"),
        pytest.param(30, locked("h01", "h02", "h03"), "warn", id="a tenth"),
        pytest.param(30, locked("h01", "h02", "h03", "h04"), "fail", id="more than a tenth"),
        pytest.param(6, locked("h01", kind="switch_position"), "warn", id="position of one"),
        pytest.param(6, locked("L1", kind="supply_lost"), "fail", id="a phase without supply"),
        pytest.param(30, (*locked("h01"), *locked("L1", kind="supply_lost")), "fail", id="both"),
    ],
)
def test_a_switch_that_is_left_alone_is_work_and_no_trouble_of_the_feeder(
    houses: int, alerts: tuple[Alert, ...], level: str
) -> None:
    judged = health(view_with(houses, alerts=alerts))
    assert judged.level == level
    assert {alert.text for alert in alerts} <= set(judged.reasons), "all of it is said, whatever it is called"


@pytest.mark.parametrize(
    ("mode", "automatic", "state", "says"),
    [
        (Mode.AUTO, True, "done", ["houses meanwhile", "automatic = false"]),
        (Mode.AUTO, False, "open", ["nothing else moves meanwhile"]),
        (Mode.ADVISE, True, "open", ["In the mode advise nothing is commanded", "automatic = false", "to auto"]),
        (Mode.ADVISE, False, "open", ["In the mode advise nothing is commanded", "to auto"]),
        (Mode.HOLD, True, "open", ["In the mode hold nothing is commanded"]),
    ],
)
def test_the_checklist_leads_through_a_test_of_the_switches_without_other_moves(
    mode: Mode, automatic: bool, state: str, says: list[str]
) -> None:
    config = make_config(6, decision={"automatic": automatic})
    painter, view = Painter(config), view_with(mode=mode)
    houses = [msgspec.structs.replace(house, known=True) for house in houses_of(config, view)]
    steps = {step.key: step for step in checklist(config, view, houses, frozenset(), 0)}
    assert (steps["mode"].state, steps["tested"].state) == (state, "open")
    assert all(words in steps["tested"].detail for words in says), steps["tested"].detail
    assert steps["tested"].detail.count("automatic = false") == (1 if automatic else 0)
    assert painter.status(view).automatic is automatic
    assert (painter.status(view).health.level == "ok") is (mode is Mode.AUTO and automatic)


@pytest.mark.parametrize(("operators", "state"), [(0, "warn"), (1, "done")])
def test_an_account_that_may_only_read_is_none_to_give_orders_with(operators: int, state: str) -> None:
    config = make_config(6)
    view = view_with()
    steps = {step.key: step for step in checklist(config, view, houses_of(config, view), frozenset(), operators)}
    assert steps["accounts"].state == state


def houses_of(config: Configuration, view: View) -> list[House]:
    table = HouseTable(config)
    table.take(view)
    return table.all()
