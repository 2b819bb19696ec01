"""What drives the contacts of one phase switch, whatever it is: relays on a line, a device, MQTT relays.

Judgement is in `interlock`: a board does what it is told and says what it sees.
"""

from __future__ import annotations

from typing import Protocol

from firmware_bridge.contract import Phase


class Board(Protocol):
    """The contacts of one phase switch. Every method raises BridgeError where it cannot be told that it was done."""

    @property
    def opens(self) -> bool:
        """Whether `open_all` can be done at all. A phase-switching device changes over by itself and cannot stay
        open."""
        ...

    async def open_all(self) -> None: ...

    async def close(self, phase: Phase) -> None: ...

    async def read(self) -> frozenset[Phase] | None:
        """The phases whose contacts are closed, by the best feedback there is (auxiliary contacts where wired).

        None where that is not known: feedback that contradicts itself, a device in motion.
        """
        ...
