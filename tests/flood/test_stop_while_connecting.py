"""A stop that comes while the connection is still being opened leaves nothing behind: no complaint of the garbage
collector about a closed descriptor, no open socket."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from firmware_bridge.host.block_client import BlockClient
from firmware_bridge.host.link import Link
from firmware_bridge.settings.broker import BrokerSettings


@pytest.fixture
def complaints(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What would be printed as `Exception ignored in`."""
    found: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: found.append((what.exc_value, what.object)))
    return found


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def link_to(port: int) -> Link:
    settings = BrokerSettings(host="127.0.0.1", port=port)
    return Link(
        settings, "test", "test/will", (), on_message=lambda *_: None, on_up=lambda: None, on_news=lambda *_: None
    )


class Gate:
    """Holds the connecting thread after the socket is open and before anything is said on it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.opened, self.passed = threading.Event(), threading.Event(), threading.Event()
        real = BlockClient._send_connect

        def held(client: BlockClient, keepalive: int) -> Any:
            self.reached.set()
            self.opened.wait(30.0)
            try:
                return real(client, keepalive)
            finally:
                self.passed.set()

        monkeypatch.setattr(BlockClient, "_send_connect", held)

    def release(self) -> None:
        self.opened.set()
        assert self.passed.wait(30.0)
        for thread in threading.enumerate():
            if thread.name == "connect test":
                thread.join(30.0)


async def start_and_stop(port: int, gate: Gate) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(link_to(port).run(stop))
    assert await asyncio.to_thread(gate.reached.wait, 30.0)
    stop.set()
    await asyncio.wait_for(running, 30.0)


def test_the_thread_goes_on_while_the_loop_does(
    deaf: int, complaints: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)

    async def run() -> None:
        await start_and_stop(deaf, gate)
        await asyncio.to_thread(gate.release)

    asyncio.run(run())
    gc.collect()
    assert complaints == []


def test_the_thread_outlives_the_loop(deaf: int, complaints: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    asyncio.run(start_and_stop(deaf, gate))
    gate.release()
    gc.collect()
    assert complaints == []


def test_a_stop_before_the_welcome(deaf: int, complaints: list[Any]) -> None:
    async def run() -> None:
        stop, link = asyncio.Event(), link_to(deaf)
        running = asyncio.create_task(link.run(stop))
        async with asyncio.timeout(30.0):
            while link._client is None or link._client.socket() is None:  # noqa: ASYNC110
                await asyncio.sleep(0)
        stop.set()
        await asyncio.wait_for(running, 30.0)

    asyncio.run(run())
    gc.collect()
    assert complaints == []
