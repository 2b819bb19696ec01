"""Connections that say nothing, and too many of them: closed, and others are served."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from edge_balancer.dashboard.access import connections
from tests.dashboard_access.access_rig import WITHIN_S, Rig, rig


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=WITHIN_S)


def closed(connection: socket.socket) -> bool:
    """Whether the other side ends it; waits for that."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.fixture
def patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """A server that waits for a fifth of a second only."""
    monkeypatch.setattr(connections, "SILENCE_S", 0.2)
    with rig(tmp_path) as running:
        yield running


@pytest.mark.parametrize(
    "said",
    [b"", b"G", b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nG"],
    ids=["nothing", "a letter", "half a head", "one request and a letter"],
)
def test_who_says_nothing_more_is_not_waited_for(patient: Rig, said: bytes) -> None:
    with connect(patient.port) as connection:
        connection.sendall(said)
        answered = b""
        while chunk := _rest(connection):
            answered += chunk
        assert answered.startswith(b"HTTP/1.1 200") is said.endswith(b"\r\n\r\nG")


def _rest(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""


def test_a_long_answer_is_no_silence(patient: Rig) -> None:
    with connect(patient.port) as connection, connection.makefile("rb") as stream:
        connection.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        lines = [stream.readline() for _ in range(120)]  # twenty milliseconds a beat: far longer than the patience
        assert lines[-1]


def test_silence_counts_from_the_last_answer_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "SILENCE_S", 1.0)
    with rig(tmp_path) as running:
        for _ in range(10):
            if _talks_longer_than_a_second(running):
                return
    pytest.skip("this machine makes pauses of a second itself")


def _talks_longer_than_a_second(running: Rig) -> bool:
    """Whether it could be tried: with pauses that were all shorter than the server's patience."""
    connection = running.connection()
    try:
        began = last = time.monotonic()
        while time.monotonic() - began < 1.6:
            threading.Event().wait(0.2)
            if time.monotonic() - last > 0.7:
                return False
            connection.request("GET", "/")
            sent = connection.sock
            assert connection.getresponse().read()
            assert connection.sock is sent, "it was closed meanwhile"
            last = time.monotonic()
        return True
    finally:
        connection.close()


def test_one_too_many_is_closed_and_a_place_that_is_left_is_given_again(tmp_path: Path) -> None:
    with rig(tmp_path, most=4) as running, ExitStack() as stack:
        guests = [stack.enter_context(connect(running.port)) for _ in range(4)]
        with connect(running.port) as fifth:
            assert closed(fifth)
        assert running.guests.turned_away == 1
        guests[0].sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        while _rest(guests[0]):
            pass
        assert running.ask("GET", "/").status == 200


def test_one_address_cannot_take_all_places() -> None:
    guests = connections.Guests(1000)
    with ExitStack() as stack:
        opened = [stack.enter_context(socket.socket()) for _ in range(connections.MOST_OF_ONE * 2 + 3)]
        crowd = iter(opened)
        assert all(guests.admit(next(crowd), "192.168.1.66") for _ in range(connections.MOST_OF_ONE))
        assert not guests.admit(next(crowd), "192.168.1.66")
        assert guests.admit(next(crowd), "192.168.1.67")
        # This machine's own address may stand for a proxy's many guests.
        assert all(guests.admit(next(crowd), "127.0.0.1") for _ in range(connections.MOST_OF_ONE + 1))
        opened[0].close()
        assert guests.admit(opened[-1], "192.168.1.66") is True
