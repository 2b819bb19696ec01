"""From the state of the engine to the conditions that may become alerts.

Arguments are plain numbers and arrays; nothing is remembered here. Hand every condition to `AlertBook.observe` at each
step, also while it is within its limit: that is how the book sees the value come back.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.alerts import catalogue
from edge_balancer.alerts.catalogue import AlertKind, key_of
from edge_balancer.alerts.lifecycle import Condition, Side
from edge_balancer.alerts.texts import ENGLISH, Texts
from edge_balancer.analysis.phases.check import Doubt
from edge_balancer.analysis.phases.window import SURE
from edge_balancer.settings.feeder import FeederSettings
from edge_balancer.settings.policy import AlertSettings
from edge_balancer.types.events import Severity
from edge_balancer.types.phases import Phase

Floats = NDArray[np.float64]

STOP_MOTORS_VUF_PCT: Final = 5.0
"""NEMA MG1: no motor should run beyond this voltage unbalance."""
SILENT_S: Final = 3600.0
"""A meter silent for longer than this is told by itself."""

_PHASE_COLUMN: Final = np.arange(len(Phase))[:, np.newaxis]


def severe_imbalance(
    neutral_a: float, feeder: FeederSettings, alerts: AlertSettings, texts: Texts = ENGLISH
) -> Condition:
    """The neutral current (A; NaN unknown) against `alerts.neutral_pct` of what the transformer's neutral bears.

    One condition for imbalance and overload, so that one cause makes one alert: it is critical, in the words of an
    overload, beyond what the neutral bears.
    """
    bears_a = feeder.neutral_limit_a
    limit_a = bears_a * alerts.neutral_pct / 100.0
    overload = neutral_a > bears_a
    return Condition(
        key_of(AlertKind.SEVERE_IMBALANCE),
        Severity.CRITICAL if overload else Severity.WARNING,
        catalogue.neutral_overload(neutral_a, bears_a, texts)
        if overload
        else catalogue.severe_imbalance(neutral_a, limit_a, texts),
        neutral_a,
        limit_a,
        "A",
    )


def voltage_unbalance(vuf_pct: float | None, feeder: FeederSettings, texts: Texts = ENGLISH) -> Condition:
    """The last judged ten-minute mean of V2/V1 (percent; None or NaN unknown) against EN 50160's limit."""
    value = math.nan if vuf_pct is None else vuf_pct
    limit = feeder.limits.vuf_pct
    return Condition(
        key_of(AlertKind.VOLTAGE_UNBALANCE),
        Severity.CRITICAL if value > STOP_MOTORS_VUF_PCT else Severity.WARNING,
        catalogue.voltage_unbalance(value, limit, texts),
        value,
        limit,
        "%",
        confirm_s=0.0,
    )


def voltages(
    houses: Sequence[str],
    phase: NDArray[np.integer],
    mean_v: Floats,
    now_v: Floats,
    feeder: FeederSettings,
    texts: Texts = ENGLISH,
) -> list[Condition]:
    """Voltage conditions of the three phases; each names the house that is worst.

    All arrays (n,), V: `mean_v` the last judged ten-minute mean (NaN where not judged) against EN 50160's limits, told
    without further delay; `now_v` the present voltage (NaN where not fresh) against the extreme ones, told once it has
    lasted. `phase` is -1 where unknown. A phase of which nothing is known gives unknown conditions.
    """
    limits = feeder.limits
    on_phase = phase == _PHASE_COLUMN
    found: list[Condition] = []
    for volts, low_pct, high_pct, extreme in (
        (mean_v, limits.low_pct, limits.high_pct, False),
        (now_v, limits.extreme_low_pct, limits.extreme_high_pct, True),
    ):
        for side, limit_v in ((Side.ABOVE, feeder.volts(high_pct)), (Side.BELOW, feeder.volts(low_pct))):
            # Turned so that the worst is the greatest; what is unknown is never it.
            score = np.where(on_phase & np.isfinite(volts), volts * side.value, -math.inf)
            worst = score.argmax(axis=1) if score.shape[1] else np.zeros(len(Phase), dtype=np.intp)
            for which in Phase:
                k = int(worst[which])
                known = score.shape[1] > 0 and math.isfinite(score[which, k])
                value, house = (float(volts[k]), houses[k]) if known else (math.nan, texts.say("no_house"))
                condition = _voltage(
                    which,
                    house,
                    value,
                    limit_v=limit_v,
                    side=side,
                    extreme=extreme,
                    nominal_v=feeder.nominal_voltage_v,
                    texts=texts,
                )
                found.append(condition)
    return found


def _voltage(
    phase: Phase, house: str, value: float, *, limit_v: float, side: Side, extreme: bool, nominal_v: float, texts: Texts
) -> Condition:
    high = side is Side.ABOVE
    if extreme:
        kind = AlertKind.VOLTAGE_EXTREME_HIGH if high else AlertKind.VOLTAGE_EXTREME_LOW
        text = catalogue.voltage_extreme(phase, house, value, limit_v, high, texts)
    elif high:
        kind, text = AlertKind.VOLTAGE_HIGH, catalogue.voltage_high(phase, house, value, limit_v, texts)
    else:
        kind, text = AlertKind.VOLTAGE_LOW, catalogue.voltage_low(phase, house, value, limit_v, texts)
    return Condition(
        key_of(kind, str(phase)),
        Severity.CRITICAL if extreme else Severity.WARNING,
        text,
        value,
        limit_v,
        "V",
        confirm_s=None if extreme else 0.0,
        side=side,
        reference=nominal_v,
    )


def frequent_switching(operations_last_hour: int, alerts: AlertSettings, texts: Texts = ENGLISH) -> Condition:
    """Operations of the whole feeder within the last hour; the limit itself is told."""
    limit = alerts.switching_per_hour
    return Condition(
        key_of(AlertKind.FREQUENT_SWITCHING),
        Severity.WARNING,
        catalogue.frequent_switching(operations_last_hour, limit, texts),
        float(operations_last_hour),
        float(limit),
        "operations/h",
        confirm_s=0.0,
        inclusive=True,
    )


def stale_meters(
    houses: Sequence[str], fresh: NDArray[np.bool_], age_s: Floats, alerts: AlertSettings, texts: Texts = ENGLISH
) -> list[Condition]:
    """Houses without a fresh reading: one condition for the feeder, and one for each meter silent for over an hour.

    `fresh` and `age_s` (n,): seconds since the last reading, or since the start where none has come. While the
    feeder's condition holds, single meters neither begin nor end an alert: a dead gateway is one fault, not
    fifty-five.
    """
    total = len(houses)
    stale = [houses[k] for k in np.flatnonzero(~fresh).tolist()]
    share = 100.0 * len(stale) / total if total else 0.0
    limit = alerts.stale_meters_pct
    feeder = Condition(
        key_of(AlertKind.STALE_METERS),
        Severity.WARNING,
        catalogue.stale_meters(stale, total, share, limit, texts),
        share,
        limit,
        "%",
        inclusive=True,
    )
    return [
        feeder,
        *(
            Condition(
                key_of(AlertKind.METER_SILENT, houses[k]),
                Severity.WARNING,
                catalogue.meter_silent(houses[k], float(age_s[k]), texts),
                math.nan if feeder.violated else float(age_s[k]),
                SILENT_S,
                "s",
                confirm_s=0.0,
            )
            for k in np.flatnonzero(~fresh & np.isfinite(age_s) & (age_s > SILENT_S)).tolist()
        ),
    ]


def switch_locked(house: str, reason: str, texts: Texts = ENGLISH) -> Condition:
    """A switch that is locked out; hand it in for as long as it is. It ends by `AlertBook.clear` alone."""
    return Condition(
        key_of(AlertKind.SWITCH_LOCKED, house),
        Severity.CRITICAL,
        catalogue.switch_locked(house, reason, texts),
        confirm_s=0.0,
        latched=True,
    )


def switch_position(house: str, expected: Phase | None, reported: Phase | None, texts: Texts = ENGLISH) -> Condition:
    """A switch that is not where it should be, or does not know where it is. Hand it in only while that is so, and not
    while a command to it is under way.
    """
    return Condition(
        key_of(AlertKind.SWITCH_POSITION, house),
        Severity.CRITICAL,
        catalogue.switch_position(house, expected, reported, texts),
    )


def wrong_phase_records(doubts: Iterable[Doubt], texts: Texts = ENGLISH) -> list[Condition]:
    """Houses that are not where the records have them; hand them in for as long as that is believed."""
    return [
        Condition(
            key_of(AlertKind.WRONG_PHASE_RECORD, doubt.house),
            Severity.WARNING,
            catalogue.wrong_phase_record(doubt, texts),
            100.0 * doubt.confidence,
            100.0 * SURE,
            "%",
            confirm_s=0.0,
            inclusive=True,
        )
        for doubt in doubts
    ]


def switching_halted(reason: str, texts: Texts = ENGLISH) -> list[Condition]:
    """Why automatic switching is halted; empty where it is not, which gives no condition. It ends by
    `AlertBook.clear` alone."""
    if not reason:
        return []
    text = catalogue.switching_halted(reason, texts)
    return [Condition(key_of(AlertKind.SWITCHING_HALTED), Severity.CRITICAL, text, confirm_s=0.0, latched=True)]


def supply_lost(
    houses: Sequence[str],
    phase: NDArray[np.integer],
    alive: NDArray[np.bool_],
    dead: NDArray[np.bool_],
    texts: Texts = ENGLISH,
) -> list[Condition]:
    """Phases of which most reporting houses, and at least two, have no supply. `alive` and `dead` [houses]: whose meter
    is fresh and shows supply, or none."""
    found = []
    for which in Phase:
        without = np.flatnonzero(dead & (phase == which)).tolist()
        reporting = len(without) + int(np.count_nonzero(alive & (phase == which)))
        if len(without) >= 2 and 2 * len(without) > reporting:
            text = catalogue.supply_lost(which, [houses[k] for k in without], reporting, texts)
            key = key_of(AlertKind.SUPPLY_LOST, str(which))
            found.append(Condition(key, Severity.CRITICAL, text, confirm_s=10.0))
    return found


def storage_trouble(fault: str, texts: Texts = ENGLISH) -> list[Condition]:
    """The store's fault in its own words; empty where it saves, which gives no condition."""
    if not fault:
        return []
    return [Condition(key_of(AlertKind.STORAGE), Severity.CRITICAL, catalogue.storage(fault, texts), confirm_s=0.0)]
