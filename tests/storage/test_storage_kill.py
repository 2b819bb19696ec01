"""Killed at any instant, the store has every row that an append returned for, and an intact chain.

SIGKILL leaves the operating system running, so this shows atomicity and recovery; that rows survive a loss of power
rests on `synchronous=FULL`, which `test_the_trail_is_synced_and_telemetry_is_not` holds.
"""

from __future__ import annotations

import os
import random
import select
import subprocess
import sys
from pathlib import Path

import pytest

from edge_balancer.storage.database import open_reader
from edge_balancer.storage.store import Store
from edge_balancer.storage.verify import verify
from tests.storage.storage_cases import NOW, settings

WRITER = Path(__file__).with_name("killed_writer.py")
ROOT = Path(__file__).parents[2]


def write_until_killed(path: Path, first: int, lines: int, grace_s: float) -> list[str]:
    """Run the writer until it has reported `lines` appends and `grace_s` more has passed; the heads it reported."""
    command = [sys.executable, str(WRITER), str(path), str(first)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        heads = [writer.stdout.readline().decode().strip() for _ in range(lines)]
        # Not a wait for something to happen: the instant of the kill, somewhere in the next appends.
        select.select([], [], [], grace_s)
        writer.kill()
        heads += writer.stdout.read().decode().split()
    assert writer.returncode == -9
    return [head for head in heads if head]


def kill_series(path: Path, times: int, seed: int) -> None:
    chance = random.Random(seed)
    heads: list[str] = []
    for _ in range(times):
        heads += write_until_killed(path, len(heads) * 2, chance.randint(1, 4), chance.uniform(0.0, 0.02))
        report = verify(path, heads[-1])
        assert report.findings == ()
        # The append that was under way may be there whole, or not at all.
        promised = int(heads[-1].split(":")[0])
        assert report.rows - promised in (0, 4)
    assert all(verify(path, head).intact for head in chance.sample(heads, 5))
    with Store.open(path, settings()) as store:
        assert store.restore(NOW).open_commands == []
    with open_reader(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_nothing_that_was_promised_is_lost_by_a_kill(tmp_path: Path) -> None:
    kill_series(tmp_path / "a.db", 8, seed=1)


@pytest.mark.slow
def test_nothing_that_was_promised_is_lost_by_many_kills(tmp_path: Path) -> None:
    kill_series(tmp_path / "a.db", 60, seed=2)


def test_the_trail_is_synced_and_telemetry_is_not(tmp_path: Path) -> None:
    with Store.open(tmp_path / "a.db", settings()) as store:
        assert store._trail.execute("PRAGMA synchronous").fetchone() == (2,)
        assert store._telemetry.execute("PRAGMA synchronous").fetchone() == (1,)
        assert store._trail.execute("PRAGMA journal_mode").fetchone() == ("wal",)
