"""A thief with a stolen device's certificate floods the broker from another machine. Orders are answered, honest houses
are heard, nothing is moved and no memory fills; how long orders and readings take is printed (-s)."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any, Final

import pytest

from edge_balancer.types.events import EventKind
from tests.daemon.daemon_cases import recorded
from tests.pki.attacked_site import BASE, HOUSES, Elsewhere, Feeder, at_work, busy, elsewhere, figures

pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or shutil.which("ip") is None, reason="needs root and ip"),
]

__all__ = ["elsewhere"]

SEEN: Final = ("decision", "phases", "mode", "diagnostics", "alert/#", "switch/+/state")
"""Not the flood itself: whoever looks on must not drown in it."""
MOST_GROWTH_MB: Final = 24
MOST_BROKER_MB: Final = 200
AS_FAST_AS_POSSIBLE: Final = 10**9
FLOODS: Final = [
    ("meter:h01", "meter/h01", '{"p": 400, "v": 230.0}', 20_000, 40.0),
    ("meter:h01", "meter/h01", '{"p": 400, "v": 230.0}', AS_FAST_AS_POSSIBLE, 15.0),
    ("meter:h01", "meter/h01", '{"p": 400, "x": "%s"}' % ("x" * 30_000), AS_FAST_AS_POSSIBLE, 10.0),
    ("switch:h01", "switch/h01/state", '{"phase": "L1"}', 20_000, 15.0),
]


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"process {pid} has no memory")


async def measure(feeder: Feeder, who: str, during: asyncio.Task[Any] | None) -> str:
    """Orders and readings at the same time."""

    async def readings() -> list[float]:
        found: list[float] = []
        while len(found) < 25 or (during is not None and not during.done()):
            found.append(await asyncio.to_thread(feeder.read, "h02", 400.0 + len(found) % 9))
        return found

    orders, heard = await asyncio.gather(feeder.latencies(who, during=during), readings())
    read = figures(heard)
    return (
        f"order to decision p50 {orders[0]:.1f} ms, p99 {orders[1]:.1f} ms (n = {orders[2]}); "
        f"reading to the feeder's state p50 {read[0]:.0f} ms, p99 {read[1]:.0f} ms (n = {read[2]}, a tick is 200 ms)"
    )


@pytest.mark.parametrize(("user", "leaf", "text", "rate", "seconds"), FLOODS, ids=["20k", "all", "large", "switch"])
async def test_a_flood_delays_no_order_and_moves_nothing(
    elsewhere: Elsewhere, tmp_path: Path, user: str, leaf: str, text: str, rate: int, seconds: float
) -> None:
    filters = tuple(f"{BASE}/{one}" for one in SEEN if not leaf.startswith("switch") or one != "switch/+/state")
    async with at_work(tmp_path, elsewhere.host, hear=filters, speak=("h01", "h03"), stolen=user) as feeder:
        await asyncio.to_thread(feeder.read, "h02", 400.0)
        print(f"\nbefore ({busy()}): {await measure(feeder, 'before', None)}")  # noqa: T201
        feeder.said = feeder.lost = 0
        memory = resident_mb(feeder.daemon.pid)
        site, since = feeder.site, len(feeder.seen.messages)
        thief = {"ca": str(site.folder / "ca/ca.pem"), "papers": str(site.papers(user)), "port": site.devices_port}
        task = {"kind": "flood", "rate": rate, "seconds": seconds, "topics": [f"{BASE}/{leaf}"], "text": text}
        async with elsewhere.during(**task, **thief) as told:
            lasting = asyncio.create_task(asyncio.sleep(seconds - 2.0))
            measured = await measure(feeder, "during", lasting)
            state = busy()
        grown, broker = resident_mb(feeder.daemon.pid) - memory, resident_mb(feeder.broker)
        outcome = told["outcome"]
        print(  # noqa: T201
            f"{user}, {len(text)} bytes, {outcome['per_s']:.0f}/s, {outcome['sent']} in all ({state}): "
            f"{measured}; {feeder.lost} of {feeder.said} readings lost; "
            f"controller's memory {grown:+.1f} MB, broker's {broker:.0f} MB"
        )
        seen = feeder.seen.messages[since:]
        fresh = [json.loads(p)["houses_fresh"] for t, p in seen if t == f"{BASE}/phases"]
        assert len(fresh) > seconds
        if rate != AS_FAST_AS_POSSIBLE:  # beyond what anybody can read, the broker drops whoever's readings it likes
            assert set(fresh) == {len(HOUSES)}
            assert feeder.lost <= feeder.said // 4
        assert f"{BASE}/alert/message_flood/h01" in {topic for topic, _ in seen}
        assert grown < MOST_GROWTH_MB
        assert broker < MOST_BROKER_MB
        feeder.nothing_moved(0)
        # And a move that is asked for is made, right after it.
        await asyncio.to_thread(feeder.read, "h02", 500.0)
        await asyncio.to_thread(feeder.ask, "h02", "L3", "afterwards")
        await recorded(feeder.database, EventKind.ACKNOWLEDGED)
        feeder.nothing_moved(1)
