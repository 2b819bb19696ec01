"""What hangs on a simulated line, whatever it is, and what all devices share. No I/O; the time is handed in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from firmware_bridge.simulator.wire import BROADCAST, Question, Refused, framed, refusal

MOST_REGISTERS: Final = 125
MOST_BITS: Final = 2000


class Device(Protocol):
    """One device of a simulated line. `now` is monotonic, s."""

    @property
    def unit(self) -> int:
        """Its Modbus address."""
        ...

    def answer(self, question: Question, now: float) -> bytes | None:
        """The body of its reply (from the function on), None where it stays silent. Raises Refused."""
        ...

    def settle(self, now: float) -> float | None:
        """Let happen what falls due by itself until now; the instant of the next such event, None without one."""
        ...


def reply_of(device: Device, question: Question, now: float) -> bytes | None:
    """The whole frame that a device answers with; None after a broadcast, and where it stays silent."""
    try:
        body = device.answer(question, now)
    except Refused as no:
        body = refusal(question.function, no.code)
    return None if body is None or question.unit == BROADCAST else framed(device.unit, body)


def cut(cells: Sequence[int], question: Question, most: int, first: int = 0) -> tuple[int, ...]:
    """What a read asks of `cells`, which begin at address `first`.

    Raises Refused as real devices do: 3 for a count that no read may have, 2 for an address that is not there.
    """
    if not 1 <= question.count <= most:
        raise Refused(3)
    start = question.address - first
    if start < 0 or start + question.count > len(cells):
        raise Refused(2)
    return tuple(cells[start : start + question.count])
