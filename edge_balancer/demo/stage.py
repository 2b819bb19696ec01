"""What a demo stands on: a broker, a folder, and Ctrl-C. Each is taken away, or left as it was found, at the end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from edge_balancer.demo.broker import broker
from edge_balancer.demo.configuration import FEEDER
from edge_balancer.demo.wire import forget
from edge_balancer.errors import EdgeBalancerError

DATABASE: Final = "demo.db"


class DemoError(EdgeBalancerError):
    """The demo cannot run as asked."""


@contextmanager
def address(existing: tuple[str, int] | None) -> Iterator[tuple[tuple[str, int], str, str]]:
    """Host and port, base topic, and name of the broker: the existing one, or one of its own."""
    if existing is None:
        with broker() as own:
            yield (own.host, own.port), f"phase-balance/{FEEDER}", own.name
        return
    # On somebody's broker, topics of our own: two demos must not move each other's houses.
    base = f"phase-balance/{FEEDER}-{uuid.uuid4().hex[:8]}"
    try:
        yield existing, base, f"{existing[0]}:{existing[1]}"
    finally:
        with contextlib.suppress(OSError):
            forget(existing, base)


@contextmanager
def folder(keep: Path | None) -> Iterator[Path]:
    """Where the database lies. Raises DemoError if an earlier demo's lies there: its switches stand elsewhere."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="edge-balancer-demo-") as name:
            yield Path(name)
        return
    keep.mkdir(parents=True, exist_ok=True)
    if (keep / DATABASE).exists():
        raise DemoError(f"{keep / DATABASE} is from an earlier demo: give another folder, or remove it")
    yield keep


@contextmanager
def signals(stop: asyncio.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM set `stop`. Outside the main thread they stay with whoever runs us."""
    loop = asyncio.get_running_loop()
    caught: list[signal.Signals] = []
    with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
            caught.append(number)
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)
