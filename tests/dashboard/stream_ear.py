"""A reader of the live stream over a plain socket, as EventSource would be one. Shares no code with the server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.daemon.field import WITHIN_S
from tests.dashboard.page_site import Site


@dataclass(frozen=True, slots=True)
class Heard:
    """One event."""

    kind: str
    id: str
    data: str

    @property
    def json(self) -> Any:
        return json.loads(self.data)


class Ear:
    """The open connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self.head = b""
        self.last_id = ""

    @property
    def status(self) -> int:
        return int(self.head.split()[1])

    async def open(self) -> None:
        self.head = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), WITHIN_S)

    async def next(self) -> Heard:
        """The next event; waits for it. Raises EOFError at the stream's end."""
        fields: dict[str, str] = {}
        while True:
            line = (await asyncio.wait_for(self._line(), WITHIN_S)).decode()
            if not line:
                if "data" in fields:
                    self.last_id = fields.get("id", self.last_id)
                    return Heard(fields.get("event", "message"), self.last_id, fields["data"])
                fields = {}
                continue
            name, _, value = line.partition(": ")
            fields[name] = value

    async def until(self, kind: str) -> Heard:
        """The next event of a kind."""
        while True:
            event = await self.next()
            if event.kind == kind:
                return event

    async def _line(self) -> bytes:
        """A line of the body; chunks' lengths are passed over."""
        while True:
            line = await self._reader.readline()
            if not line.endswith(b"\n"):
                raise EOFError
            if line.endswith(b"\r\n"):
                continue
            return line[:-1]


@asynccontextmanager
async def listening(site: Site, last_id: str = "", role: str = "") -> AsyncIterator[Ear]:
    """A reader that has asked for the stream and got its head."""
    reader, writer = await asyncio.open_connection(site.host, site.port, limit=2**22)
    ear = Ear(reader, writer)
    lines = ["GET /api/v1/stream HTTP/1.1", f"Host: {site.host}:{site.port}"]
    if last_id:
        lines.append(f"Last-Event-ID: {last_id}")
    if role:
        lines.append(f"Authorization: Bearer {site.tokens[role]}")
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode())
        await ear.open()
        yield ear
    finally:
        writer.close()
