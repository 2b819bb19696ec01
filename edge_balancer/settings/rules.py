"""What only several sections together show: limits that cannot hold at once. Pure; reads no file.

A contradiction inside one section stands with its model; here stand those across sections, and those that a program may
have a reason for but a person's configuration has not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from edge_balancer.settings.dashboard_rules import dashboard_findings
from edge_balancer.settings.fields import number
from edge_balancer.settings.house_rules import house_findings
from edge_balancer.settings.root import Configuration
from firmware_bridge.settings.base import Finding, Location

_DAY_S: Final = 86_400
_ROOM: Final = 2.0
"""Times the budget: below this the cap binds on ordinary days. The price holds a switch near 1.65 times in the long
run."""
_LOOPBACK: Final = ("localhost", "::1", "ip6-localhost")
_TLS_PORT: Final = 8883
_PLAIN_PORT: Final = 1883


def findings(configuration: Configuration) -> Iterator[Finding]:
    """Everything that is wrong with a configuration whose single values are right."""
    yield from _feeder(configuration)
    yield from _mqtt(configuration)
    yield from _telemetry(configuration)
    yield from _decision(configuration)
    yield from _storage(configuration)
    yield from dashboard_findings(configuration)
    yield from house_findings(configuration)


def _feeder(configuration: Configuration) -> Iterator[Finding]:
    feeder = configuration.feeder
    if "transformer_kva" not in feeder.model_fields_set:
        yield Finding(
            ("feeder", "transformer_kva"),
            None,
            f"is not given: {number(feeder.transformer_kva)} kVA is assumed, and every limit counts from it",
            "give the rating on the transformer's plate",
            severity="warning",
        )
    limits = feeder.limits
    low: Location = ("feeder", "limits", "extreme_low_pct")
    high: Location = ("feeder", "limits", "extreme_high_pct")
    if limits.extreme_low_pct > limits.low_pct:
        yield Finding(
            low,
            limits.extreme_low_pct,
            f"is above low_pct = {number(limits.low_pct)}: the lowest value ever cannot be above the lowest mean",
            f"set it to at most {number(limits.low_pct)}",
            involves=(("feeder", "limits", "low_pct"),),
        )
    if limits.extreme_high_pct < limits.high_pct:
        yield Finding(
            high,
            limits.extreme_high_pct,
            f"is below high_pct = {number(limits.high_pct)}: the highest value ever cannot be below the highest mean",
            f"set it to at least {number(limits.high_pct)}",
            involves=(("feeder", "limits", "high_pct"),),
        )


def _mqtt(configuration: Configuration) -> Iterator[Finding]:
    mqtt = configuration.mqtt
    host: Location = ("mqtt", "host")
    secret = mqtt.password.get_secret_value()
    if any(sign in mqtt.host for sign in "/@ \0") or "://" in mqtt.host:
        # An address like mqtt://user:secret@host holds a secret: the value is not repeated.
        yield Finding(
            host, None, "is no host name", "give the name or address alone; port, user and password have keys"
        )
    if secret and not mqtt.user:
        yield Finding(
            ("mqtt", "user"),
            None,
            "is missing: a password without a user name is refused by MQTT brokers",
            "give mqtt.user, or remove the password",
            involves=(("mqtt", "password"),),
        )
    local = mqtt.host.casefold() in _LOOPBACK or mqtt.host.startswith("127.")
    if secret and not mqtt.tls and not local:
        yield Finding(
            ("mqtt", "tls"),
            mqtt.tls,
            "sends the password in the clear over the network",
            "set mqtt.tls = true",
            involves=(("mqtt", "password"), host),
            severity="warning",
        )
    if mqtt.port in (_TLS_PORT, _PLAIN_PORT) and mqtt.tls != (mqtt.port == _TLS_PORT):
        other = _TLS_PORT if mqtt.tls else _PLAIN_PORT
        yield Finding(
            ("mqtt", "port"),
            mqtt.port,
            f"is the port {'without' if mqtt.tls else 'for'} TLS by convention, but tls = {str(mqtt.tls).lower()}",
            f"use {other}, or change mqtt.tls",
            involves=(("mqtt", "tls"),),
            severity="warning",
        )


def _telemetry(configuration: Configuration) -> Iterator[Finding]:
    telemetry = configuration.telemetry
    if telemetry.max_age_s < telemetry.stale_s:
        yield Finding(
            ("telemetry", "max_age_s"),
            telemetry.max_age_s,
            f"is below stale_s = {number(telemetry.stale_s)}: no reading would be fresh that long",
            f"set it to at least {number(telemetry.stale_s)}, or lower stale_s",
            involves=(("telemetry", "stale_s"),),
        )
    if telemetry.ring_hours * 3600 < telemetry.grid_s:
        yield Finding(
            ("telemetry", "ring_hours"),
            telemetry.ring_hours,
            f"is shorter than one step of the ring buffers, grid_s = {number(telemetry.grid_s)}",
            "set it to some hours: 24 by default",
            involves=(("telemetry", "grid_s"),),
        )


def _decision(configuration: Configuration) -> Iterator[Finding]:
    decision = configuration.decision
    budget, cap, dwell = decision.operations_per_house_day, decision.max_operations_per_house_day, decision.dwell_s
    budget_at: Location = ("decision", "operations_per_house_day")
    cap_at: Location = ("decision", "max_operations_per_house_day")
    dwell_at: Location = ("decision", "dwell_s")
    if cap < budget:
        yield Finding(
            cap_at,
            cap,
            f"is below the budget, operations_per_house_day = {number(budget)}",
            f"set it to at least {number(budget)} (four times as much leaves room for busy days), or lower the budget",
            involves=(budget_at,),
        )
    elif cap < _ROOM * budget:
        yield Finding(
            cap_at,
            cap,
            f"cuts busy houses off on the best days: the budget is {number(budget)} operations a day in the mean",
            f"set it to {math.ceil(4 * budget)}, four times the budget, or lower the budget",
            involves=(budget_at,),
            severity="warning",
        )
    if dwell * budget > _DAY_S:
        yield Finding(
            dwell_at,
            dwell,
            f"allows {_DAY_S / dwell:.1f} operations a day: the budget, {number(budget)}, can never be reached",
            f"set it to at most {int(_DAY_S / budget)}, or lower operations_per_house_day",
            involves=(budget_at,),
        )
    elif dwell * cap > _DAY_S:
        yield Finding(
            dwell_at,
            dwell,
            f"allows {_DAY_S / dwell:.1f} operations a day: max_operations_per_house_day = {cap} can never be reached",
            f"set it to at most {_DAY_S // cap}, or lower the cap",
            involves=(cap_at, budget_at),
            severity="warning",
        )
    movable = sum(house.movable for house in configuration.houses)
    if (hourly := decision.max_operations_per_feeder_hour) * 24 < budget * movable:
        yield Finding(
            ("decision", "max_operations_per_feeder_hour"),
            hourly,
            f"allows {hourly * 24} operations a day, and the budget of {movable} houses is {number(budget * movable)}",
            f"set it to at least {int(budget * movable / 24) + 1}, or lower operations_per_house_day",
            involves=(budget_at, ("houses",)),
            severity="warning",
        )
    if configuration.neutral_trigger_a >= configuration.feeder.neutral_limit_a:
        yield Finding(
            ("decision", "neutral_trigger_a"),
            configuration.neutral_trigger_a,
            f"is not below what the neutral bears, {configuration.feeder.neutral_limit_a:.0f} A: moves come too late",
            "lower it, or leave it out: 0.25 % of the transformer's rated current by default",
            involves=(("feeder",),),
            severity="warning",
        )


def _storage(configuration: Configuration) -> Iterator[Finding]:
    storage = configuration.storage
    if storage.quarter_days < storage.minute_days:
        yield Finding(
            ("storage", "quarter_days"),
            storage.quarter_days,
            f"is below minute_days = {storage.minute_days}: what is thinned would go at once",
            f"set it to at least {storage.minute_days}",
            involves=(("storage", "minute_days"),),
            severity="warning",
        )
