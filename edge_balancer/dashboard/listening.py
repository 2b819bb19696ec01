"""The sockets that the server listens on, and why they cannot be had. Nothing is served here."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from contextlib import suppress
from typing import Final

from edge_balancer.dashboard.access.connections import BoundedListener, Guests
from edge_balancer.dashboard.errors import CannotServe
from edge_balancer.settings.dashboard import DashboardSettings

BACKLOG: Final = 64
BESIDE_READERS: Final = 64
"""Connections besides those that follow live."""
SEND_BUFFER_BYTES: Final = 131_072
STUCK_MS: Final = 20_000
"""A peer that takes nothing for so long is cut off by the kernel: what waits for it would stay for ever."""


def most_connections(settings: DashboardSettings) -> int:
    """Of all kinds together, at one time."""
    return settings.clients + BESIDE_READERS


def listeners(settings: DashboardSettings) -> list[socket.socket]:
    """A listening socket for each address that the host's name stands for. Raises CannotServe."""
    guests = Guests(most_connections(settings))
    host, port = settings.host.strip("[]"), settings.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise CannotServe(f"dashboard.host = {host!r} is no address of this machine: {error}") from error
    sockets: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            # With port 0 the first address decides for all of them.
            chosen = sockets[0].getsockname()[1] if sockets else port
            sockets.append(_listen(guests, family, (str(address[0]), chosen)))
    except OSError as error:
        for opened in sockets:
            opened.close()
        raise CannotServe(_why(error, host, port)) from error
    return sockets


def _listen(guests: Guests, family: int, address: tuple[str, int]) -> socket.socket:
    listener = BoundedListener(guests, family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # `::` is meant for every network, the old one too.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address[0] != "::"))
        # Accepted connections inherit what follows. A second small answer on a connection must not wait for the
        # browser's word on the first (Nagle).
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Left alone the kernel would hold megabytes for each slow reader.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        with suppress(OSError, AttributeError):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STUCK_MS)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _why(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} of {host} is taken by another program: give dashboard.port another number"
        case errno.EACCES:
            return f"port {port} is reserved for the system: give dashboard.port a number from 1024 on"
        case errno.EADDRNOTAVAIL:
            return f"{host} is no address of this machine now: correct dashboard.host, or wait for the network"
        case _:
            return f"{host} port {port}: {os.strerror(error.errno or 0)}"


def url(settings: DashboardSettings, port: int) -> str:
    """Where a browser on this machine finds the page."""
    host = settings.host.strip("[]")
    if host in {"0.0.0.0", "::"}:  # noqa: S104 -- compared, not listened on
        host = socket.gethostname()
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if settings.tls else 'http'}://{shown}:{port}/"


def check_certificate(settings: DashboardSettings) -> None:
    """Raise CannotServe where certificate and key cannot be used."""
    if not settings.tls or settings.tls_certificate is None or settings.tls_key is None:
        return
    names = f"dashboard.tls_certificate = {settings.tls_certificate}, dashboard.tls_key = {settings.tls_key}"
    try:
        # An encrypted key would ask for its password on the terminal, and wait there for ever.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            settings.tls_certificate, settings.tls_key, password=lambda: ""
        )
    except OSError as error:
        why = error.strerror or str(error)
        raise CannotServe(
            f"{names}: {why}. Both must be PEM files that this program may read, belong together, and have no password"
        ) from error
