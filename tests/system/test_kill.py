"""Killed at random instants under load and restarted on the same store: no command leaves twice, none leaves without
its record, no answer of a switch is lost, and the trail stays whole.

SIGKILL leaves the operating system running, so this shows the order of things and recovery; that rows survive a loss of
power rests on the trail's `synchronous=FULL`, which the storage tests hold.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import sys
import time
from pathlib import Path

import pytest

from edge_balancer.demo.broker import Broker
from edge_balancer.types.events import EventKind
from tests.daemon.daemon_cases import sections
from tests.daemon.field import fresh_base
from tests.daemon.service import command, write_config
from tests.system.kill_rig import HOUSES, LOAD, Ledger, Observer, loaded_field, observing

ROOT = Path(__file__).parents[2]
LIFE_S = 3.0
"""Longest life of a daemon between its first command and its kill."""


async def start(config: Path, log: Path) -> asyncio.subprocess.Process:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with log.open("ab") as stream:
        return await asyncio.create_subprocess_exec(*command(config), stdout=stream, stderr=stream, env=environ)


async def await_instant(chance: random.Random, observer: Observer) -> str:
    """Wait for the instant of the kill: anywhere in a start, anywhere in a life, or just after a command has left."""
    kind = chance.choices(("start", "life", "command"), (2, 4, 4))[0]
    if kind == "start":
        await asyncio.sleep(chance.uniform(0.0, 1.5))
        return kind
    observer.command.clear()
    await asyncio.wait_for(observer.command.wait(), 60.0)
    if kind == "life":
        await asyncio.sleep(chance.uniform(0.0, LIFE_S))
        return kind
    await asyncio.sleep(chance.uniform(0.0, LIFE_S / 2))
    observer.command.clear()
    await asyncio.wait_for(observer.command.wait(), 60.0)
    # The record of the sending, the switch's answer and the record of the answer all fall into this time.
    await asyncio.sleep(chance.uniform(0.0, 0.15))
    return kind


async def kill_series(broker: Broker, folder: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    base, database = fresh_base(), folder / "eb.db"
    config = write_config(folder / "c.toml", sections(broker.port, base, database, **LOAD), houses=HOUSES)
    ledger = Ledger(database)
    instants: dict[str, int] = {}
    began = time.monotonic()
    async with observing(broker.port, base) as observer, loaded_field(broker.port, base, chance):
        for _ in range(kills):
            daemon = await start(config, folder / "log")
            try:
                kind = await await_instant(chance, observer)
                instants[kind] = instants.get(kind, 0) + 1
            finally:
                assert daemon.returncode is None, (folder / "log").read_text()[-2000:]
                daemon.kill()
                assert await daemon.wait() == -signal.SIGKILL
            await asyncio.sleep(0.05)  # what the broker had accepted is still on its way to the observer
            observer.check()
            ledger.check(observer)
        await _settle(config, folder / "log", observer, ledger)
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    print(  # noqa: T201 - the figures of a series, and the seed to repeat it
        f"\nseed {seed}: {kills} kills {instants} in {time.monotonic() - began:.0f} s; "
        f"{len(observer.commands)} commands on the wire, {len(observer.done)} done by their switches; trail of "
        f"{len(ledger.rows)} rows: {ledger.count(EventKind.PLANNED)} planned, "
        f"{ledger.count(EventKind.ACKNOWLEDGED)} acknowledged ({ledger.answered_after_a_restart()} only after a "
        f"restart), {ledger.count(EventKind.VERIFIED)} verified, {ledger.count(EventKind.FAILED)} failed, "
        f"{ledger.count(EventKind.TIMED_OUT)} timed out",
        file=sys.stderr,
    )
    assert len(observer.commands) >= kills, "no load to speak of"


async def _settle(config: Path, log: Path, observer: Observer, ledger: Ledger) -> None:
    """A last start: what the switches answered while the controller was dead must find its way into the trail."""
    answered = set(observer.done)
    observer.online.clear()
    daemon = await start(config, log)
    try:
        async with asyncio.timeout(60.0):
            # Before it is up, SIGTERM ends it as it ends any program.
            await observer.online.wait()
            while True:
                ledger.check(observer)
                if not answered & ledger.unanswered(observer):
                    break
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"answers that are not on record: {answered & ledger.unanswered(observer)}") from None
    finally:
        daemon.terminate()
        assert await daemon.wait() == 0
    await asyncio.sleep(0.05)
    observer.check()
    ledger.check(observer)


async def test_killed_at_random_instants_nothing_is_lost_and_nothing_sent_twice(broker: Broker, tmp_path: Path) -> None:
    await kill_series(broker, tmp_path, 6, seed=20251122)


@pytest.mark.slow
async def test_killed_at_fifty_random_instants_nothing_is_lost_and_nothing_sent_twice(
    broker: Broker, tmp_path: Path
) -> None:
    await kill_series(broker, tmp_path, 50, seed=random.SystemRandom().randrange(1 << 32))
