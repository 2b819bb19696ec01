"""What a meter's template says: its registers and limits, typed and judged. No reading of files, no decoding.

The grammar that a template is written in is in `template_file`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from firmware_bridge.contract import Phase
from firmware_bridge.lines.requests import Function, Reply
from firmware_bridge.meters.points import Point, Quantity


class Kind(enum.StrEnum):
    """How a number lies in its registers. Bytes within a register are always high byte first."""

    U16 = "u16"
    S16 = "s16"
    U32 = "u32"
    S32 = "s32"
    U64 = "u64"
    S64 = "s64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"

    @property
    def bits(self) -> int:
        return int(self.value[-2:])

    @property
    def words(self) -> int:
        return self.bits // 16

    @property
    def signed(self) -> bool:
        return self.value.startswith("s")

    @property
    def floating(self) -> bool:
        return self in (Kind.FLOAT32, Kind.FLOAT64)


@dataclass(frozen=True, slots=True)
class Sentinel:
    """A bit pattern that means "no value": the raw number, high word first, equals `pattern` where `mask` has ones."""

    mask: int
    pattern: int

    def matches(self, raw: int) -> bool:
        return raw & self.mask == self.pattern


@dataclass(frozen=True, slots=True)
class Register:
    """One value and where it lies. `scale` leads to SI units; a value outside `low` to `high` (SI) cannot be true."""

    point: Point
    function: Function
    address: int
    kind: Kind
    scale: float
    low_word_first: bool
    missing: tuple[Sentinel, ...]
    low: float
    high: float

    @property
    def words(self) -> int:
        return self.kind.words

    @property
    def end(self) -> int:
        """The address after its last word."""
        return self.address + self.words


@dataclass(frozen=True, slots=True)
class Identity:
    """Something a meter says of itself. `codes` are alternatives (the words as one number, high word first), `texts`
    alternatives that the words' ASCII text begins with; one of the two is empty."""

    function: Function
    address: int
    count: int
    codes: tuple[int, ...]
    texts: tuple[str, ...]
    proves: Literal["sure", "likely"]
    """`sure`: no other model known answers this. `likely`: the maker's other models, or others, may answer it too."""

    def matches(self, words: Reply) -> bool:
        if len(words) != self.count:
            return False
        raw = b"".join(word.to_bytes(2, "big") for word in words)
        if self.codes:
            return int.from_bytes(raw, "big") in self.codes
        text = raw.decode("ascii", "replace").strip("\0 ")
        return any(text.startswith(start) for start in self.texts)


@dataclass(frozen=True, slots=True)
class Serial:
    """The line as the factory sets it."""

    baud: int = 9600
    parity: Literal["none", "even", "odd"] = "none"
    stop_bits: Literal[1, 2] = 1
    unit: int = 1


@dataclass(frozen=True, slots=True)
class Template:
    """One model of meter."""

    name: str
    title: str
    phases: Literal[1, 3]
    registers: tuple[Register, ...]
    """By function and address, without overlap."""
    max_registers: int
    """Most registers in one read."""
    signed_power: bool
    """Whether active power shows export as a negative number."""
    fills_holes: bool
    """Whether a read across addresses without a meaning is answered (with anything), not refused."""
    serial: Serial = Serial()
    identities: tuple[Identity, ...] = ()
    wait_s: float = 0.0
    """Silence that the meter wants between its answer and the next request to it."""
    source: str = ""
    """Where the facts come from, and which of them nobody has verified."""
    notes: str = ""
    """What who uses it should know: settings of the meter, traps."""
    own: bool = field(default=False, compare=False)
    """True for a template of the user's folder."""

    @property
    def points(self) -> tuple[Point, ...]:
        """Everything it can tell, in the order of the registers."""
        return tuple(register.point for register in self.registers)

    def has(self, point: Point) -> bool:
        return any(register.point == point for register in self.registers)

    @property
    def totals_only(self) -> bool:
        """A three-phase meter that does not tell its phases' power."""
        return self.phases == 3 and not any(self.has(Point(Quantity.P, phase)) for phase in Phase)

    @property
    def fast_points(self) -> tuple[Point, ...]:
        """What a measurement takes from every cycle; power factor, apparent power and unused totals cost no line."""
        return tuple(point for point in self._measured() if point.quantity.fast and point.quantity not in _OF_THE_LINE)

    @property
    def transformer_points(self) -> tuple[Point, ...]:
        """What is of use only at the transformer, in every cycle too: line-to-line voltages (from them comes the
        unbalance factor) and neutral current. In some meters they cost a read of their own."""
        return tuple(point for point in self._measured() if point.quantity in _OF_THE_LINE)

    @property
    def slow_points(self) -> tuple[Point, ...]:
        """What a measurement takes from the seldom reads."""
        return tuple(point for point in self._measured() if not point.quantity.fast)

    @property
    def fingerprint(self) -> tuple[Point, ...]:
        """What to read of a meter that says nothing of itself: voltage and frequency, as far as it has them.

        Models with one map answer alike, so plausible values make every such model likely, and none sure.
        """
        wanted = {Point(Quantity.F), Point(Quantity.V), Point(Quantity.V, Phase.L1)}
        return tuple(point for point in self.points if point in wanted)

    def _measured(self) -> Iterator[Point]:
        for point in self.points:
            if point.quantity in (Quantity.S, Quantity.PF):
                continue
            total = point.phase is None and point.quantity not in (Quantity.F, Quantity.I_N)
            if self.phases == 1 or total == self.totals_only or point.quantity is Quantity.F:
                yield point


_OF_THE_LINE: Final = (Quantity.V_LL, Quantity.I_N)

PLAUSIBLE: Final[dict[Quantity, tuple[float, float]]] = {
    Quantity.V: (50.0, 350.0),
    Quantity.I: (0.0, 1000.0),
    Quantity.P: (-100e3, 100e3),
    Quantity.Q: (-100e3, 100e3),
    Quantity.S: (-100e3, 100e3),
    Quantity.PF: (-1.05, 1.05),
    Quantity.F: (40.0, 70.0),
    Quantity.E_IMPORT: (0.0, 1e12),
    Quantity.E_EXPORT: (0.0, 1e12),
    Quantity.V_LL: (0.0, 610.0),
    Quantity.I_N: (0.0, 3000.0),
}
"""Per phase, for a house's meter; a three-phase meter's totals may be three times as much. A single-phase meter lives
off the voltage that it measures, so less than 50 V is no voltage; a three-phase meter goes on when one phase is dead,
and there 0 V is true (see `plausible`). Apparent power is signed in some makes."""


def plausible(point: Point, phases: int, given: tuple[float, float] | None = None) -> tuple[float, float]:
    """The limits of a point; `given` are those that the template sets for its quantity."""
    low, high = given or PLAUSIBLE[point.quantity]
    if given is None and point.quantity is Quantity.V and phases == 3:
        low = 0.0
    if phases == 3 and point.phase is None and point.quantity in (Quantity.P, Quantity.Q, Quantity.S):
        return 3 * low, 3 * high
    return low, high


def point_named(name: str) -> Point | None:
    """`v`, `p_l1`, `v_ll_l2`, `e_import`, `i_n`; None where there is no such point."""
    for phase in (None, *Phase):
        for quantity in Quantity:
            if str(Point(quantity, phase)) == name:
                return Point(quantity, phase)
    return None


_PHASELESS: Final = (Quantity.F, Quantity.I_N)
_PHASED: Final = (Quantity.V, Quantity.I, Quantity.V_LL)
"""Of a three-phase meter: an average over its phases is of no use, and not what the name says."""


def misplaced(point: Point, phases: int) -> str:
    """Why this point cannot belong to a meter of so many phases; empty where it can."""
    if phases == 1:
        if point.phase is not None or point.quantity in (Quantity.V_LL, Quantity.I_N):
            return f"is of no single-phase meter: write {point.quantity} without a phase, or set phases = 3"
    elif point.phase is None and point.quantity in _PHASED:
        return f"lacks its phase: write {point.quantity}_l1, {point.quantity}_l2, {point.quantity}_l3"
    if point.phase is not None and point.quantity in _PHASELESS:
        return f"has no phases: write {point.quantity}"
    return ""


def lacking(points: Iterable[Point], phases: int) -> str:
    """Why these points make no meter; empty where they do. Active power is what everything rests on."""
    have = {point for point in points if point.quantity is Quantity.P}
    if Point(Quantity.P) in have:
        return ""
    if phases == 1:
        return "has no active power: add p"
    gone = [str(Point(Quantity.P, phase)) for phase in Phase if Point(Quantity.P, phase) not in have]
    return f"has no active power: add {', '.join(gone)} (or p, where it tells only the total)" if gone else ""
