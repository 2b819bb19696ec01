"""What the gate reads of an HTTP request, once. Nothing is judged here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Incoming:
    """One request's method, path and headers."""

    __slots__ = ("_headers", "address", "method", "path", "scheme", "scope")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.scheme: str = scope["scheme"]
        client = scope.get("client")
        # Without an address (a Unix socket) it is treated as one from anywhere.
        self.address: str = client[0] if client else ""
        self._headers: list[tuple[bytes, bytes]] = scope["headers"]

    @property
    def header_names(self) -> Iterator[bytes]:
        """In small letters, as ASGI has them."""
        return (name for name, _ in self._headers)

    @property
    def http_version(self) -> str:
        return str(self.scope.get("http_version", "1.1"))

    @property
    def header_count(self) -> int:
        return len(self._headers)

    @property
    def target_bytes(self) -> int:
        return len(self.scope.get("raw_path") or self.path.encode()) + len(self.scope.get("query_string", b""))

    def all(self, name: bytes) -> list[bytes]:
        return [value for key, value in self._headers if key == name]

    def one(self, name: bytes) -> str | None:
        """A header's value; None where it is missing. Of several, all joined, as HTTP has it."""
        values = self.all(name)
        return b", ".join(values).decode("latin-1") if values else None

    def cookie(self, name: str) -> str | None:
        """None also where it comes more than once: one of them is then not from us."""
        wanted = name.encode()
        found = [
            value.strip()
            for header in self.all(b"cookie")
            for key, equals, value in (part.partition(b"=") for part in header.split(b";"))
            if equals and key.strip() == wanted
        ]
        return found[0].decode("latin-1") if len(found) == 1 else None
