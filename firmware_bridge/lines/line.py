"""What a line offers to those who read and drive devices on it."""

from __future__ import annotations

from typing import Protocol

from firmware_bridge.lines.requests import Reply, Request


class Line(Protocol):
    """One line with one owner. Requests go out one at a time, urgent ones (switches) before the others."""

    @property
    def name(self) -> str: ...

    @property
    def up(self) -> bool:
        """Whether the port is open; False until the first opening, and while an adapter is unplugged."""
        ...

    async def ask(self, request: Request, *, urgent: bool = False) -> Reply:
        """Send one request and give its reply; nothing is ever repeated by itself.

        Raises LineDown at once while the line is down, TransactionError where no reply can be believed (DeviceRefusal
        where the device refused). A reply that belongs to another request never becomes a value.
        """
        ...
