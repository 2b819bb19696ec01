"""The table of routes: what can be asked for, and which role it needs. Everything else follows from it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from edge_balancer.dashboard.access.model import Session
from edge_balancer.dashboard.access.roles import Role
from edge_balancer.dashboard.api import live, sessions, streaming
from edge_balancer.dashboard.api.model import HouseDetail, HousePage, Phases, Status, Switches, UnknownMeters
from edge_balancer.dashboard.api.route import JSON, PREFIX, Route

EVENT_STREAM: Final = "text/event-stream"

_LIVE: Final = (
    Route("GET", "/status", live.get_status, Role.VIEWER, "The controller and its health", Status),
    Route("GET", "/phases", live.get_phases, Role.VIEWER, "The feeder by phase, with and without moves", Phases),
    Route("GET", "/houses", live.get_houses, Role.VIEWER, "All houses", HousePage, query=live.HousesQuery),
    Route(
        "GET",
        "/houses/{id}",
        live.get_house,
        Role.VIEWER,
        "One house with its last hour and its last moves",
        HouseDetail,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Route("GET", "/switches", live.get_switches, Role.VIEWER, "All phase switches", Switches),
    Route(
        "GET",
        "/meters/unknown",
        live.get_unknown_meters,
        Role.VIEWER,
        "Meters that speak and are not configured",
        UnknownMeters,
    ),
    Route(
        "GET",
        "/stream",
        streaming.get_stream,
        Role.VIEWER,
        "Server-sent events: a picture, then what changes in it",
        media=(EVENT_STREAM,),
    ),
)
_SESSION: Final = (
    Route("GET", "/session", sessions.get_session, Role.NONE, "Who is logged in", Session, tag="session"),
)

ROUTES: Final[tuple[Route, ...]] = (*_LIVE, *_SESSION)
"""Paths count from `PREFIX`."""

__all__ = ["JSON", "PREFIX", "ROUTES"]
