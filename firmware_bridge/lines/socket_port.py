"""Opens a line behind a network adapter that passes bytes through (`rtu+tcp://host:port`), and takes ports apart.

Such an adapter carries RTU frames as they are. Gateways that speak Modbus TCP are in `tcp`.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Final
from urllib.parse import urlsplit

from firmware_bridge.errors import BridgeError, LineDown
from firmware_bridge.lines.stream import Stream
from firmware_bridge.settings.devices import RTU_OVER_TCP, TCP, LineSettings

CONNECT_S: Final = 5.0
MODBUS_PORT: Final = 502
_PROBE_AFTER_S: Final = 10
_PROBE_EVERY_S: Final = 5
_PROBES: Final = 3
_UNANSWERED_MS: Final = 10_000


def address(settings: LineSettings) -> tuple[str, int]:
    """Host and port of `tcp://` and `rtu+tcp://`. Raises BridgeError where there are none."""
    wanted = f"tcp://host:{MODBUS_PORT}" if settings.port.startswith(TCP) else "rtu+tcp://host:port"
    wrong = f"line {settings.name}: port = {settings.port!r} is no address: write it like {wanted}"
    try:
        parts = urlsplit(settings.port)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BridgeError(wrong) from error
    if port is None and settings.port.startswith(TCP):
        port = MODBUS_PORT
    if not host or not port or parts.path.strip("/") or not settings.port.startswith((TCP, RTU_OVER_TCP)):
        raise BridgeError(wrong)
    return host, port


async def open_socket(settings: LineSettings) -> Stream:
    """Raises LineDown with what is wrong and what to do."""
    host, port = address(settings)
    loop = asyncio.get_running_loop()
    last: Exception | None = None
    try:
        async with asyncio.timeout(CONNECT_S):
            for family, kind, protocol, _, where in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                connection = socket.socket(family, kind, protocol)
                try:
                    connection.setblocking(False)
                    await loop.sock_connect(connection, where)
                    notice_death(connection)
                except OSError as error:
                    connection.close()
                    last = error
                    continue
                except BaseException:
                    connection.close()
                    raise
                return Stream(connection.fileno(), connection.close, paced=False)
    except TimeoutError as error:
        raise LineDown(unreachable(host, port, f"no answer within {CONNECT_S:g} s")) from error
    except (OSError, UnicodeError) as error:
        last = error
    raise LineDown(unreachable(host, port, str(last))) from last


def unreachable(host: str, port: int, reason: str) -> str:
    return f"{host}:{port} cannot be reached ({reason}): is the adapter powered, and are address and port right?"


def notice_death(connection: socket.socket) -> None:
    """Make the kernel notice a peer that vanished without a word, within half a minute at rest and ten seconds with
    something unacknowledged; and send each request at once."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", _PROBE_AFTER_S),
        ("TCP_KEEPINTVL", _PROBE_EVERY_S),
        ("TCP_KEEPCNT", _PROBES),
        ("TCP_USER_TIMEOUT", _UNANSWERED_MS),
    ):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
