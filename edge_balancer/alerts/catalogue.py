"""The words of every alert: what happened, where, the value and its limit, what the system does about it, what a
person should do.

Texts only; whether and when one is told is decided in `conditions` and `lifecycle`.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final

from edge_balancer.analysis.phases.check import Doubt
from edge_balancer.analysis.phases.window import SURE
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
    SWITCH_LOCKED = "switch_locked"
    SWITCH_POSITION = "switch_position"
    SWITCHING_HALTED = "switching_halted"
    WRONG_PHASE_RECORD = "wrong_phase_record"
    SUPPLY_LOST = "supply_lost"
    STORAGE = "storage"


LATCHED: Final = frozenset({AlertKind.SWITCH_LOCKED, AlertKind.SWITCHING_HALTED})
"""Kinds that only a person ends."""


def key_of(kind: AlertKind, subject: str = "") -> str:
    """The key of an alert, which is also the end of its MQTT topic."""
    return f"{kind}/{subject}" if subject else str(kind)


def is_latched(key: str) -> bool:
    """Whether only a person ends the alert with this key."""
    return key.partition("/")[0] in LATCHED


def severe_imbalance(neutral_a: float, limit_a: float) -> str:
    return (
        f"The feeder is severely unbalanced: {neutral_a:.0f} A in the transformer's neutral, limit {limit_a:.0f} A. "
        "In auto mode the controller is moving houses as far as dwell times and daily limits allow. If this lasts, "
        "check that the mode is auto and which switches are locked out, and consider a new fixed assignment of "
        "houses to phases."
    )


def neutral_overload(neutral_a: float, bears_a: float) -> str:
    return (
        f"The transformer's neutral is overloaded: {neutral_a:.0f} A, and it bears {bears_a:.0f} A. In auto mode the "
        "controller is moving houses as far as dwell times and daily limits allow. Reduce load or generation on the "
        "fullest phase, and have the neutral's connections checked: an interrupted neutral puts up to 400 V on "
        "houses."
    )


def voltage_unbalance(vuf_pct: float, limit_pct: float) -> str:
    return (
        f"The voltage unbalance factor V2/V1 at the transformer was {vuf_pct:.1f} % over ten minutes, limit "
        f"{limit_pct:.1f} %. Moving houses lessens the part that comes from this feeder. Three-phase motors should "
        "be watched for heat; if it stays with a balanced feeder, it comes from the medium voltage: tell the "
        "network operator."
    )


def voltage_high(phase: Phase, house: str, mean_v: float, limit_v: float) -> str:
    return (
        f"Voltage too high on {phase}: {mean_v:.1f} V at {house} over ten minutes, limit {limit_v:.1f} V. In auto "
        "mode the controller moves exporting houses to other phases. If it comes back daily, lower the "
        "transformer's tap or limit the inverters' export there."
    )


def voltage_low(phase: Phase, house: str, mean_v: float, limit_v: float) -> str:
    return (
        f"Voltage too low on {phase}: {mean_v:.1f} V at {house} over ten minutes, limit {limit_v:.1f} V. In auto "
        "mode the controller moves loaded houses to other phases. If it comes back daily, raise the transformer's "
        "tap or strengthen the line there."
    )


def voltage_extreme(phase: Phase, house: str, volts: float, limit_v: float, high: bool) -> str:
    word, cause = ("high", "a lost neutral or") if high else ("low", "a loose connection, a lost neutral or")
    return (
        f"Voltage dangerously {word} on {phase}: {volts:.1f} V at {house}, extreme limit {limit_v:.1f} V. In auto "
        f"mode the controller moves houses if that helps, but {cause} a fault cannot be mended by moving. Send "
        f"someone to {house} now."
    )


def frequent_switching(operations: int, limit: int) -> str:
    return (
        f"{operations} switch operations on the feeder within an hour; told from {limit} on. The hard limits per "
        "house and feeder hold, so the switches are safe, but they wear. Lower decision.operations_per_house_day, "
        "or raise decision.neutral_trigger_a, if this goes on."
    )


def stale_meters(houses: Sequence[str], total: int, share_pct: float, limit_pct: float) -> str:
    return (
        f"{len(houses)} of {total} houses ({share_pct:.0f} %) have no fresh reading; told from {limit_pct:.0f} % on: "
        f"{names(houses)}. Houses without a fresh reading are not switched, and all automatic switching stops below "
        "decision.min_coverage. Check the broker, the gateway and the houses' network."
    )


def meter_silent(house: str, age_s: float) -> str:
    return (
        f"The meter of {house} has sent nothing for {age_s / 60.0:.0f} minutes. The house is counted as unmeasured "
        "and is not switched until readings come back. Check its meter and its network."
    )


def switch_locked(house: str, reason: str) -> str:
    return (
        f"The phase switch of {house} is locked out: {reason.rstrip('.')}. It is left where it is and gets no more "
        "commands, whatever happens. Look at the switch and at the house's supply, then release it."
    )


def switch_position(house: str, expected: Phase | None, reported: Phase | None) -> str:
    says = f"reports {reported}" if reported is not None else "does not know its position"
    holds = f"it should be on {expected}" if expected is not None else "no position is on record"
    return (
        f"The phase switch of {house} {says}, and {holds}. No command of this controller explains it. The house is "
        "not switched until its position is sure. Check whether somebody moved it by hand, and the switch's wiring."
    )


def wrong_phase_record(doubt: Doubt) -> str:
    cause = (
        "its switch may not have moved when it said so, or the wires of its contacts may be mixed up. Mend that"
        if doubt.moved
        else f"if it is on {doubt.phase}, correct its phase in the list of houses and reload, or where it has a switch "
        "the wires of its contacts"
    )
    return (
        f"The records have {doubt.house} on {doubt.recorded}, but {doubt.hours:.0f} h of voltage put it on "
        f"{doubt.phase} (confidence {100.0 * doubt.confidence:.1f} %, told from {100.0 * SURE:.0f} % on). It counts "
        "for the wrong phase in every sum, and is not moved automatically while this stands. See where it is really "
        f"connected: {cause}. If it is on {doubt.recorded} after all, clear it as a locked-out switch is cleared, and "
        "it is judged anew."
    )


def switching_halted(reason: str) -> str:
    return (
        f"Automatic switching is halted: {reason}. No switch is commanded. Find what they have in common (gateway, "
        "radio, supply of the cabinet), then clear a switch that was locked out or set the mode to auto again."
    )


def supply_lost(phase: Phase, houses: Sequence[str], reporting: int) -> str:
    return (
        f"{phase}: {len(houses)} of {reporting} houses that report have no supply ({names(houses)}). No house is moved "
        f"until supply has been back for the cool-down. Check the fuse and the conductor of {phase}."
    )


def storage(fault: str) -> str:
    return (
        f"The store cannot save: {fault.rstrip('.')}. The record waits in memory and is written late, when the disk is "
        "back, or lost if the power fails first. Control goes on meanwhile, but for commands while the disk "
        "hangs. Check the disk: free space, read-only mount, a worn SD card."
    )


def names(houses: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(houses) - MOST_NAMES
    return ", ".join(houses[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
