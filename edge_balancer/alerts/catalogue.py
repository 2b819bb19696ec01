"""The kinds of alerts, and what each says with the values of a case. The sentences themselves are in `texts`.

Whether and when one is told is decided in `conditions` and `lifecycle`.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final

from edge_balancer.alerts.texts import ENGLISH, Texts
from edge_balancer.analysis.phases.check import Doubt
from edge_balancer.analysis.phases.window import SURE
from edge_balancer.types.demotion import Demotion
from edge_balancer.types.phases import Phase

MOST_NAMES: Final = 5
"""Houses named in one text; the rest are counted."""


class AlertKind(enum.StrEnum):
    """The first level of an alert's key; the second, where there is one, is the house or the phase."""

    SEVERE_IMBALANCE = "severe_imbalance"
    VOLTAGE_UNBALANCE = "voltage_unbalance"
    VOLTAGE_HIGH = "voltage_high"
    VOLTAGE_LOW = "voltage_low"
    VOLTAGE_EXTREME_HIGH = "voltage_extreme_high"
    VOLTAGE_EXTREME_LOW = "voltage_extreme_low"
    FREQUENT_SWITCHING = "frequent_switching"
    STALE_METERS = "stale_meters"
    METER_SILENT = "meter_silent"
    TRANSFORMER_SILENT = "transformer_silent"
    SWITCH_LOCKED = "switch_locked"
    SWITCH_POSITION = "switch_position"
    SWITCHING_HALTED = "switching_halted"
    WRONG_PHASE_RECORD = "wrong_phase_record"
    SUPPLY_LOST = "supply_lost"
    STORAGE = "storage"
    RESTARTED = "restarted"
    CLOCK_UNSYNCHRONISED = "clock_unsynchronised"
    CLOCK_STEPPED = "clock_stepped"
    ORDERS_REFUSED = "orders_refused"
    COMMANDS_FORGED = "commands_forged"
    MESSAGE_FLOOD = "message_flood"
    BROKER_LOST = "broker_lost"
    MODEL_DEMOTED = "model_demoted"


LATCHED: Final = frozenset({AlertKind.SWITCH_LOCKED, AlertKind.SWITCHING_HALTED})
"""Kinds that only a person ends."""


def key_of(kind: AlertKind, subject: str = "") -> str:
    """The key of an alert, which is also the end of its MQTT topic."""
    return f"{kind}/{subject}" if subject else str(kind)


def is_latched(key: str) -> bool:
    """Whether only a person ends the alert with this key."""
    return key.partition("/")[0] in LATCHED


def severe_imbalance(neutral_a: float, limit_a: float, texts: Texts = ENGLISH) -> str:
    return texts.say("severe_imbalance", neutral_a=neutral_a, limit_a=limit_a)


def neutral_overload(neutral_a: float, bears_a: float, texts: Texts = ENGLISH) -> str:
    return texts.say("neutral_overload", neutral_a=neutral_a, bears_a=bears_a)


def voltage_unbalance(vuf_pct: float, limit_pct: float, texts: Texts = ENGLISH) -> str:
    return texts.say("voltage_unbalance", vuf_pct=vuf_pct, limit_pct=limit_pct)


def voltage_high(phase: Phase, house: str, mean_v: float, limit_v: float, texts: Texts = ENGLISH) -> str:
    return texts.say("voltage_high", phase=phase, house=house, mean_v=mean_v, limit_v=limit_v)


def voltage_low(phase: Phase, house: str, mean_v: float, limit_v: float, texts: Texts = ENGLISH) -> str:
    return texts.say("voltage_low", phase=phase, house=house, mean_v=mean_v, limit_v=limit_v)


def voltage_extreme(phase: Phase, house: str, volts: float, limit_v: float, high: bool, texts: Texts = ENGLISH) -> str:
    name = "voltage_extreme_high" if high else "voltage_extreme_low"
    return texts.say(name, phase=phase, house=house, volts=volts, limit_v=limit_v)


def frequent_switching(operations: int, limit: int, texts: Texts = ENGLISH) -> str:
    return texts.say("frequent_switching", operations=operations, limit=limit)


def stale_meters(houses: Sequence[str], total: int, share_pct: float, limit_pct: float, texts: Texts = ENGLISH) -> str:
    return texts.say(
        "stale_meters",
        stale=len(houses),
        total=total,
        share_pct=share_pct,
        limit_pct=limit_pct,
        names=names(houses, texts),
    )


def meter_silent(house: str, age_s: float, texts: Texts = ENGLISH) -> str:
    return texts.say("meter_silent", house=house, age_min=age_s / 60.0)


def transformer_silent(age_s: float, texts: Texts = ENGLISH) -> str:
    return texts.say("transformer_silent", age_min=age_s / 60.0)


def switch_locked(house: str, reason: str, texts: Texts = ENGLISH) -> str:
    return texts.say("switch_locked", house=house, reason=reason.rstrip("."))


def switch_position(house: str, expected: Phase | None, reported: Phase | None, texts: Texts = ENGLISH) -> str:
    say = texts.say
    says = say("switch_position.unsure") if reported is None else say("switch_position.reports", phase=reported)
    holds = say("switch_position.no_record") if expected is None else say("switch_position.expected", phase=expected)
    return say("switch_position", house=house, says=says, holds=holds)


def wrong_phase_record(doubt: Doubt, texts: Texts = ENGLISH) -> str:
    cause = "wrong_phase_record.moved" if doubt.moved else "wrong_phase_record.rest"
    return texts.say(
        "wrong_phase_record",
        house=doubt.house,
        recorded=doubt.recorded,
        hours=doubt.hours,
        phase=doubt.phase,
        confidence_pct=100.0 * doubt.confidence,
        sure_pct=100.0 * SURE,
        cause=texts.say(cause, phase=doubt.phase),
    )


def switching_halted(reason: str, texts: Texts = ENGLISH) -> str:
    return texts.say("switching_halted", reason=reason)


def supply_lost(phase: Phase, houses: Sequence[str], reporting: int, texts: Texts = ENGLISH) -> str:
    return texts.say("supply_lost", phase=phase, dark=len(houses), reporting=reporting, names=names(houses, texts))


def storage(fault: str, texts: Texts = ENGLISH) -> str:
    return texts.say("storage", fault=fault.rstrip("."))


def restarted(starts: int, limit: int, texts: Texts = ENGLISH) -> str:
    return texts.say("restarted", starts=starts, limit=limit)


def clock_unsynchronised(lasted_s: float, limit_s: float, texts: Texts = ENGLISH) -> str:
    return texts.say("clock_unsynchronised", minutes=lasted_s / 60.0, limit_min=limit_s / 60.0)


def clock_stepped(step_s: float, limit_s: float, texts: Texts = ENGLISH) -> str:
    return texts.say("clock_stepped", step_s=step_s, limit_s=limit_s)


def orders_refused(refused: int, limit: int, texts: Texts = ENGLISH) -> str:
    return texts.say("orders_refused", refused=refused, limit=limit)


def commands_forged(forged: int, limit: int, texts: Texts = ENGLISH) -> str:
    return texts.say("commands_forged", forged=forged, limit=limit)


def message_flood(topic: str, per_s: float, most_per_s: int, texts: Texts = ENGLISH) -> str:
    return texts.say("message_flood", topic=topic, per_s=per_s, most=most_per_s)


def broker_lost(lasted_s: float, limit_s: float, texts: Texts = ENGLISH) -> str:
    return texts.say("broker_lost", minutes=lasted_s / 60.0, limit_min=limit_s / 60.0)


def model_demoted(demotion: Demotion, texts: Texts = ENGLISH) -> str:
    remedy = texts.say(f"model_demoted.{demotion.blame}")
    return texts.say("model_demoted", reason=demotion.reason.rstrip("."), remedy=remedy)


def title(key: str, texts: Texts = ENGLISH) -> str:
    """A few words for the alert with this key; the key itself for one that this version does not know."""
    kind, _, subject = key.partition("/")
    if not texts.knows(f"title.{kind}"):
        return key
    words = texts.say(f"title.{kind}")
    return texts.say("message.title_of", title=words, subject=subject) if subject else words


def names(houses: Sequence[str], texts: Texts = ENGLISH) -> str:
    """The first few names, and how many more there are."""
    more = len(houses) - MOST_NAMES
    first = ", ".join(houses[:MOST_NAMES])
    return texts.say("names.more", names=first, more=more) if more > 0 else first
