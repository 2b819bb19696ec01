"""What may run in a house beside the table of appliances, and how each takes an interruption. No behaviour here."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

from edge_balancer.twin.households.catalogue import Appliance, Resumption


class Fixed(IntEnum):
    """Kinds in `Pulses.kind` that are no index of the table of appliances."""

    BASE = 1000
    WATER_HEATER = 1001
    HEAT_PUMP = 1002
    CAR = 1003
    COMPRESSOR = 1010
    """The first fridge or freezer; the second is one more."""


class Return(NamedTuple):
    """How a kind comes back: what it does, and how long it waits once its supply is back."""

    resumption: Resumption
    wait_s: int
    least_off_s: int = 0


COMPRESSOR_OFF_S: Final = 240
"""Compressors want three to five minutes until the pressures have met."""
HEAT_PUMP_OFF_S: Final = 300
CHARGER_WAIT_S: Final = 30
"""A charging point negotiates anew with the car (IEC 61851-1) before it closes its contactor."""

_BASE: Final = Return(Resumption.GOES_ON, 0)
_WATER: Final = Return(Resumption.MAKES_UP, 0)
_HEAT_PUMP: Final = Return(Resumption.MAKES_UP, HEAT_PUMP_OFF_S, HEAT_PUMP_OFF_S)
_CAR: Final = Return(Resumption.FINISHES, CHARGER_WAIT_S)
_COMPRESSOR: Final = Return(Resumption.MAKES_UP, COMPRESSOR_OFF_S, COMPRESSOR_OFF_S)


def return_of(kind: int, table: tuple[Appliance, ...]) -> Return:
    """How a kind of `Pulses.kind` comes back."""
    if kind < len(table):
        return Return(table[kind].resumption, 0)
    if kind >= Fixed.COMPRESSOR:
        return _COMPRESSOR
    return {Fixed.WATER_HEATER: _WATER, Fixed.HEAT_PUMP: _HEAT_PUMP, Fixed.CAR: _CAR}.get(Fixed(kind), _BASE)


def name_of(kind: int, table: tuple[Appliance, ...]) -> str:
    """What people call a kind."""
    if kind < len(table):
        return table[kind].name
    return "fridge" if kind >= Fixed.COMPRESSOR else Fixed(kind).name.lower().replace("_", " ")
