"""A simulated phase-switching device: it changes over by itself, is told the phase wanted and tells its position.

Break before make is inside it: its contacts are open from the command on until it has arrived. Not a relay board:
nothing on the line can open or close a single contact of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from firmware_bridge.contract import Phase
from firmware_bridge.simulator import wire
from firmware_bridge.simulator.contacts import Change
from firmware_bridge.simulator.device import MOST_REGISTERS, cut
from firmware_bridge.simulator.wire import Question, Refused, confirmation, registers_body

CODES: Final[Mapping[Phase, int]] = MappingProxyType({Phase.L1: 1, Phase.L2: 2, Phase.L3: 3})
MOVING: Final = 10
FAILED: Final = 255
_CHANNELS: Final[Mapping[Phase, int]] = MappingProxyType({phase: number for number, phase in enumerate(Phase, 1)})


class PhaseDevice:
    """Holding register: the phase wanted (function 3, 6, 16). Input register: the position (function 4).

    `on_change` hears of its contacts as of a board's, channel 1 for L1. Set `jammed` and it never arrives: after
    `travel_s` it tells `failed`, with its contacts open.
    """

    def __init__(
        self,
        unit: int,
        *,
        phase: Phase = Phase.L1,
        wanted_address: int = 0,
        position_address: int = 0,
        codes: Mapping[Phase, int] = CODES,
        moving: int = MOVING,
        failed: int = FAILED,
        travel_s: float = 0.2,
        on_change: Callable[[Change], None] | None = None,
    ) -> None:
        self._unit = unit
        self._wanted_address, self._position_address = wanted_address, position_address
        self._codes, self._moving, self._failed = dict(codes), moving, failed
        self._phases = {code: phase for phase, code in codes.items()}
        self._travel_s = travel_s
        self._on_change = on_change
        self._wanted = phase
        self._position: Phase | None = phase
        self._arrives_at: float | None = None
        self.jammed = False

    @property
    def unit(self) -> int:
        return self._unit

    @property
    def position(self) -> Phase | None:
        """The phase whose contact is closed; None on the way, and where it never arrived."""
        return self._position

    def settle(self, now: float) -> float | None:
        if self._arrives_at is not None and self._arrives_at <= now:
            arrived, self._arrives_at = self._arrives_at, None
            if not self.jammed:
                self._position = self._wanted
                self._tell(arrived, self._wanted, closed=True)
        return self._arrives_at

    def _tell(self, at: float, phase: Phase, *, closed: bool) -> None:
        if self._on_change is not None:
            self._on_change(Change(at, _CHANNELS[phase], closed))

    def _go(self, code: int, now: float) -> None:
        if code not in self._phases:
            raise Refused(3)
        if self._arrives_at is not None:
            raise Refused(6)
        self._wanted = self._phases[code]
        if self._wanted is self._position:
            return
        if self._position is not None:
            self._tell(now, self._position, closed=False)
        self._position, self._arrives_at = None, now + self._travel_s

    def _says(self) -> int:
        if self._position is not None:
            return self._codes[self._position]
        return self._failed if self._arrives_at is None else self._moving

    def answer(self, question: Question, now: float) -> bytes | None:
        self.settle(now)
        match question.function:
            case wire.READ_HOLDING:
                cells = (self._codes[self._wanted],)
                return registers_body(question.function, cut(cells, question, MOST_REGISTERS, self._wanted_address))
            case wire.READ_REGISTERS:
                return registers_body(
                    question.function, cut((self._says(),), question, MOST_REGISTERS, self._position_address)
                )
            case wire.WRITE_REGISTER | wire.WRITE_REGISTERS:
                if len(question.values) != 1 or question.count != 1:
                    raise Refused(3)
                if question.address != self._wanted_address:
                    raise Refused(2)
                self._go(question.values[0], now)
                return confirmation(question)
        raise Refused(1)
