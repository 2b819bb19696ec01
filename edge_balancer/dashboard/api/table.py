"""The table of routes: what can be asked for, and which role it needs. Everything else follows from it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, TypedDict

from edge_balancer.dashboard.access.model import Login, Session
from edge_balancer.dashboard.access.roles import Role
from edge_balancer.dashboard.api import (
    description,
    exports,
    live,
    monitoring,
    orders,
    records,
    sessions,
    setup,
    streaming,
)
from edge_balancer.dashboard.api.history_model import FeederHistory, HouseHistory
from edge_balancer.dashboard.api.model import HouseDetail, HousePage, Phases, Status, Switches, UnknownMeters
from edge_balancer.dashboard.api.order_model import Accepted, ClearOrder, ModeOrder, MoveOrder, SilenceOrder
from edge_balancer.dashboard.api.record_model import AlertHistory, Alerts, DecisionMade, DecisionPage
from edge_balancer.dashboard.api.route import JSON, Route
from edge_balancer.dashboard.api.setup_model import Commissioning, Identification

EVENT_STREAM: Final = "text/event-stream"


class _Common(TypedDict):
    status: HTTPStatus
    tag: str


_ORDER: Final[_Common] = {"status": HTTPStatus.ACCEPTED, "tag": "orders"}

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
_RECORDS: Final = (
    Route(
        "GET",
        "/decisions",
        records.get_decisions,
        Role.VIEWER,
        "Decisions, newest first",
        DecisionPage,
        query=records.PageQuery,
        tag="records",
    ),
    Route(
        "GET",
        "/decisions/{id}",
        records.get_decision,
        Role.VIEWER,
        "One decision with its whole explanation",
        DecisionMade,
        problems=(HTTPStatus.NOT_FOUND,),
        tag="records",
    ),
    Route("GET", "/alerts", records.get_alerts, Role.VIEWER, "Alerts that stand", Alerts, tag="records"),
    Route(
        "GET",
        "/alerts/history",
        records.get_alert_history,
        Role.VIEWER,
        "Changes of alerts, newest first",
        AlertHistory,
        query=records.PageQuery,
        tag="records",
    ),
    Route(
        "GET",
        "/history/feeder",
        records.get_feeder_history,
        Role.VIEWER,
        "The feeder over time",
        FeederHistory,
        query=records.HistoryQuery,
        tag="records",
    ),
    Route(
        "GET",
        "/history/houses/{id}",
        records.get_house_history,
        Role.VIEWER,
        "One house over time",
        HouseHistory,
        query=records.HistoryQuery,
        problems=(HTTPStatus.NOT_FOUND,),
        tag="records",
    ),
    Route(
        "GET",
        "/export",
        exports.get_export,
        Role.VIEWER,
        "A whole table as a file",
        query=exports.ExportQuery,
        media=("text/csv", JSON),
        tag="records",
    ),
)
_SETUP: Final = (
    Route(
        "GET",
        "/identification",
        setup.get_identification,
        Role.VIEWER,
        "Phases on record that the voltages contradict",
        Identification,
        tag="setup",
    ),
    Route(
        "GET",
        "/commissioning",
        setup.get_commissioning,
        Role.VIEWER,
        "What is still to be done before the feeder may be left alone",
        Commissioning,
        tag="setup",
    ),
)
_DESCRIPTION: Final = (
    Route(
        "GET",
        "/metrics",
        monitoring.get_metrics,
        Role.VIEWER,
        "Figures for Prometheus",
        media=("text/plain", "application/openmetrics-text"),
        tag="monitoring",
        prefix="",
    ),
    Route("GET", "/openapi.json", description.get_openapi, Role.VIEWER, "This document", dict, tag="monitoring"),
)
_CANNOT: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
_ORDERS: Final = (
    Route("POST", "/mode", orders.set_mode, Role.OPERATOR, "Set the mode", Accepted, ModeOrder, **_ORDER),
    Route(
        "POST",
        "/switches/{house}/move",
        orders.move_house,
        Role.OPERATOR,
        "Ask for a house to be moved; the guard decides",
        Accepted,
        MoveOrder,
        problems=_CANNOT,
        **_ORDER,
    ),
    Route(
        "POST",
        "/switches/{house}/clear",
        orders.clear_switch,
        Role.ADMIN,
        "Release a locked-out switch that a person has looked at",
        Accepted,
        ClearOrder,
        problems=_CANNOT,
        **_ORDER,
    ),
    Route(
        "POST",
        "/alerts/{key:path}/ack",
        orders.acknowledge_alert,
        Role.OPERATOR,
        "Say that an alert was seen",
        Accepted,
        problems=(HTTPStatus.NOT_FOUND,),
        **_ORDER,
    ),
    Route(
        "POST",
        "/silences",
        orders.silence_alerts,
        Role.OPERATOR,
        "Spare contacts some alerts for a while",
        Accepted,
        SilenceOrder,
        problems=(HTTPStatus.CONFLICT,),
        **_ORDER,
    ),
)
_SESSION: Final = (
    Route("GET", "/session", sessions.get_session, Role.NONE, "Who is logged in", Session, tag="session"),
    Route(
        "POST",
        "/session",
        sessions.log_in,
        Role.NONE,
        "Log in: the answer sets the session's cookie",
        Session,
        Login,
        problems=(HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS),
        reads_itself=True,
        tag="session",
    ),
    Route(
        "DELETE",
        "/session",
        sessions.log_out,
        Role.VIEWER,
        "Log out",
        Session,
        tag="session",
    ),
)

ROUTES: Final[tuple[Route, ...]] = (*_LIVE, *_RECORDS, *_DESCRIPTION, *_SETUP, *_ORDERS, *_SESSION)
"""Paths count from `PREFIX`."""
