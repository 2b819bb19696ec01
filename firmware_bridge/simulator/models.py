"""From a template's name and a unit to a simulated device: `eastron_sdm120@1`, `waveshare_relay_8ch@10`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firmware_bridge.contract import Phase
from firmware_bridge.errors import BridgeError
from firmware_bridge.meters.catalogue import load_meter
from firmware_bridge.meters.template import Template
from firmware_bridge.simulator.boards import Dialect, VirtualRelayBoard
from firmware_bridge.simulator.device import Device
from firmware_bridge.simulator.house import House
from firmware_bridge.simulator.meter import VirtualMeter
from firmware_bridge.simulator.phase_device import FAILED, MOVING, PhaseDevice
from firmware_bridge.switches.catalogue import load_switch
from firmware_bridge.switches.template import DeviceTemplate, RelayTemplate, SwitchTemplate

SOLAR_W: Final = 4000.0
"""Peak power of the roof of every second simulated house."""


class NotSimulated(BridgeError):  # noqa: N818 - it says what cannot be done
    """A device that is not written as it should be, or that is not among what can be simulated."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """One device of the line, and the template that reads or drives it."""

    device: Device
    template: Template | SwitchTemplate
    kind: str
    """`meter` or `switch`."""


def parse_at(text: str) -> tuple[str, int]:
    """Read `MODEL@UNIT`. Raises NotSimulated."""
    model, at, unit = text.rpartition("@")
    if not at or not unit.isascii() or not unit.isdigit() or not 1 <= int(unit) <= 247:
        raise NotSimulated(f"{text!r}: write MODEL@UNIT with a unit from 1 to 247, as eastron_sdm120@1")
    return model, int(unit)


def meter_named(text: str, clock: Callable[[], float], seed: int, folder: Path | None = None) -> Simulated:
    """A meter on a house of its own; houses with an even unit have solar. Raises BridgeError."""
    model, unit = parse_at(text)
    template = load_meter(model, folder)
    house = House(1000 * seed + unit, phases=template.phases, solar_w=0.0 if unit % 2 else SOLAR_W)
    return Simulated(VirtualMeter(template, unit, lambda: house.at(clock())), template, "meter")


def board_named(text: str, folder: Path | None = None) -> Simulated:
    """A relay board or a phase-switching device, as its template describes it. Raises BridgeError."""
    model, unit = parse_at(text)
    template = load_switch(model, folder)
    if isinstance(template, RelayTemplate):
        dialect = _dialect(template)
        inputs = template.feedback is not None or dialect is Dialect.REGISTERS
        return Simulated(VirtualRelayBoard(unit, template.channels, dialect=dialect, inputs=inputs), template, "switch")
    if isinstance(template, DeviceTemplate):
        return Simulated(_phase_device(unit, template), template, "switch")
    raise NotSimulated(f"{model}: it speaks MQTT, and does not hang on a serial line; name a board")


def _dialect(template: RelayTemplate) -> Dialect:
    write, read, feedback = template.write, template.read, template.feedback
    written = (write.function, write.first, write.on, write.off)
    shown = (read.function, read.first, read.on, read.off)
    contacts = None if feedback is None else (feedback.function, feedback.first, feedback.on, feedback.off)
    known = {
        (("coil", 0, 1, 0), ("coils", 0, 1, 0)): (Dialect.COILS, ("inputs", 0, 1, 0)),
        (("register", 1, 0x0100, 0x0200), ("holding", 1, 1, 0)): (Dialect.CHANNEL_COMMANDS, None),
        (("register", 0, 1, 0), ("holding", 0, 1, 0)): (Dialect.REGISTERS, ("registers", 0, 1, 0)),
        (("register", 0, 1, 0), ("registers", 0, 1, 0)): (Dialect.REGISTERS, None),
    }
    dialect, wired = known.get((written, shown), (None, None))
    if dialect is None or contacts not in (None, wired):
        raise NotSimulated(
            f"{template.name}: no simulated board has these addresses and values; known are the shipped boards"
        )
    return dialect


def _phase_device(unit: int, template: DeviceTemplate) -> PhaseDevice:
    want, position = template.want, template.position
    codes = {phase: want.value(phase) for phase in Phase}
    if position.function != "registers" or dict(position.phases) != {code: phase for phase, code in codes.items()}:
        raise NotSimulated(
            f"{template.name}: a simulated device tells its position in an input register, by the values that it is "
            "told; use phase_device"
        )
    return PhaseDevice(
        unit,
        wanted_address=want.address,
        position_address=position.address,
        codes=codes,
        moving=next(iter((*position.moving, *position.open)), MOVING),
        failed=next(iter(position.fault.values()), FAILED),
    )
