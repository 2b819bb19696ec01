"""Lines and what hangs on them: meters, phase switches. What a model can do is judged with its template."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from firmware_bridge.settings.base import Finding, Section

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)]
"""A name that is also one MQTT topic level: letters, digits, `_`, `.`, `-`."""

TRANSFORMER: Final = "transformer"
"""Stands for a house where the transformer itself is metered."""

TCP: Final = "tcp://"
RTU_OVER_TCP: Final = "rtu+tcp://"


class LineMeter(Section):
    """One meter on a line."""

    house: Name
    """The house that it measures, or `transformer`."""
    model: str = Field(min_length=1)
    """The meter's template, shipped or of your own; `firmware-bridge models` lists them."""
    unit: int = Field(ge=1, le=247)
    """Its Modbus address."""
    every_s: float = Field(default=5.0, ge=0, le=3600)
    """How often power, voltage and current are read; 0 for as often as the line allows."""
    slow_every_s: float = Field(default=300.0, ge=1, le=86_400)
    """How often energy and frequency are read."""
    ratio: float = Field(default=1.0, gt=0, le=10_000)
    """Ratio of external current transformers that the meter does not know of: multiplies currents, powers, energies."""
    invert: bool = False
    """True where it is wired so that export counts as positive."""
    order: Literal["L1 L2 L3", "L2 L3 L1", "L3 L1 L2", "L1 L3 L2", "L2 L1 L3", "L3 L2 L1"] = "L1 L2 L3"
    """Which of the feeder's phases a three-phase meter's inputs 1, 2, 3 are connected to."""
    has_pv: bool = False
    """Whether the house may feed in. In the daemon it follows from the house's `pv_w` too."""
    allow_unsigned: bool = False
    """Accept a meter that cannot tell export from import on a house that may feed in: its solar will look like load."""


class LineSwitch(Section):
    """One phase switch on a line: relays of a board, or a phase-switching device."""

    house: Name
    """The house that it moves."""
    model: str = Field(min_length=1)
    """The board's template, shipped or of your own; `firmware-bridge models` lists them."""
    unit: int = Field(ge=1, le=255)
    """Its Modbus address; above 247 by the boards that come with one there."""
    relays: tuple[int, ...] = ()
    """The relays on L1, L2 and L3, counted from 1 as on the board; not for a phase-switching device."""
    feedback: tuple[int, ...] = ()
    """The digital inputs that the auxiliary contacts of L1, L2 and L3 are wired to, counted from 1; empty where none
    are wired: then what the board says of its relays must do."""

    def contradictions(self) -> Iterator[Finding]:
        for key in ("relays", "feedback"):
            numbers: tuple[int, ...] = getattr(self, key)
            if numbers and (len(numbers) != 3 or len(set(numbers)) != 3 or min(numbers) < 1):
                yield Finding(
                    (key,),
                    str(list(numbers)),
                    "are not three different numbers from 1 on, for L1, L2 and L3",
                    f"write {key} = [1, 2, 3] with the numbers on the board",
                )


class LineSettings(Section):
    """A serial line, or a Modbus gateway."""

    name: Name
    """What it is called in logs and metrics."""
    port: str = Field(min_length=1)
    """`/dev/serial/by-id/...` (it stays the same when adapters change places), `tcp://host:502` for a Modbus TCP
    gateway, `rtu+tcp://host:port` for an adapter that passes bytes through."""
    baud: int = Field(default=9600, ge=300, le=1_000_000)
    """Baud rate; the same for all devices of the line."""
    parity: Literal["none", "even", "odd"] = "none"
    """Parity bit."""
    stop_bits: Literal[1, 2] = 1
    """Stop bits. Modbus asks for 2 without parity; in the field nearly all use 1."""
    reply_timeout_s: float = Field(default=0.5, ge=0.02, le=10)
    """How long a device may think before it answers."""
    quiet_s: float = Field(default=0.5, ge=0.02, le=30)
    """Silence kept after a reply that did not come: longer than the slowest device's delay, so that a late reply is
    dropped and not taken for the next one."""
    echo: bool = False
    """True for an adapter that hears itself: what was sent is then expected back and dropped."""
    meters: tuple[LineMeter, ...] = ()
    """The meters on it."""
    switches: tuple[LineSwitch, ...] = ()
    """The phase switches on it."""

    @property
    def serial(self) -> bool:
        return not self.port.startswith((TCP, RTU_OVER_TCP))


class RelaySwitch(Section):
    """Three relays that speak MQTT, as one phase switch."""

    house: Name
    """The house that it moves."""
    model: str = Field(min_length=1)
    """How the relays speak: a template, `firmware-bridge models` lists them (tasmota, shelly1, shelly2)."""
    relays: tuple[str, ...] = ()
    """Device topic and channel of the relays on L1, L2 and L3: `["shelly-a1b2/0", "shelly-a1b2/1", "shelly-a1b2/2"]`;
    three devices of one channel each will do too."""

    def contradictions(self) -> Iterator[Finding]:
        if len(self.relays) != 3 or len(set(self.relays)) != 3:
            yield Finding(
                ("relays",),
                str(list(self.relays)),
                "are not three different relays, for L1, L2 and L3",
                'write relays = ["device/0", "device/1", "device/2"]',
            )
