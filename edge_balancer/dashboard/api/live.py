"""Routes of the present: status, phases, houses, switches, what is not configured."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

import msgspec

from edge_balancer.dashboard.api.model import (
    HouseDetail,
    HousePage,
    Phases,
    Status,
    Switch,
    Switches,
    UnknownMeter,
    UnknownMeters,
)
from edge_balancer.dashboard.api.problems import Problem, not_found
from edge_balancer.dashboard.api.route import Call
from edge_balancer.dashboard.past.reader import PastUnavailable


class HousesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which houses."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1000
    cursor: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """As `next` of the page before."""


async def get_status(call: Call) -> Status:
    return call.context.hub.status()


async def get_phases(call: Call) -> Phases:
    return call.context.hub.phases()


async def get_houses(call: Call) -> HousePage:
    query: HousesQuery = call.query
    houses = call.context.hub.houses()
    start = 0
    if query.cursor:
        place = next((k for k, house in enumerate(houses) if house.id == query.cursor), None)
        if place is None:
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                f"cursor: no house {query.cursor!r} is configured; take it from `next`, or leave it out to begin anew",
            )
        start = place + 1
    page = houses[start : start + query.limit]
    more = start + query.limit < len(houses)
    return HousePage(tuple(page), page[-1].id if more and page else None)


async def get_house(call: Call) -> HouseDetail:
    name = call.path["id"]
    house = call.context.hub.house(name)
    if house is None:
        raise not_found(f"no house {name!r} is configured")
    try:
        moves = await call.context.past.moves_of(name)
    except PastUnavailable:
        # How the house is now is worth showing all the same; the status says what is wrong with the store.
        moves = ()
    recent = await call.context.recent(name)
    return HouseDetail(**msgspec.structs.asdict(house), recent=recent, moves=moves)


async def get_switches(call: Call) -> Switches:
    hub = call.context.hub
    view = hub.catch_up()
    return Switches(
        tuple(
            Switch(
                house.id,
                house.phase,
                house.known,
                house.offline,
                house.locked,
                house.in_flight,
                house.operations_24h,
                view.operations_total.get(house.id),
            )
            for house in hub.houses()
            if house.switchable and not house.three_phase
        )
    )


async def get_unknown_meters(call: Call) -> UnknownMeters:
    view = call.context.hub.catch_up()
    return UnknownMeters(
        tuple(UnknownMeter(seen.id, seen.topic, seen.count, seen.wall, seen.payload) for seen in view.strangers)
    )
