"""The grammar of a template file: which keys there are and what each may hold. What they mean is in `template_file`.

```toml
title = "Acme One"
phases = 1
source = "Acme's manual 1.2, table 5"
function = 3                  # for all registers that say nothing else; so are the next four
type = "s32"
word_order = "low_first"
scale = 0.1
missing = ["largest"]         # patterns that mean "no value"; NaN and infinity always do
max_registers = 50

[registers]
v = { address = 0 }
i = { address = 2, scale = 0.001 }
p = { address = 4, unit = "kW" }

[plausible]
v = [80, 300]
```
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, Strict

from firmware_bridge.lines.requests import MOST_REGISTERS
from firmware_bridge.meters.points import Quantity
from firmware_bridge.settings.base import Section

Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Truth = Annotated[bool, Strict()]
Address = Annotated[int, Strict(), Field(ge=0, le=0xFFFF)]
ReadFunction = Literal[3, 4]
WordOrder = Literal["high_first", "low_first"]
KindName = Literal["u16", "s16", "u32", "s32", "u64", "s64", "float32", "float64"]
Pattern = Whole | Literal["largest", "smallest", "all_ones", "high_word_7fff"]

UNITS: Final[dict[str, tuple[float, frozenset[Quantity]]]] = {
    "V": (1.0, frozenset({Quantity.V, Quantity.V_LL})),
    "kV": (1e3, frozenset({Quantity.V, Quantity.V_LL})),
    "mV": (1e-3, frozenset({Quantity.V, Quantity.V_LL})),
    "A": (1.0, frozenset({Quantity.I, Quantity.I_N})),
    "mA": (1e-3, frozenset({Quantity.I, Quantity.I_N})),
    "W": (1.0, frozenset({Quantity.P})),
    "kW": (1e3, frozenset({Quantity.P})),
    "MW": (1e6, frozenset({Quantity.P})),
    "var": (1.0, frozenset({Quantity.Q})),
    "kvar": (1e3, frozenset({Quantity.Q})),
    "VA": (1.0, frozenset({Quantity.S})),
    "kVA": (1e3, frozenset({Quantity.S})),
    "Hz": (1.0, frozenset({Quantity.F})),
    "Wh": (1.0, frozenset({Quantity.E_IMPORT, Quantity.E_EXPORT})),
    "kWh": (1e3, frozenset({Quantity.E_IMPORT, Quantity.E_EXPORT})),
    "MWh": (1e6, frozenset({Quantity.E_IMPORT, Quantity.E_EXPORT})),
    "1": (1.0, frozenset({Quantity.PF})),
    "%": (1e-2, frozenset({Quantity.PF})),
}
"""Factor to the SI unit, and of which quantities it is a unit."""


class RegisterEntry(Section):
    """Where a value lies; what is not given is as at the file's top."""

    address: Address
    function: ReadFunction | None = None
    type: KindName | None = None
    word_order: WordOrder | None = None
    scale: Number | None = None
    unit: str | None = None
    missing: tuple[Pattern, ...] | None = None


class IdentityEntry(Section):
    """What the meter says of itself: one of `codes` (the registers as one number) or a text that begins so."""

    function: ReadFunction
    address: Address
    count: Whole = Field(default=1, ge=1, le=MOST_REGISTERS)
    codes: tuple[Annotated[int, Strict(), Field(ge=0)], ...] = ()
    texts: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    proves: Literal["sure", "likely"]


class SerialEntry(Section):
    """The line as the factory sets it."""

    baud: Whole = Field(default=9600, ge=300, le=1_000_000)
    parity: Literal["none", "even", "odd"] = "none"
    stop_bits: Literal[1, 2] = 1
    unit: Whole = Field(default=1, ge=1, le=247)


class MeterFile(Section):
    """The whole file."""

    extends: str = ""
    """Another template, whose keys are taken where this one is silent."""
    title: str = Field(min_length=1)
    """Maker and model."""
    phases: Literal[1, 3]
    source: str = ""
    """Where the facts come from, and which of them nobody has verified."""
    notes: str = ""
    """Settings of the meter that matter, traps."""
    function: ReadFunction = 3
    """3 for holding registers, 4 for input registers; as `type`, `word_order`, `scale` and `missing` for every register
    that says nothing else."""
    type: KindName = "u16"
    word_order: WordOrder = "high_first"
    scale: Number = 1.0
    """What the number is multiplied by; then comes the unit."""
    missing: tuple[Pattern, ...] = ()
    """Patterns that mean "no value": the largest or smallest number of the type, all bits one, 7FFFh in the high word,
    or the raw number itself. NaN and infinity always mean that."""
    max_registers: Whole = Field(default=MOST_REGISTERS, ge=1, le=MOST_REGISTERS)
    """Most registers in one read."""
    fills_holes: Truth = False
    """Whether a read across addresses without a meaning is answered."""
    signed_power: Truth = True
    """Whether active power is negative on export."""
    wait_s: Number = Field(default=0.0, ge=0, le=10)
    """Silence that the meter wants between its answer and the next request to it."""
    serial: SerialEntry = SerialEntry()
    registers: dict[str, RegisterEntry]
    """By what they tell: `v`, `p_l1`, `v_ll_l2`, `e_import`, `i_n`."""
    plausible: dict[str, tuple[Number, Number]] = {}  # noqa: RUF012 - pydantic copies a field's default
    """Least and largest believable value by quantity, in SI units: `v = [80, 300]`."""
    identity: tuple[IdentityEntry, ...] = ()
