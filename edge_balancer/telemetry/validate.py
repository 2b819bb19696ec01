"""Whether a measurement is believable, and when it was taken. The same rules for every format.

Values are judged as one message carries them, before they are joined with older ones: a load that has just been
switched on must not be refused because the current that belongs to it is still on its way. Nothing is corrected here;
what does not pass is refused.
"""

from __future__ import annotations

from math import isinf, isnan
from typing import Final

import msgspec

from edge_balancer.settings.root import Configuration
from edge_balancer.telemetry.measurement import Measurement, ThreePhaseMeasurement
from edge_balancer.telemetry.refusals import Reason, Refused
from edge_balancer.types.readings import NAN

_LOWEST_VOLTAGE: Final = 0.3
_HIGHEST_VOLTAGE: Final = 1.5
"""Fractions of nominal. No feeder lives outside them, and every usual unit error does (tenths of volts, kV, mV)."""

_APPARENT_MARGIN: Final = 1.15
_KILO_SHARE: Final = 0.02
_KILO_FLOOR_VA: Final = 1000.0
"""Active power cannot exceed V times I; meters sample the three at slightly different times."""
_APPARENT_FLOOR_W: Final = 50.0
_WHOLE_AMPERE_ROUNDING_A: Final = 0.5
"""Smart meters give whole amperes: 1.4 A is sent as 1."""
_DEAD_SUPPLY_W: Final = 50.0
"""With the supply lost a meter may still show a little power; with more than this at 0 V its voltage is not
measured.
"""

_TRANSFORMER_OVERLOAD: Final = 3.0
"""Power beyond this multiple of the rating would have blown the fuses."""


class Limits(msgspec.Struct, frozen=True):
    """What one meter's values are held against. W, A, V; ages in s."""

    max_w: float
    max_a: float
    v_low: float
    v_high: float
    nominal_v: float
    max_age_s: float
    future_s: float


def house_limits(config: Configuration) -> Limits:
    """Limits for a house's meter."""
    return _limits(config, config.telemetry.max_house_w)


def transformer_limits(config: Configuration) -> Limits:
    """Limits for the transformer's meter, each phase."""
    return _limits(config, _TRANSFORMER_OVERLOAD * config.feeder.transformer_kva * 1000.0)


def _limits(config: Configuration, max_w: float) -> Limits:
    nominal = config.feeder.nominal_voltage_v
    return Limits(
        max_w=max_w,
        # Twice what the greatest power draws at nominal voltage: a bad power factor passes, milliamperes do not.
        max_a=2.0 * max_w / nominal,
        v_low=_LOWEST_VOLTAGE * nominal,
        v_high=_HIGHEST_VOLTAGE * nominal,
        nominal_v=nominal,
        max_age_s=config.telemetry.max_age_s,
        future_s=config.telemetry.future_s,
    )


def instant(t: float, now: float, wall: float, synced: bool, limits: Limits) -> float:
    """When a measurement stamped `t` (Unix seconds, NaN for none) was taken, on the monotonic clock of `now`.

    Never later than `now`. Where our own wall clock is not synchronised nothing can be compared with it, and arrival
    counts. Raises Refused for stamps that are too old, or too far ahead to be explained by clocks that differ a
    little.
    """
    if isnan(t) or not synced:
        return now
    age = wall - t
    if age > limits.max_age_s:
        raise Refused(Reason.OLD, f"measured {age:.0f} s ago, more than max_age_s = {limits.max_age_s:g}")
    if age < -limits.future_s:
        raise Refused(
            Reason.FUTURE,
            f"stamped {-age:.0f} s ahead of our clock, more than future_s = {limits.future_s:g}: check both clocks",
        )
    return now - age if age > 0.0 else now


def check(m: Measurement, limits: Limits) -> None:
    """Raises Refused where a single-phase measurement is not believable. Missing values pass."""
    check_phase(m.p, m.q, m.v, m.i, limits)
    if not isnan(m.p_import) or not isnan(m.p_export):
        check_phase(m.p_import, NAN, m.v, m.i, limits, what="imported ")
        check_phase(m.p_export, NAN, m.v, m.i, limits, what="exported ")


def check_three(m: ThreePhaseMeasurement, limits: Limits) -> None:
    """Raises Refused where a three-phase measurement is not believable, naming the phase."""
    for k in range(3):
        check_phase(m.p[k], m.q[k], m.v[k], m.i[k], limits, what=f"L{k + 1} ")
        check_phase(m.p_import[k], NAN, m.v[k], m.i[k], limits, what=f"L{k + 1} imported ")
        check_phase(m.p_export[k], NAN, m.v[k], m.i[k], limits, what=f"L{k + 1} exported ")
        # Line-to-line voltages are higher by the root of three.
        check_phase(NAN, NAN, m.v_ll[k] / 3.0**0.5, NAN, limits, what=f"v_ll {k + 1} divided by 1.732: ")
    check_phase(NAN, NAN, NAN, m.i_n, limits, what="i_n: ")


def check_phase(p: float, q: float, v: float, i: float, limits: Limits, *, what: str = "") -> None:
    """The judgement of one phase. Every comparison is false for NaN, so that missing values pass."""
    most = limits.max_w
    if p > most or p < -most or q > most or q < -most:
        _refuse_power(p, q, limits, what)
    if v < limits.v_low or v > limits.v_high:
        _judge_voltage(p, v, limits, what)
    if i > limits.max_a or i < -limits.max_a:
        _refuse_current(i, limits, what)
    if abs(p) > _APPARENT_MARGIN * v * abs(i) + _APPARENT_FLOOR_W:
        _judge_apparent(p, v, i, what)
    if 0.0 < abs(p) < _KILO_SHARE * v * abs(i) and v * abs(i) >= _KILO_FLOOR_VA:
        _judge_kilowatts(p, v, i, what)


def _refuse_power(p: float, q: float, limits: Limits, what: str) -> None:
    name, value, unit = ("p", p, "W") if abs(p) > limits.max_w else ("q", q, "var")
    if isinf(value):
        raise Refused(Reason.NOT_A_NUMBER, f"{what}{name} is infinite")
    raise Refused(
        Reason.OUT_OF_RANGE,
        f"{what}{name} = {value:g} {unit} is beyond {limits.max_w:g}: a meter in mW needs scale = 0.001; a true load "
        "of this size needs telemetry.max_house_w raised",
    )


def _judge_voltage(p: float, v: float, limits: Limits, what: str) -> None:
    if isinf(v):
        raise Refused(Reason.NOT_A_NUMBER, f"{what}v is infinite")
    if v == 0.0 and not abs(p) > _DEAD_SUPPLY_W:
        return  # The supply is lost at the house: true, and worth knowing.
    for factor, unit in ((10.0, "tenths of volts"), (100.0, "hundredths of volts"), (1000.0, "mV"), (0.001, "kV")):
        if limits.v_low <= v / factor <= limits.v_high:
            raise Refused(Reason.UNIT_SUSPECT, f"{what}v = {v:g} looks like {unit}: send volts")
    if v == 0.0:
        raise Refused(Reason.UNIT_SUSPECT, f"{what}v = 0 with p = {p:g} W: leave v out if it is not measured")
    raise Refused(
        Reason.OUT_OF_RANGE,
        f"{what}v = {v:g} V is outside {limits.v_low:g} to {limits.v_high:g} V (nominal {limits.nominal_v:g} V)",
    )


def _refuse_current(i: float, limits: Limits, what: str) -> None:
    if isinf(i):
        raise Refused(Reason.NOT_A_NUMBER, f"{what}i is infinite")
    raise Refused(Reason.UNIT_SUSPECT, f"{what}i = {i:g} A is beyond {limits.max_a:.0f} A: is it in mA?")


def _judge_kilowatts(p: float, v: float, i: float, what: str) -> None:
    """A power factor below 0.02 at a kilowatt's current is rare; a thousandfold that fits v * i is no chance."""
    apparent = v * abs(i)
    if 0.3 * apparent <= 1000.0 * abs(p) <= _APPARENT_MARGIN * apparent:
        raise Refused(
            Reason.UNIT_SUSPECT,
            f"{what}p = {p:g} W beside v * i = {apparent:.0f} VA looks like kW: send watts, or set scale = 1000",
        )


def _judge_apparent(p: float, v: float, i: float, what: str) -> None:
    if i == round(i) and abs(p) <= _APPARENT_MARGIN * v * (abs(i) + _WHOLE_AMPERE_ROUNDING_A) + _APPARENT_FLOOR_W:
        return
    raise Refused(
        Reason.UNIT_SUSPECT,
        f"{what}p = {p:g} W is more than v * i = {v:g} V * {i:g} A can carry: check units and scale",
    )
