"""Conditions of the controller itself and of what it stands on: its start, its clock, its broker, who speaks to it.

The feeder's are in `conditions`. Nothing is remembered here; `own_watch` does that.
"""

from __future__ import annotations

from typing import Final

from edge_balancer.alerts import catalogue
from edge_balancer.alerts.catalogue import AlertKind, key_of
from edge_balancer.alerts.lifecycle import Condition
from edge_balancer.alerts.texts import ENGLISH, Texts
from edge_balancer.settings.policy import AlertSettings
from edge_balancer.types.demotion import Blame, Demotion
from edge_balancer.types.events import Severity
from edge_balancer.types.floods import Flood

STARTS_TOLD: Final = 1
"""Starts within an hour, each after an end without a goodbye, that are told."""
MANY_STARTS: Final = 3
"""That many are a controller that cannot stay up."""
STEP_S: Final = 5.0
"""A clock that time service disciplines moves by milliseconds; five seconds spoil the order of records."""
FORGED_TOLD: Final = 3
"""Commands within an hour that switches took for forged: one may be a duplicate that the broker delivered late."""
MUCH: Final = 10
"""So many times the limit of refused orders is an attack, or a program gone wild."""


def restarted(starts: int, texts: Texts = ENGLISH) -> Condition:
    """Starts within the last hour that followed an end without a goodbye. Hand it in for some minutes after each."""
    return Condition(
        key_of(AlertKind.RESTARTED),
        Severity.CRITICAL if starts >= MANY_STARTS else Severity.WARNING,
        catalogue.restarted(starts, STARTS_TOLD, texts),
        float(starts),
        float(STARTS_TOLD),
        "starts/h",
        confirm_s=0.0,
        inclusive=True,
    )


def clock_unsynchronised(lasted_s: float, alerts: AlertSettings, texts: Texts = ENGLISH) -> Condition:
    """For how long nothing has disciplined the clock; 0 while something does."""
    return Condition(
        key_of(AlertKind.CLOCK_UNSYNCHRONISED),
        Severity.WARNING,
        catalogue.clock_unsynchronised(lasted_s, alerts.clock_s, texts),
        lasted_s,
        alerts.clock_s,
        "s",
        confirm_s=0.0,
    )


def clock_stepped(step_s: float, texts: Texts = ENGLISH) -> Condition:
    """A clock that was taken for right was set by more than `STEP_S`. Hand it in for some minutes after it."""
    return Condition(
        key_of(AlertKind.CLOCK_STEPPED),
        Severity.WARNING,
        catalogue.clock_stepped(step_s, STEP_S, texts),
        abs(step_s),
        STEP_S,
        "s",
        confirm_s=0.0,
    )


def orders_refused(refused: int, alerts: AlertSettings, texts: Texts = ENGLISH) -> Condition:
    """Orders refused within the last hour; the limit itself is told."""
    limit = alerts.refused_per_hour
    return Condition(
        key_of(AlertKind.ORDERS_REFUSED),
        Severity.CRITICAL if refused >= MUCH * limit else Severity.WARNING,
        catalogue.orders_refused(refused, limit, texts),
        float(refused),
        float(limit),
        "orders/h",
        confirm_s=0.0,
        inclusive=True,
    )


def commands_forged(forged: int, texts: Texts = ENGLISH) -> Condition:
    """Commands within the last hour that switches refused as not signed, repeated or old; the limit itself is told."""
    return Condition(
        key_of(AlertKind.COMMANDS_FORGED),
        Severity.CRITICAL,
        catalogue.commands_forged(forged, FORGED_TOLD, texts),
        float(forged),
        float(FORGED_TOLD),
        "commands/h",
        confirm_s=0.0,
        inclusive=True,
    )


def message_flood(flood: Flood, texts: Texts = ENGLISH) -> Condition:
    """Somebody who says more than is read; hand it in for as long as that is so."""
    return Condition(
        key_of(AlertKind.MESSAGE_FLOOD, flood.house),
        Severity.WARNING,
        catalogue.message_flood(flood.topic, flood.per_s, flood.most_per_s, texts),
        flood.per_s,
        float(flood.most_per_s),
        "messages/s",
        inclusive=True,
    )


def broker_lost(lasted_s: float, alerts: AlertSettings, texts: Texts = ENGLISH) -> Condition:
    """For how long there has been no connection to the broker; 0 while there is one."""
    return Condition(
        key_of(AlertKind.BROKER_LOST),
        Severity.CRITICAL,
        catalogue.broker_lost(lasted_s, alerts.broker_lost_s, texts),
        lasted_s,
        alerts.broker_lost_s,
        "s",
        confirm_s=0.0,
    )


def transformer_silent(age_s: float, limit_s: float, texts: Texts = ENGLISH) -> Condition:
    """Seconds since the transformer's meter, which is configured or was heard before, has last sent."""
    return Condition(
        key_of(AlertKind.TRANSFORMER_SILENT),
        Severity.WARNING,
        catalogue.transformer_silent(age_s, texts),
        age_s,
        limit_s,
        "s",
        confirm_s=0.0,
    )


def model_demoted(demotion: Demotion | None, texts: Texts = ENGLISH) -> list[Condition]:
    """The learned forecast advises no longer; None, where it does or there is none, gives no condition. A broken file
    may mean a broken disk; that supervision did its work is for information."""
    if demotion is None:
        return []
    return [
        Condition(
            key_of(AlertKind.MODEL_DEMOTED),
            Severity.WARNING if demotion.blame in (Blame.BROKEN, Blame.CRASHED) else Severity.INFO,
            catalogue.model_demoted(demotion, texts),
            confirm_s=0.0,
        )
    ]
