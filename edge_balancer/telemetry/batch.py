"""What the intake hands to the daemon at each drain, and where it gathers until then. Bounded, whatever a flood
sends.
"""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from edge_balancer.telemetry.refusals import Reason, Refused
from edge_balancer.types.readings import Reading, ThreePhaseReading
from edge_balancer.types.switching import (
    AlertAck,
    Availability,
    ClearRequest,
    Mode,
    ModeRequest,
    SilenceRequest,
    SwitchReport,
    SwitchRequest,
)

_T = TypeVar("_T")

Order = ModeRequest | SwitchRequest | ClearRequest | AlertAck | SilenceRequest
"""What a person wishes, by whatever way it came."""

MOST_PENDING: Final = 20_000
"""Readings kept between two drains: minutes of a large feeder. Beyond it the daemon is stuck, and more would not
help.
"""
MOST_ORDERS: Final = 2_000
REQUESTS_A_STEP: Final = 20
"""Each request is decided upon, up to a millisecond of a PC: what a step of control bears without making the command of
another late. More wait for the next step, and a `hold` that comes meanwhile goes before them."""


class Batch(msgspec.Struct, frozen=True):
    """What was accepted since the last drain, in the order of its arrival within each kind."""

    readings: tuple[Reading, ...] = ()
    three_phase: tuple[ThreePhaseReading, ...] = ()
    reports: tuple[SwitchReport, ...] = ()
    availability: tuple[Availability, ...] = ()
    modes: tuple[ModeRequest, ...] = ()
    requests: tuple[SwitchRequest, ...] = ()
    clears: tuple[ClearRequest, ...] = ()
    acks: tuple[AlertAck, ...] = ()
    silences: tuple[SilenceRequest, ...] = ()


class Pending:
    """The lists that the targets append to. They stay the same objects for ever: targets hold on to them."""

    __slots__ = (
        "acks",
        "availability",
        "clears",
        "modes",
        "readings",
        "reports",
        "requests",
        "silences",
        "three_phase",
    )

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.three_phase: list[ThreePhaseReading] = []
        self.reports: list[SwitchReport] = []
        self.availability: list[Availability] = []
        self.modes: list[ModeRequest] = []
        self.requests: list[SwitchRequest] = []
        self.clears: list[ClearRequest] = []
        self.acks: list[AlertAck] = []
        self.silences: list[SilenceRequest] = []

    def join(self, order: Order) -> None:
        """An order that did not come by MQTT waits with those that did. Raises Refused when too many do."""
        match order:
            case ModeRequest():
                keep(self.modes, order)
            case SwitchRequest():
                keep(self.requests, order)
            case ClearRequest():
                keep(self.clears, order)
            case AlertAck():
                keep(self.acks, order)
            case SilenceRequest():
                keep(self.silences, order)

    def against(self, house: str, mode: Mode) -> str:
        """Why a command for a house, decided in `mode`, must not overtake what waits here; empty where it may."""
        if any(request.mode is not mode for request in self.modes):
            return "a person has set another mode meanwhile"
        if any(report.house == house for report in self.reports):
            return "its switch has spoken meanwhile"
        if any(word.house == house and not word.online for word in self.availability):
            return "its switch has gone offline meanwhile"
        return ""

    @property
    def orders_wait(self) -> bool:
        return bool(self.modes or self.requests or self.clears or self.acks or self.silences)

    def drain(self, most_requests: int | None = None) -> Batch:
        """All that is pending, but of requests the oldest `most_requests`: the others stay, and nothing else does."""
        requests = tuple(self.requests[:most_requests])
        batch = Batch(
            tuple(self.readings),
            tuple(self.three_phase),
            tuple(self.reports),
            tuple(self.availability),
            tuple(self.modes),
            requests,
            tuple(self.clears),
            tuple(self.acks),
            tuple(self.silences),
        )
        for gathered in (self.readings, self.three_phase, self.reports, self.availability):
            gathered.clear()
        for wishes in (self.modes, self.clears, self.acks, self.silences):
            wishes.clear()
        del self.requests[: len(requests)]
        return batch


def keep(gathered: list[_T], value: _T) -> None:
    """Append an order or report. Raises Refused when too many wait already."""
    if len(gathered) >= MOST_ORDERS:
        raise overflow(MOST_ORDERS)
    gathered.append(value)


def overflow(most: int) -> Refused:
    return Refused(Reason.OVERFLOW, f"{most} messages of this kind wait already: the daemon does not keep up")
