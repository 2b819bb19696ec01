"""Joins the sockets of paho's clients to the event loop: who may read, who wants to write.

paho calls back from wherever it is: while it connects that is another thread, which may outlive the loop.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import paho.mqtt.client as mqtt

_log = logging.getLogger(__name__)


class SocketWatch:
    """`is_ours` tells whether a client is still the one in use; `read(client, socket)` is called where there is
    something to read."""

    def __init__(self, is_ours: Callable[[mqtt.Client], bool], read: Callable[[mqtt.Client, Any], None]) -> None:
        self._is_ours = is_ours
        self._read = read
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

    def begin(self) -> None:
        """From now on, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def join(self, client: mqtt.Client) -> None:
        """Watch the sockets of a new client."""
        client.on_socket_open = self._opened
        client.on_socket_close = self._closed
        client.on_socket_register_write = self._wants_to_write
        client.on_socket_unregister_write = self._has_written

    def forget(self, sock: Any) -> None:
        """A socket that is closed now."""
        if sock.fileno() < 0:
            return

        def forget(loop: asyncio.AbstractEventLoop) -> None:
            loop.remove_reader(sock)
            loop.remove_writer(sock)

        self._on_loop(forget)

    def _opened(self, client: mqtt.Client, _userdata: Any, sock: Any) -> None:
        # A command or an answer must not wait for Nagle's algorithm.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def watch(loop: asyncio.AbstractEventLoop) -> None:
            if self._is_ours(client):
                loop.add_reader(sock, self._read, client, sock)

        self._on_loop(watch)

    def _closed(self, _client: mqtt.Client, _userdata: Any, sock: Any) -> None:
        self.forget(sock)

    def _wants_to_write(self, client: mqtt.Client, _userdata: Any, sock: Any) -> None:
        def watch(loop: asyncio.AbstractEventLoop) -> None:
            if self._is_ours(client):
                loop.add_writer(sock, client.loop_write)

        self._on_loop(watch)

    def _has_written(self, _client: mqtt.Client, _userdata: Any, sock: Any) -> None:
        if sock.fileno() >= 0:
            self._on_loop(lambda loop: loop.remove_writer(sock))

    def _on_loop(self, action: Callable[[asyncio.AbstractEventLoop], object]) -> None:
        loop = self._loop
        if loop is None:
            return
        if threading.get_ident() == self._thread:
            action(loop)
            return
        with suppress(RuntimeError):  # the loop is closed: the program ends
            loop.call_soon_threadsafe(_try, action, loop)


def _try(action: Callable[[asyncio.AbstractEventLoop], object], loop: asyncio.AbstractEventLoop) -> None:
    """The socket may have been closed before its turn came."""
    try:
        action(loop)
    except (ValueError, OSError, KeyError):
        _log.debug("socket gone before it was watched")
