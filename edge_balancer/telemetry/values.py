"""Reading numbers, stamps and JSON objects out of payloads, with refusals that people can act on.

Knows nothing about any device: each format says what it accepts by choosing among these.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, Final

import msgspec

from edge_balancer.telemetry.refusals import Reason, Refused, excerpt, shorten
from edge_balancer.types.readings import NAN

# Unix seconds pass this in the year 5138; milliseconds passed it in 1973.
LATEST_SECONDS: Final = 1e11

_JSON: Final = msgspec.json.Decoder()


def text_number(payload: bytes) -> float:
    """A payload that is one plain number, as topic-per-value devices send. `nan` gives NaN: it does not know."""
    try:
        # float() would take Python's own 1_000.
        value = float(payload) if b"_" not in payload else math.inf
    except ValueError:
        value = math.inf
    if math.isinf(value):
        require_utf8(payload)
        raise Refused(Reason.NOT_A_NUMBER, f"expected one plain number, got {excerpt(payload)!r}")
    return value


def require_utf8(payload: bytes) -> str:
    """The payload as text. Raises Refused where it is not UTF-8."""
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(Reason.NOT_UTF8, f"byte {error.start} is not UTF-8") from error


def json_value(payload: bytes) -> Any:
    """Any JSON value. Raises Refused with the parser's own words where it is none."""
    try:
        return _JSON.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        require_utf8(payload)
        raise Refused(Reason.MALFORMED, f"not JSON: {error}") from error


def json_object(payload: bytes) -> dict[str, Any]:
    """A JSON object. Raises Refused for anything else."""
    value = json_value(payload)
    if not isinstance(value, dict):
        raise Refused(Reason.WRONG_SHAPE, f"expected a JSON object, got {kind(value)}")
    return value


def number(value: Any, where: str, *, texts: bool = True) -> float:
    """A JSON number; also a numeric string where `texts` holds, since many devices send those. Null gives NaN.

    Raises Refused for anything else, booleans included.
    """
    if value is None:
        return NAN
    kind_of = type(value)
    if kind_of is float or kind_of is int:
        try:
            return float(value)
        except OverflowError as error:
            raise Refused(Reason.NOT_A_NUMBER, f"{where} is too long a number") from error
    if texts and kind_of is str:
        return text_number(value.encode("utf-8", "replace"))
    hint = "; send a JSON number without quotes" if kind_of is str else ""
    raise Refused(Reason.NOT_A_NUMBER, f"{where} = {shorten(repr(value), 60)} is {kind(value)}, not a number{hint}")


def item(values: Any, index: int, where: str) -> Any:
    """Element `index` of a list. Raises Refused where it is no list or too short."""
    if not isinstance(values, list):
        raise Refused(Reason.WRONG_SHAPE, f"{where} is {kind(values)}, not a list")
    if index >= len(values):
        raise Refused(
            Reason.WRONG_SHAPE, f"{where} has {len(values)} elements; channel {index}, counted from 0, is not there"
        )
    return values[index]


def kind(value: Any) -> str:
    """What a JSON value is, in JSON's words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    return "a number"


def stamp(value: Any, where: str = "t") -> float:
    """A time as Unix seconds: a number, or ISO 8601 with an offset. Null gives NaN. Raises Refused with the remedy."""
    if value is None:
        return NAN
    if isinstance(value, str):
        return iso_stamp(value, where)
    seconds = number(value, where)
    if abs(seconds) >= LATEST_SECONDS:
        raise Refused(
            Reason.UNIT_SUSPECT, f"{where} = {seconds:.0f} looks like milliseconds: send Unix seconds (divide by 1000)"
        )
    return seconds


def iso_stamp(text: str, where: str = "t") -> float:
    """ISO 8601 with an offset as Unix seconds. One without offset is refused: nobody knows which zone it means."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(
            Reason.MALFORMED, f"{where} = {shorten(text, 60)!r} is neither Unix seconds nor ISO 8601"
        ) from error
    if moment.tzinfo is None:
        raise Refused(
            Reason.MALFORMED,
            f"{where} = {shorten(text, 60)!r} has no offset from UTC: append Z or +01:00, or leave {where} out so that "
            "the time of arrival counts",
        )
    try:
        return moment.timestamp()
    except (OverflowError, ValueError) as error:
        raise Refused(Reason.MALFORMED, f"{where} = {shorten(text, 60)!r} is no time of this age") from error
