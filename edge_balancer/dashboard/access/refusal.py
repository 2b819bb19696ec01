"""A refusal, as RFC 9457 has it. The same form wherever the request was refused."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import msgspec

from edge_balancer.dashboard.access.headers import Headers

_CHALLENGE: Final = b'Bearer realm="edge-balancer"'


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered."""

    status: int
    detail: str
    why: str
    """One word for the figures."""
    retry_s: float | None = None
    """Earliest moment at which asking again makes sense, from now."""
    error: str = ""
    """RFC 6750's word for what is wrong with a token."""

    def body(self) -> bytes:
        title = HTTPStatus(self.status).phrase
        return msgspec.json.encode(
            {"type": "about:blank", "title": title, "status": self.status, "detail": self.detail}
        )

    def headers(self) -> Headers:
        found: Headers = [(b"content-type", b"application/problem+json")]
        if self.status == HTTPStatus.UNAUTHORIZED:
            error = f', error="{self.error}"'.encode() if self.error else b""
            found.append((b"www-authenticate", _CHALLENGE + error))
        if self.retry_s is not None:
            found.append((b"retry-after", str(max(1, -int(-self.retry_s // 1))).encode()))
        return found
