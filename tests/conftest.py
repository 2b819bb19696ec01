"""Fixtures that every part's tests share. What only one part needs stands beside its tests."""

from __future__ import annotations

import gc
import logging
import os
import socket
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.required_programs import complaint, missing

if TYPE_CHECKING:
    from edge_balancer.demo.broker import Broker

# As the program itself does, before numpy is loaded: two threads that wait for one another on a busy machine make a
# small matrix product take ten times as long.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_configure() -> None:
    """Nothing that somebody relies on may be skipped in silence."""
    if names := missing(os.environ):
        raise pytest.UsageError(complaint(names))


@pytest.fixture(autouse=True)
def logging_stays_as_it_was() -> Iterator[None]:
    """A test that sets logging up, as a program does, must not silence those that come after it."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    for handler in [h for h in root.handlers if h not in handlers and not type(h).__module__.startswith("_pytest")]:
        root.removeHandler(handler)


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """A real broker on a free loopback port (Mosquitto where installed, else amqtt), one for the whole run.

    Shared, so each test takes a base topic and client ids of its own.
    """
    # Imported here: a run that needs no broker must not pay for one.
    from edge_balancer.demo.broker import broker as start

    with start() as running:
        yield running
    if running.name == "amqtt":
        # It forgets sockets whose client left in a hurry; collected here, its leak fails no test of ours.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


@pytest.fixture
def free_port() -> int:
    """A loopback port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
