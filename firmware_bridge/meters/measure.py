"""From a meter's own values to what a house draws: wiring and transformers, by the meter's settings. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from firmware_bridge.contract import Phase
from firmware_bridge.meters.points import Measurement, Point, Quantity, SinglePhase, ThreePhase, Triple
from firmware_bridge.meters.template import Template
from firmware_bridge.settings.devices import LineMeter

_THROUGH_TRANSFORMERS: Final = frozenset(Quantity) - {Quantity.V, Quantity.V_LL, Quantity.F, Quantity.PF}
_WITH_DIRECTION: Final = (Quantity.P, Quantity.Q)
_OTHER_WAY: Final = {Quantity.E_IMPORT: Quantity.E_EXPORT, Quantity.E_EXPORT: Quantity.E_IMPORT}

_PAIRS: Final = {
    frozenset({Phase.L1, Phase.L2}): Phase.L1,
    frozenset({Phase.L2, Phase.L3}): Phase.L2,
    frozenset({Phase.L3, Phase.L1}): Phase.L3,
}
"""The name of a line-to-line voltage by the phases that it lies between."""


def measurement(template: Template, values: Mapping[Point, float], settings: LineMeter) -> Measurement | None:
    """What `B/meter/<house>` says of these values; None where active power is missing.

    Ratio, direction and the order of the phases are those of `settings`. A three-phase meter that tells only totals
    gives a measurement as of one phase. Of the phases that lack a value, the place in the list is None.
    """
    seen = {_point(point, settings): _value(point, value, settings) for point, value in values.items()}
    if template.phases == 1 or template.totals_only:
        return _single(seen)
    power = _triple(seen, Quantity.P)
    if power is None:
        return None
    return ThreePhase(
        p=power,
        q=_triple(seen, Quantity.Q),
        v=_triple(seen, Quantity.V),
        i=_triple(seen, Quantity.I),
        e_import=_triple(seen, Quantity.E_IMPORT),
        e_export=_triple(seen, Quantity.E_EXPORT),
        v_ll=_triple(seen, Quantity.V_LL),
        i_n=seen.get(Point(Quantity.I_N)),
        f=seen.get(Point(Quantity.F)),
    )


def unsigned_problem(template: Template, settings: LineMeter) -> str:
    """Why this meter must not measure this house: it cannot show export, and the house may feed in. Empty where it
    may."""
    if template.signed_power or not settings.has_pv or settings.allow_unsigned:
        return ""
    return (
        f"{template.title} cannot tell export from import, and {settings.house} may feed in: its solar would look like "
        "load; use a meter that can, or set allow_unsigned = true"
    )


def _single(seen: Mapping[Point, float]) -> SinglePhase | None:
    power = seen.get(Point(Quantity.P))
    if power is None:
        return None
    return SinglePhase(
        p=power,
        q=seen.get(Point(Quantity.Q)),
        v=seen.get(Point(Quantity.V)),
        i=seen.get(Point(Quantity.I)),
        e_import=seen.get(Point(Quantity.E_IMPORT)),
        e_export=seen.get(Point(Quantity.E_EXPORT)),
        f=seen.get(Point(Quantity.F)),
    )


def _triple(seen: Mapping[Point, float], quantity: Quantity) -> Triple | None:
    one, two, three = (seen.get(Point(quantity, phase)) for phase in Phase)
    return None if one is None and two is None and three is None else (one, two, three)


def _point(point: Point, settings: LineMeter) -> Point:
    """Where a value belongs at the feeder: a meter wired the other way round counts import as export, and its inputs
    1, 2, 3 hang on the feeder's phases in the order given."""
    quantity = _OTHER_WAY.get(point.quantity, point.quantity) if settings.invert else point.quantity
    if point.phase is None:
        return Point(quantity)
    order = [Phase(name) for name in settings.order.split()]
    place = list(Phase).index(point.phase)
    if quantity is Quantity.V_LL:
        return Point(quantity, _PAIRS[frozenset({order[place], order[(place + 1) % 3]})])
    return Point(quantity, order[place])


def _value(point: Point, value: float, settings: LineMeter) -> float:
    if point.quantity in _THROUGH_TRANSFORMERS:
        value *= settings.ratio
    if settings.invert and point.quantity in _WITH_DIRECTION and value:
        value = -value
    return value
