"""What the units of a line still owe: replies that never came, and may come at any time. Pure; no line, no clock.

A device that was too slow answers all the same, perhaps long after the line was held quiet for it, and its answer then
looks like the answer to the next request of the same shape: from there on every value is one request old. Silence
proves nothing. What proves something is order: a device answers in the order it was asked, so once it has answered
something that cannot be an answer to what it owes, all that it owed is gone.

So after a reply that did not come, nothing with the same function is asked of the unit until it has answered a
request of another function, or a read of another size that it did not refuse (a refusal carries no size: it may be
meant for what is owed). Where the caller's own request is none of these, a probe goes first.

What this cannot see: a device that answers one request twice, the second time much later and all alone, when the same
request is out again. A second answer close behind the first is seen by the master, which then counts it as owed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from firmware_bridge.lines.frames import REFUSED, byte_count
from firmware_bridge.lines.requests import BROADCAST, Function, Request

_PROBE_FUNCTIONS: Final = (
    Function.READ_HOLDING,
    Function.READ_REGISTERS,
    Function.READ_COILS,
    Function.READ_INPUTS,
)
_PROBE_REGISTERS: Final = (2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)
"""Two first: meters with floating-point values refuse half of one."""
_PROBE_BITS: Final = (1, 9, 17, 25)
_MOST_SHAPES: Final = 30
"""Remembered for a unit. The probes have 40 shapes, so there is always one that is not owed; a shape forgotten is 30
failures old."""
_MOST_KNOWN: Final = 64
"""Requests remembered as once answered, for a unit."""
_STEADY_CODES: Final = (1, 2, 3)
"""Refusals that depend on nothing but the request: function, address, value."""

Shape = tuple[Function, int]
"""Function and byte count (0 for writes): what a late reply would be recognised by."""
_Known = tuple[Function, int, int]


def _shape(request: Request) -> Shape:
    return request.function, byte_count(request)


def _known(request: Request) -> _Known:
    return request.function, request.address, byte_count(request)


@dataclass(slots=True)
class _Account:
    """One unit's. `owed` tells of each shape whether the request had been answered at some time before."""

    owed: dict[Shape, bool] = field(default_factory=dict)
    known: dict[_Known, None] = field(default_factory=dict)
    failed: Counter[Function] = field(default_factory=Counter)

    def owes(self, function: Function) -> bool:
        return any(owed == function for owed, _ in self.owed)


class Debts:
    """The accounts of all units of a line. They outlive the port: a device does not notice that it was unplugged."""

    def __init__(self) -> None:
        self._accounts: dict[int, _Account] = {}

    def owe(self, request: Request) -> None:
        """No reply to it was believed: it may still come. Nobody answers a broadcast."""
        if request.unit == BROADCAST:
            return
        account = self._accounts.setdefault(request.unit, _Account())
        shape = _shape(request)
        trusted = _known(request) in account.known and account.owed.pop(shape, True)
        account.owed.pop(shape, None)
        account.owed[shape] = trusted
        if len(account.owed) > _MOST_SHAPES:
            del account.owed[next(iter(account.owed))]

    def answered(self, request: Request, code: int = 0) -> None:
        """The unit has answered it (with a refusal where there is a code), and `proves` held: nothing is owed."""
        account = self._accounts.setdefault(request.unit, _Account())
        account.owed.clear()
        account.failed.clear()
        if not code:
            account.known[_known(request)] = None
            if len(account.known) > _MOST_KNOWN:
                del account.known[next(iter(account.known))]

    def suspects(self, request: Request) -> bool:
        """Whether a reply to it could be one that is owed, so that a probe must go first."""
        account = self._accounts.get(request.unit)
        return account is not None and account.owes(request.function)

    def proves(self, request: Request, code: int = 0) -> bool:
        """Whether an answer to it (a refusal where there is a code) can be no other request's."""
        account = self._accounts.get(request.unit)
        if account is None or not account.owes(request.function):
            return True
        if not code:
            return _shape(request) not in account.owed
        # A device that once gave those values would not now refuse them for their address.
        return code in _STEADY_CODES and all(
            trusted for (function, _), trusted in account.owed.items() if function == request.function
        )

    def explains(self, received: bytes | bytearray) -> bool:
        """Whether a well-formed frame that begins so is what some unit owes."""
        account = self._accounts.get(received[0])
        if account is None:
            return False
        if received[1] & REFUSED:
            return any(function | REFUSED == received[1] for function, _ in account.owed)
        return any(function == received[1] and size in (0, received[2]) for function, size in account.owed)

    def probe(self, request: Request) -> Request:
        """A harmless read of the same unit whose answer cannot be taken for what is owed.

        Of another function where possible: then even a refusal proves. Devices that pass over unknown functions in
        silence get a read of another size next: the function that failed less often goes first. Its address
        is the caller's.
        """
        account = self._accounts.setdefault(request.unit, _Account())
        return min(self._probes(account, request), key=lambda probe: account.failed[probe.function])

    def probe_failed(self, probe: Request) -> None:
        """Another one next time."""
        self._accounts.setdefault(probe.unit, _Account()).failed[probe.function] += 1

    def _probes(self, account: _Account, request: Request) -> Iterator[Request]:
        """Never empty: see _MOST_SHAPES."""
        others = [function for function in _PROBE_FUNCTIONS if not account.owes(function)]
        same = [function for function in _PROBE_FUNCTIONS if account.owes(function)]
        for function in (*others, *same):
            for count in _PROBE_BITS if function.of_bits else _PROBE_REGISTERS:
                address = max(0, min(request.address, 0x10000 - count))
                probe = Request(request.unit, function, address, count)
                if _shape(probe) not in account.owed:
                    yield probe
                    break
