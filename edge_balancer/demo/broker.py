"""A broker of one's own on a free loopback port, for the demo and for tests. Not for production.

Mosquitto where it is installed, run as a child; else amqtt in this process, on a thread and loop of its own so that its
work does not delay the caller's. amqtt is slower and raises a message's QoS to the subscription's; where it would send
what nobody asked for, or leave sockets open, it is put right here (`_amqtt_server`).
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from edge_balancer.errors import EdgeBalancerError

_HOST: Final = "127.0.0.1"
_START_S: Final = 10.0
_STOP_S: Final = 5.0
_ATTEMPTS: Final = 5
# Debian puts mosquitto where ordinary users' PATH does not look.
_MORE_PATHS: Final = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
# 0 would mean "no limit" and, on a denied publish, a disconnect of the client.
_QUEUE: Final = 10_000

Kind = Literal["mosquitto", "amqtt"]


class BrokerError(EdgeBalancerError):
    """No broker could be started; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Broker:
    """A running broker that accepts connections without a password."""

    host: str
    port: int
    name: Kind


def find_mosquitto() -> str | None:
    """Path of the mosquitto program, if it is installed."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=_MORE_PATHS)


@contextmanager
def broker(kind: Kind | None = None) -> Iterator[Broker]:
    """A broker for the length of the context; `kind` insists on one. Raises BrokerError."""
    program = None if kind == "amqtt" else find_mosquitto()
    if program is not None:
        with _mosquitto(program) as port:
            yield Broker(_HOST, port, "mosquitto")
    elif kind == "mosquitto":
        raise BrokerError("mosquitto is not installed: install it (Debian: apt install mosquitto)")
    else:
        with _amqtt() as port:
            yield Broker(_HOST, port, "amqtt")


def free_port() -> int:
    """A loopback port that is free now. Another program may take it first; callers try again."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection((_HOST, port), timeout=1.0):
            return True
    except OSError:
        return False


@contextmanager
def _mosquitto(program: str) -> Iterator[int]:
    with tempfile.TemporaryDirectory(prefix="edge-balancer-broker-") as folder:
        said = ""
        for _ in range(_ATTEMPTS):
            port = free_port()
            config = Path(folder) / "mosquitto.conf"
            config.write_text(
                f"listener {port} {_HOST}\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n"
                f"max_queued_messages {_QUEUE}\nlog_type error\nlog_dest stderr\n"
            )
            log = Path(folder) / "log"
            with log.open("wb") as stream:
                # A process group of its own: Ctrl-C is ours to handle, and the broker must outlive our farewells.
                child = subprocess.Popen(
                    [program, "-c", str(config)],
                    stdout=stream,
                    stderr=stream,
                    stdin=subprocess.DEVNULL,
                    process_group=0,
                )
            try:
                if _wait_for(child, port):
                    yield port
                    return
            finally:
                _end(child)
            said = log.read_text(errors="replace").strip()
        raise BrokerError(f"{program} did not start on a free port of {_HOST}: {said or 'it said nothing'}")


def _wait_for(child: subprocess.Popen[bytes], port: int) -> bool:
    """Whether the child came up; False if it ended or did not accept in time."""
    deadline = time.monotonic() + _START_S
    while child.poll() is None and time.monotonic() < deadline:
        if _accepts(port):
            # Another program may hold the port, in which case ours ends at once.
            return child.poll() is None
        time.sleep(0.01)
    return False


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _amqtt_server(port: int) -> Any:
    """An amqtt broker, not started. Raises ImportError."""
    from amqtt.broker import Broker as Amqtt
    from amqtt.contexts import BrokerConfig, ListenerConfig

    class Server(Amqtt):  # type: ignore[misc]  # amqtt has no types
        """amqtt with two of its habits mended."""

        async def _publish_retained_messages_for_subscription(
            self, subscription: tuple[str, int], session: Any
        ) -> None:
            # At a connection amqtt walks through everybody's filters and sends the newcomer what is retained there.
            subscribers = self._subscriptions.get(subscription[0], ())
            if any(subscriber is session for subscriber, _qos in subscribers):
                await super()._publish_retained_messages_for_subscription(subscription, session)

        async def stream_connected(
            self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
        ) -> None:
            try:
                await super().stream_connected(reader, writer, listener_name)
            finally:
                # Otherwise the sockets of clients it never finished with stay open until some later collection.
                writer.transport.abort()

    return Server(
        BrokerConfig(
            listeners={"default": ListenerConfig(bind=f"{_HOST}:{port}")},
            plugins={"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        )
    )


class _AmqttThread(threading.Thread):
    """amqtt on its own loop. `started` is set when it serves or has failed; then `error` tells which."""

    def __init__(self, port: int) -> None:
        super().__init__(name="amqtt", daemon=True)
        self.started = threading.Event()
        self.error: BaseException | None = None
        self._port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    def run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001 - handed to the thread that started us
            self.error = error
        finally:
            self.started.set()

    async def _serve(self) -> None:
        # It reports every connection and every client that left in a hurry.
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = _amqtt_server(self._port)
        await server.start()
        self.started.set()
        await self._stopping.wait()
        await server.shutdown()

    def end(self) -> None:
        if self._loop is not None and self._stopping is not None and self.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self.join(_STOP_S)


@contextmanager
def _amqtt() -> Iterator[int]:
    thread = None
    for _ in range(_ATTEMPTS):
        port = free_port()
        thread = _AmqttThread(port)
        thread.start()
        thread.started.wait(_START_S)
        # No trial connection here: amqtt never closes one that sends no CONNECT. It is bound when it says so.
        if thread.error is None and thread.is_alive():
            break
        thread.end()
        if isinstance(thread.error, ImportError):
            raise BrokerError(
                "neither mosquitto nor amqtt is installed: install one (apt install mosquitto, or the extra 'demo')"
            ) from thread.error
    else:
        raise BrokerError("amqtt did not start") from (thread.error if thread else None)
    try:
        yield port
    finally:
        thread.end()
