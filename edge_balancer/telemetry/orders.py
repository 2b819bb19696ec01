"""What operators wish for and whether switches are there: decoding of `switch/.../availability`, `/request`, `/clear`,
`mode/set`, `alert/.../ack` and `silence/set`.

Whether a wish is granted is for the guard; what a switch reports is read in `switch_state`. Here a message is only
understood, or refused with a reason.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from edge_balancer.telemetry.batch import Pending, keep
from edge_balancer.telemetry.refusals import Reason, Refused, excerpt, shorten
from edge_balancer.telemetry.values import require_utf8
from edge_balancer.types.phases import Phase
from edge_balancer.types.switching import (
    AlertAck,
    Availability,
    ClearRequest,
    Mode,
    ModeRequest,
    SilenceRequest,
    SwitchRequest,
)

_S = TypeVar("_S", bound=msgspec.Struct)

_UNNAMED: Final = "unnamed"
"""Stands in the trail for an operator who did not say who they are."""
MOST_SILENCE_MIN: Final = 7 * 24 * 60
"""A silence that nobody remembers must end by itself."""


class _Request(msgspec.Struct):
    phase: str | int
    operator: str = ""
    reason: str = ""


class _Clear(msgspec.Struct):
    operator: str
    reason: str = ""


class _Ack(msgspec.Struct):
    operator: str = ""


class _Silence(msgspec.Struct):
    keys: str
    minutes: float
    operator: str


class _ModeObject(msgspec.Struct):
    mode: Mode
    operator: str = ""


_REQUEST: Final = msgspec.json.Decoder(_Request)
_CLEAR: Final = msgspec.json.Decoder(_Clear)
_ACK: Final = msgspec.json.Decoder(_Ack)
_SILENCE: Final = msgspec.json.Decoder(_Silence)
_MODE: Final = msgspec.json.Decoder(_ModeObject)


def _typed(decoder: msgspec.json.Decoder[_S], payload: bytes) -> _S:
    """Decode a payload. Raises Refused: not UTF-8, not JSON, or not what this topic carries."""
    try:
        return decoder.decode(payload)
    except msgspec.ValidationError as error:
        raise Refused(Reason.WRONG_SHAPE, str(error)) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        require_utf8(payload)
        raise Refused(Reason.MALFORMED, f"not JSON: {error}") from error


def _name(operator: str) -> str:
    return shorten(operator.strip()) or _UNNAMED


class SwitchAvailability:
    """`<switch>/availability`: the bare words `online` and `offline`."""

    __slots__ = ("_house", "_pending")

    def __init__(self, house: str, pending: Pending) -> None:
        self._house = house
        self._pending = pending

    def receive(self, payload: bytes, retained: bool, now: float, wall: float, synced: bool) -> bool:
        del retained, now, wall, synced
        word = payload.strip()
        if word not in {b"online", b"offline"}:
            raise Refused(Reason.MALFORMED, f"{excerpt(payload)!r} is neither online nor offline")
        keep(self._pending.availability, Availability(self._house, word == b"online"))
        return True


class _Order(ABC):
    """What people wish on one topic. A retained order is an old one, whatever it says."""

    __slots__ = ("_pending",)

    def __init__(self, pending: Pending) -> None:
        self._pending = pending

    def receive(self, payload: bytes, retained: bool, now: float, wall: float, synced: bool) -> bool:
        del now, wall, synced
        if retained:
            raise Refused(Reason.RETAINED, "a retained order is an old one: publish it without the retain flag")
        self._take(payload)
        return True

    @abstractmethod
    def _take(self, payload: bytes) -> None:
        """Understand it and keep it. Raises Refused."""


class _HouseOrder(_Order):
    __slots__ = ("_house",)

    def __init__(self, house: str, pending: Pending) -> None:
        super().__init__(pending)
        self._house = house


class SwitchRequests(_HouseOrder):
    """`B/switch/<house>/request`."""

    __slots__ = ()

    def _take(self, payload: bytes) -> None:
        wish = _typed(_REQUEST, payload)
        try:
            phase = Phase.parse(str(wish.phase))
        except ValueError as error:
            raise Refused(Reason.UNKNOWN_PHASE, str(error)) from error
        request = SwitchRequest(self._house, phase, _name(wish.operator), shorten(wish.reason))
        keep(self._pending.requests, request)


class SwitchClears(_HouseOrder):
    """`B/switch/<house>/clear`: a person has looked at a locked-out switch. Who it was is required."""

    __slots__ = ()

    def _take(self, payload: bytes) -> None:
        wish = _typed(_CLEAR, payload)
        if not wish.operator.strip():
            raise Refused(Reason.WRONG_SHAPE, "operator is empty: say who has looked at the switch")
        clear = ClearRequest(self._house, _name(wish.operator), shorten(wish.reason))
        keep(self._pending.clears, clear)


class ModeSet(_Order):
    """`B/mode/set`: the bare word, or `{"mode": "hold", "operator": "..."}` to say who wishes it."""

    __slots__ = ()

    def _take(self, payload: bytes) -> None:
        text = require_utf8(payload).strip()
        if text.startswith("{"):
            wish = _typed(_MODE, payload)
            mode, by = wish.mode, _name(wish.operator)
        else:
            try:
                mode, by = Mode(text.strip('"')), _UNNAMED
            except ValueError:
                raise Refused(
                    Reason.UNKNOWN_MODE, f"{excerpt(payload)!r} is no mode: send auto, advise or hold"
                ) from None
        keep(self._pending.modes, ModeRequest(mode, by))


class AlertAcks(_Order):
    """`B/alert/<key>/ack`; an empty payload is an acknowledgement without a name."""

    __slots__ = ("_key", "_stands")

    def __init__(self, key: str, pending: Pending, stands: Callable[[str], bool]) -> None:
        super().__init__(pending)
        self._key = key
        self._stands = stands

    def _take(self, payload: bytes) -> None:
        if not self._stands(self._key):
            raise Refused(Reason.UNKNOWN_ALERT, f"no alert {shorten(self._key)!r} stands: B/alerts names those that do")
        operator = _typed(_ACK, payload).operator if payload.strip() else ""
        keep(self._pending.acks, AlertAck(self._key, _name(operator)))


class Silences(_Order):
    """`B/silence/set`: a maintenance window for alerts whose keys match. Who wishes it is required; 0 ends it."""

    __slots__ = ()

    def _take(self, payload: bytes) -> None:
        wish = _typed(_SILENCE, payload)
        if not wish.keys.strip() or not wish.operator.strip():
            raise Refused(Reason.WRONG_SHAPE, "keys or operator is empty: say which alerts, and who wishes it")
        if not 0.0 <= wish.minutes <= MOST_SILENCE_MIN:
            raise Refused(
                Reason.OUT_OF_RANGE, f"{wish.minutes:g} minutes: a silence lasts 0 to {MOST_SILENCE_MIN}, a week"
            )
        keep(self._pending.silences, SilenceRequest(shorten(wish.keys.strip()), wish.minutes, _name(wish.operator)))
