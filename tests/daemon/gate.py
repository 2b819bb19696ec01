"""A way to the broker with a gate: lets through, or cuts, each MQTT connection by its client id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress


class Gate:
    """Connections by client id. What is shut is cut at once, and stays away until it is opened."""

    def __init__(self, broker_port: int) -> None:
        self._broker_port = broker_port
        self._shut: set[str] = set()
        self._standing: dict[str, asyncio.StreamWriter] = {}
        self.port = 0

    def shut(self, client_id: str) -> None:
        self._shut.add(client_id)
        if (writer := self._standing.pop(client_id, None)) is not None:
            writer.transport.abort()

    def open(self, client_id: str) -> None:
        self._shut.discard(client_id)

    @property
    def through(self) -> set[str]:
        return set(self._standing)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        with suppress(asyncio.IncompleteReadError, OSError), closing(writer):
            first = await reader.readexactly(2)
            # A CONNECT of up to 127 bytes: 0x10, its length, then 10 bytes before the client id.
            first += await reader.readexactly(first[1])
            client_id = first[14 : 14 + int.from_bytes(first[12:14], "big")].decode()
            if client_id in self._shut:
                return
            back, forth = await asyncio.open_connection("127.0.0.1", self._broker_port)
            with closing(forth):
                self._standing[client_id] = writer
                forth.write(first)
                passing = {asyncio.create_task(_pass(reader, forth)), asyncio.create_task(_pass(back, writer))}
                try:
                    await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in passing:
                        task.cancel()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def gate_to(broker_port: int) -> AsyncIterator[Gate]:
    gate = Gate(broker_port)
    serving: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.create_task(gate.take(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    gate.port = int(server.sockets[0].getsockname()[1])
    try:
        yield gate
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        # Closing takes a turn of the loop.
        await asyncio.sleep(0)
