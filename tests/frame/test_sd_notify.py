"""What systemd hears, over a real datagram socket."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firmware_bridge.host.sd_notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def heard(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """A listening socket and its name as systemd would put it into the environment."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@edge-balancer-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name.replace("@", "\0"))
        listener.settimeout(2)
        yield name, listener


@pytest.mark.parametrize(
    ("say", "expected"),
    [
        (lambda n: n.ready(), b"READY=1"),
        (lambda n: n.ready("55 houses"), b"READY=1\nSTATUS=55 houses"),
        (lambda n: n.status("auto,\nREADY=1"), b"STATUS=auto, READY=1"),
        (lambda n: n.watchdog(), b"WATCHDOG=1"),
        (lambda n: n.stopping("SIGTERM"), b"STOPPING=1\nSTATUS=SIGTERM"),
    ],
)
def test_each_message_is_heard_as_one_datagram(
    heard: tuple[str, socket.socket], say: Callable[[Notifier], bool], expected: bytes
) -> None:
    name, listener = heard
    assert say(Notifier({"NOTIFY_SOCKET": name}))
    assert listener.recv(1024) == expected


def test_a_reload_carries_the_monotonic_instant_that_systemd_asks_for(heard: tuple[str, socket.socket]) -> None:
    name, listener = heard
    assert Notifier({"NOTIFY_SOCKET": name}).reloading()
    first, stamp = listener.recv(1024).decode().split("\n")
    assert first == "RELOADING=1"
    key, microseconds = stamp.split("=")
    assert key == "MONOTONIC_USEC"
    assert abs(int(microseconds) / 1e6 - time.monotonic()) < 5


@pytest.mark.parametrize(
    "address", ["", "vsock:2:1234", "relative", "/" + "x" * 200], ids=["none", "vsock", "relative", "too long"]
)
def test_without_a_usable_socket_nothing_happens(address: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"} if address else {})
    assert not notifier.ready()
    assert not notifier.watchdog()
    assert notifier.watchdog_s is None


def test_a_socket_that_is_gone_is_no_error(tmp_path: Path) -> None:
    assert not Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()


def test_a_full_socket_does_not_hang_the_caller(heard: tuple[str, socket.socket]) -> None:
    name, _ = heard
    notifier = Notifier({"NOTIFY_SOCKET": name})
    begun = time.monotonic()
    for _message in range(10_000):
        if not notifier.watchdog():
            break
    else:
        pytest.fail("the socket never filled")
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "me"}, None),
    ],
)
def test_the_watchdogs_time_is_the_one_systemd_names_for_this_process(
    environ: dict[str, str], expected: float | None
) -> None:
    assert Notifier({"NOTIFY_SOCKET": "/run/systemd/notify", **environ}).watchdog_s == expected
