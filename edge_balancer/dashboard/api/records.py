"""Routes of what is on record: decisions, alerts, history."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

import msgspec

from edge_balancer.dashboard.api.history_model import FeederHistory, HouseHistory
from edge_balancer.dashboard.api.problems import Problem, not_found
from edge_balancer.dashboard.api.record_model import (
    AlertHistory,
    Alerts,
    DecisionMade,
    DecisionPage,
    alert_now,
)
from edge_balancer.dashboard.api.route import Call
from edge_balancer.dashboard.picture import silences_now
from edge_balancer.types.events import Severity

_GRAVITY: Final = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)
_DAY_S: Final = 86_400.0
_LATEST: Final = 1e11
"""Unix seconds beyond it are milliseconds."""

Moment = Annotated[float, msgspec.Meta(ge=0, le=_LATEST)]


class PageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page of a record, newest first."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    before: Annotated[int, msgspec.Meta(ge=1, le=2**62)] | None = None
    """As `next` of the page before; left out for the newest."""


class HistoryQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    """Which time, in how many steps at most. Unix seconds; the last day where left out."""

    start: Moment | None = None
    end: Moment | None = None
    points: Annotated[int, msgspec.Meta(ge=10, le=2000)] = 600


async def get_decisions(call: Call) -> DecisionPage:
    query: PageQuery = call.query
    return await call.context.past.decisions(query.limit, query.before)


async def get_decision(call: Call) -> DecisionMade:
    name = call.path["id"]
    known = call.context.hub.decision(name) or await call.context.past.decision(name)
    if known is None:
        raise not_found(f"no decision {name!r} is on record that can be shown; the export `trail` has all records")
    return known


async def get_alerts(call: Call) -> Alerts:
    view = call.context.hub.catch_up()
    gravest = sorted(view.alerts, key=lambda alert: (_GRAVITY.index(alert.severity), alert.since))
    return Alerts(tuple(map(alert_now, gravest)), silences_now(view))


async def get_alert_history(call: Call) -> AlertHistory:
    query: PageQuery = call.query
    return await call.context.past.alerts(query.limit, query.before)


async def get_feeder_history(call: Call) -> FeederHistory:
    start, end, points = _span(call)
    return await call.context.past.feeder_history(start, end, points)


async def get_house_history(call: Call) -> HouseHistory:
    name = call.path["id"]
    if call.context.hub.house(name) is None:
        raise not_found(f"no house {name!r} is configured")
    start, end, points = _span(call)
    return await call.context.past.house_history(name, start, end, points)


def _span(call: Call) -> tuple[float, float, int]:
    query: HistoryQuery = call.query
    now = call.context.hub.catch_up().wall
    start = query.start if query.start is not None else (now if query.end is None else query.end) - _DAY_S
    # What begins later than now ends a day after that.
    end = query.end if query.end is not None else now if start < now else start + _DAY_S
    if end <= start:
        raise Problem(HTTPStatus.BAD_REQUEST, f"to = {end:.0f} does not come after from = {start:.0f}")
    return start, end, query.points
