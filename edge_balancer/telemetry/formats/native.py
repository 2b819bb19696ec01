"""The native format on `B/meter/<house>`: an object with `p` and perhaps `q`, `v`, `i`, `t`, `e_import`, `e_export`.

Units are the contract's (W, var, V, A, Wh; import positive), so nothing is converted. Houses send scalars; a
three-phase house may send lists of three or scalars (totals, taken as balanced); the transformer sends lists, with
`v_ll` and `i_n`. Numbers are JSON numbers: a boolean or a numeric string is refused, because a sender that quotes its
numbers is broken and should be mended.

The typed decoders are the fast path; why a message was refused is worked out only when it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from edge_balancer.telemetry.formats.base import Decode, Format, Wiring, only_topic
from edge_balancer.telemetry.measurement import AnyMeasurement, Measurement, ThreePhaseMeasurement, balanced
from edge_balancer.telemetry.refusals import Reason, Refused
from edge_balancer.telemetry.values import json_object, kind, number, stamp
from edge_balancer.types.readings import NAN, TRANSFORMER, Triple

Three = tuple[float | None, float | None, float | None]


class _Scalars(msgspec.Struct, gc=False):
    p: float
    q: float | None = None
    v: float | None = None
    i: float | None = None
    t: float | str | None = None
    e_import: float | None = None
    e_export: float | None = None


class _Lists(msgspec.Struct):
    p: tuple[float, float, float]
    q: Three | None = None
    v: Three | None = None
    i: Three | None = None
    t: float | str | None = None
    v_ll: Three | None = None
    i_n: float | None = None


_SCALARS: Final = msgspec.json.Decoder(_Scalars)
_LISTS: Final = msgspec.json.Decoder(_Lists)

_QUANTITIES: Final = ("p", "q", "v", "i", "v_ll", "i_n", "e_import", "e_export")
_ALWAYS_SCALAR: Final = frozenset({"i_n", "e_import", "e_export"})


def decode_scalars(payload: bytes) -> Measurement:
    """A single-phase house's message."""
    try:
        m = _SCALARS.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _explained(payload, lists=False) from None
    t = m.t
    if t is None:
        t = NAN
    elif type(t) is not float or t >= 1e11:
        t = stamp(t)
    return Measurement(
        m.p,
        NAN if m.q is None else m.q,
        NAN if m.v is None else m.v,
        NAN if m.i is None else m.i,
        t,
        NAN if m.e_import is None else m.e_import,
        NAN if m.e_export is None else m.e_export,
    )


def decode_lists(payload: bytes) -> ThreePhaseMeasurement:
    """The transformer's message, or a three-phase house's with a value for each phase."""
    try:
        m = _LISTS.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _explained(payload, lists=True) from None
    return ThreePhaseMeasurement(
        m.p, _triple(m.q), _triple(m.v), _triple(m.i), stamp(m.t), _triple(m.v_ll), NAN if m.i_n is None else m.i_n
    )


def decode_either(payload: bytes) -> AnyMeasurement:
    """A three-phase house's message: lists of three, or scalars that are totals."""
    if not isinstance(json_object(payload).get("p"), list):
        return balanced(decode_scalars(payload))
    return decode_lists(payload)


def _triple(values: Three | None) -> Triple:
    if values is None:
        return (NAN, NAN, NAN)
    a, b, c = values
    return (NAN if a is None else a, NAN if b is None else b, NAN if c is None else c)


def _explained(payload: bytes, *, lists: bool) -> Refused:
    """Why the typed decoder did not take this payload."""
    try:
        fields = json_object(payload)
        _explain(fields, lists=lists)
    except Refused as refusal:
        return refusal
    return Refused(Reason.MALFORMED, "the message does not fit the native format")


def _explain(fields: dict[str, Any], *, lists: bool) -> None:
    if fields.get("p") is None:
        raise Refused(Reason.MISSING_POWER, "p is missing: every message must carry the active power in W")
    for name in _QUANTITIES:
        value = fields.get(name)
        if value is None:
            continue
        if lists and name not in _ALWAYS_SCALAR:
            if not isinstance(value, list) or len(value) != 3:
                raise Refused(Reason.WRONG_SHAPE, f"{name} is {kind(value)}; expected a list of three: L1, L2, L3")
            for phase, element in enumerate(value, start=1):
                _explain_number(element, f"{name} of L{phase}", required=name == "p")
        elif isinstance(value, (list, dict)):
            remedy = "; a house with a value for each phase must be configured three_phase = true" if not lists else ""
            raise Refused(Reason.WRONG_SHAPE, f"{name} is {kind(value)}; expected one number{remedy}")
        else:
            _explain_number(value, name)
    t = fields.get("t")
    if isinstance(t, (bool, list, dict)):
        raise Refused(Reason.NOT_A_NUMBER, f"t is {kind(t)}; expected Unix seconds or ISO 8601 with an offset")


def _explain_number(value: Any, where: str, *, required: bool = False) -> None:
    if value is None and required:
        raise Refused(Reason.MISSING_POWER, f"{where} is null: a reading needs the power of all three phases")
    number(value, where, texts=False)


def _bind(wiring: Wiring, suffix: str) -> Decode | None:
    if suffix:
        return None
    return decode_either if wiring.three_phase else decode_scalars


def decoder_for(house: str, three_phase: bool) -> Callable[[bytes], AnyMeasurement]:
    """The decoder of a house that speaks the native format on its own topic; the transformer sends lists only."""
    if house == TRANSFORMER:
        return decode_lists
    return decode_either if three_phase else decode_scalars


FORMAT: Final = Format(filters=only_topic, bind=_bind)
