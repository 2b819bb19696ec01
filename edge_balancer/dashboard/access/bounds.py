"""How large a request may be, and how slowly its body may come."""

from __future__ import annotations

import asyncio
from typing import Final

from edge_balancer.dashboard.access.refusal import Refusal
from edge_balancer.dashboard.access.request import Incoming, Message, Receive

MOST_HEADERS: Final = 64
MOST_TARGET_BYTES: Final = 8 * 1024
MOST_BODY_BYTES: Final = 64 * 1024
BODY_PATIENCE_S: Final = 15.0
"""In all, from the request's head on."""


class TooMuch(Exception):  # noqa: N818 - nothing is wrong with us
    """The body goes beyond its bounds. Whatever the application makes of it, the gate answers."""


def of_head(request: Incoming) -> Refusal | None:
    """Why a request's head is too large; None where it is not."""
    if request.header_count > MOST_HEADERS:
        return Refusal(431, f"more than {MOST_HEADERS} headers", "size")
    if request.target_bytes > MOST_TARGET_BYTES:
        return Refusal(414, f"path and query have more than {MOST_TARGET_BYTES} bytes", "size")
    length = request.one(b"content-length")
    if length is not None and (not length.isascii() or not length.isdigit()):
        return Refusal(400, "Content-Length is no number", "size")
    # Digits are counted first: a number of thousands of digits takes long to read.
    if length is not None and (len(length) > 12 or int(length) > MOST_BODY_BYTES):
        return _too_large()
    return None


class BoundedBody:
    """A request's messages, the body within bounds. To be called as ASGI's `receive`; raises TooMuch."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._until = asyncio.get_running_loop().time() + BODY_PATIENCE_S
        self._left = MOST_BODY_BYTES
        self._complete = False
        self.refusal: Refusal | None = None
        """Set where the body went beyond its bounds."""

    async def __call__(self) -> Message:
        if self._complete:
            # What follows is the client's going, which may take as long as it likes.
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise self._over(Refusal(408, f"the body did not come within {BODY_PATIENCE_S:g} s", "slow")) from None
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            self._complete = not message.get("more_body", False)
            if self._left < 0:
                raise self._over(_too_large())
        return message

    def _over(self, refusal: Refusal) -> TooMuch:
        self.refusal = refusal
        return TooMuch(refusal.detail)


def _too_large() -> Refusal:
    return Refusal(413, f"the body has more than {MOST_BODY_BYTES // 1024} KiB", "size")
