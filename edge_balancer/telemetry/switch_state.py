"""What a phase switch reports of itself: decoding of `<switch>/state`.

A report that cannot be understood is not thrown away: the position believed until then would stay trusted. It becomes a
report of an unknown position, which stops the use of that house. What follows from a report is for `switching`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from edge_balancer.telemetry.batch import Pending, keep
from edge_balancer.telemetry.refusals import Reason, Refused, shorten
from edge_balancer.telemetry.values import json_object, kind, stamp
from edge_balancer.types.phases import Phase
from edge_balancer.types.switching import SwitchReport, SwitchResult

_MOST_ID_CHARS: Final = 128
_MOST_OPERATIONS: Final = 2**53
"""Beyond it a JSON number is no count any more."""
_SHOWN: Final = 60


class SwitchState:
    """One switch's state topic."""

    __slots__ = ("_house", "_pending")

    def __init__(self, house: str, pending: Pending) -> None:
        self._house = house
        self._pending = pending

    def receive(self, payload: bytes, retained: bool, now: float, wall: float, synced: bool) -> bool:
        """As `Target.receive`. What cannot be understood is reported as an unknown position and refused all the same,
        so that people see it.
        """
        del wall, synced
        if not payload.strip():
            raise Refused(Reason.MALFORMED, "empty: a retained state was cleared, or the switch says nothing")
        try:
            reading = _Reading(json_object(payload))
        except Refused as refusal:
            unknown = SwitchReport(self._house, None, now, reason=shorten(refusal.detail), retained=retained)
            keep(self._pending.reports, unknown)
            raise
        keep(self._pending.reports, reading.report(self._house, now, retained))
        if reading.broken:
            raise Refused(Reason.WRONG_SHAPE, reading.broken)
        return True


class _Reading:
    """The fields of one state object, each read as far as it goes. `broken` says why the position cannot be believed,
    where the reason is the form of the message and not the switch's own word.
    """

    __slots__ = ("_fields", "_notes", "broken")

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields
        self._notes: list[str] = []
        self.broken = ""

    def report(self, house: str, now: float, retained: bool) -> SwitchReport:
        phase, command, result = self._phase(), self._id(), self._result()
        if self.broken:
            phase = None
        operations, said = self._operations(), self._reason()
        reason = shorten("; ".join([*self._notes, said] if said else self._notes))
        return SwitchReport(house, phase, now, command, result, reason, operations, retained, self._t())

    def _phase(self) -> Phase | None:
        value = self._fields.get("phase")
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int):
            self.broken = f"phase = {_shown(value)} is {kind(value)}: write L1, L2 or L3, or null where it is unknown"
            self._notes.append(self.broken)
            return None
        try:
            return Phase.parse(str(value))
        except ValueError as error:
            self._notes.append(str(error))
            return None

    def _id(self) -> str:
        value = self._fields.get("id")
        if value is None:
            return ""
        if not isinstance(value, str):
            self._notes.append(f"id = {_shown(value)} is {kind(value)}, not a string")
            return ""
        if len(value) > _MOST_ID_CHARS:
            self._notes.append(f"id has {len(value)} characters, more than {_MOST_ID_CHARS}")
            return ""
        return value

    def _result(self) -> SwitchResult | None:
        value = self._fields.get("result")
        if value is None:
            return None
        if isinstance(value, str) and value in _RESULTS:
            return SwitchResult(value)
        note = f"result = {_shown(value)} is none of {', '.join(_RESULTS)}"
        self._notes.append(note)
        if self._fields.get("id") not in (None, ""):
            # Without a result, an answer from the target phase passes for an acknowledgement; "fault" must not.
            self.broken = self.broken or note
        return None

    def _operations(self) -> int | None:
        value = self._fields.get("operations")
        if value is None:
            return None
        # Devices that compute in floating point send 412.0.
        count = not isinstance(value, bool) and isinstance(value, int | float) and 0 <= value <= _MOST_OPERATIONS
        if count and value == int(value):
            return int(value)
        self._notes.append(f"operations = {_shown(value)} is no count")
        return None

    def _reason(self) -> str:
        value = self._fields.get("reason")
        if value is None:
            return ""
        return value if isinstance(value, str) else _shown(value)

    def _t(self) -> float | None:
        value = self._fields.get("t")
        try:
            return None if value is None else stamp(value)
        except Refused:
            return None


_RESULTS: Final = tuple(str(result) for result in SwitchResult)


def _shown(value: Any) -> str:
    """A JSON value as it looked on the wire, shortened."""
    return shorten(msgspec.json.encode(value).decode(), _SHOWN)
