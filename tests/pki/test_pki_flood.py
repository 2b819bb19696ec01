"""A thief with a stolen device's certificate floods the broker from another machine. Orders are answered, honest houses
are heard, nothing is moved, and neither memory nor store fills; how long orders and readings take is printed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from edge_balancer.storage.database import open_reader
from edge_balancer.types.events import EventKind
from tests.daemon.daemon_cases import recorded
from tests.pki.attacked_site import BASE, HOUSES, MOST_P99_MS, Elsewhere, Feeder, at_work, busy, elsewhere, figures

pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or shutil.which("ip") is None, reason="needs root and ip"),
]

__all__ = ["elsewhere"]

SEEN: Final = ("decision", "phases", "mode", "diagnostics", "alert/message_flood", "alert/message_flood/+")
"""Not the flood itself: whoever looks on must not drown in it."""
MOST_GROWTH_MB: Final = 24
MOST_BROKER_MB: Final = 200
MOST_STORED_BYTES: Final = 1_000_000
AS_FAST_AS_POSSIBLE: Final = 10**9
SIGNED: Final = '"operator": "thief"}'


@dataclass(frozen=True)
class Flood:
    """`texts` in turn on one topic."""

    user: str
    leaf: str
    texts: tuple[str, ...]
    rate: int = 20_000
    seconds: float = 12.0
    qos: int = 1
    house: str = ""
    """Whose alert it is."""

    @property
    def order(self) -> bool:
        """Whether it comes where people speak."""
        return not self.house


READING: Final = '{"p": 400, "v": 230.0}'
LARGE: Final = '{"p": 400, "x": "%s"}' % ("x" * 30_000)
FLOODS: Final = {
    "20k": Flood("meter:h01", "meter/h01", (READING,), seconds=40.0, qos=0, house="h01"),
    "all": Flood("meter:h01", "meter/h01", (READING,), AS_FAST_AS_POSSIBLE, 15.0, qos=0, house="h01"),
    "large": Flood("meter:h01", "meter/h01", (LARGE,), AS_FAST_AS_POSSIBLE, 10.0, qos=0, house="h01"),
    "switch": Flood("switch:h01", "switch/h01/state", ('{"phase": "L1"}',), seconds=15.0, house="h01"),
    "position": Flood("switch:h01", "switch/h01/state", ('{"phase": "L1"}', '{"phase": "L3"}'), house="h01"),
    "there": Flood("switch:h01", "switch/h01/availability", ("online", "offline"), house="h01"),
    "mode": Flood("home:ha", "mode/set", ("rubbish",)),
    "modes": Flood("home:ha", "mode/set", ("auto", "auto", "rubbish")),
    "request": Flood("operator:anna", "switch/h01/request", ('{"phase": "L1", ' + SIGNED,)),
    "clear": Flood("operator:anna", "switch/h01/clear", ("{" + SIGNED, "rubbish")),
    "ack": Flood("operator:anna", "alert/x/ack", ("{" + SIGNED,)),
    "silence": Flood("operator:anna", "silence/set", ('{"keys": "*", "minutes": 5, ' + SIGNED,)),
    "requests": Flood("operator:anna", "switch/h01/request", ('{"phase": "L1", ' + SIGNED,), AS_FAST_AS_POSSIBLE),
}


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"process {pid} has no memory")


async def measure(feeder: Feeder, who: str, during: asyncio.Task[Any] | None) -> tuple[str, float]:
    """Orders and readings at the same time; the orders' 99th percentile too, in ms."""

    asking = asyncio.create_task(feeder.latencies(who, during=during))
    heard: list[float] = []
    while not asking.done():
        heard.append(await asyncio.to_thread(feeder.read, "h02", 400.0 + len(heard) % 9))
    orders, read = await asking, figures(heard)
    text = (
        f"order to decision p50 {orders[0]:.1f} ms, p99 {orders[1]:.1f} ms (n = {orders[2]}); "
        f"reading to the feeder's state p50 {read[0]:.0f} ms, p99 {read[1]:.0f} ms (n = {read[2]}, a tick is 200 ms)"
    )
    return text, orders[1]


def stored_bytes(database: Path) -> int:
    with open_reader(database) as connection:
        pages, size = (connection.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "page_size"))
        return int(pages * size)


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
async def test_a_flood_delays_no_order_and_moves_nothing(
    elsewhere: Elsewhere, tmp_path: Path, capsys: pytest.CaptureFixture[str], flood: Flood
) -> None:
    hear = tuple(f"{BASE}/{one}" for one in SEEN)
    async with at_work(tmp_path, elsewhere.host, hear=hear, speak=("h01", "h03"), stolen=flood.user) as feeder:
        await asyncio.to_thread(feeder.read, "h02", 400.0)
        before, _ = await measure(feeder, "before", None)
        with capsys.disabled():
            print(f"\nbefore ({busy()}): {before}")  # noqa: T201
        feeder.said = feeder.lost = feeder.repeated = 0
        memory, stored = resident_mb(feeder.daemon.pid), stored_bytes(feeder.database)
        site, since = feeder.site, len(feeder.seen.messages)
        thief = {
            "ca": str(site.folder / "ca/ca.pem"),
            "papers": str(site.papers(flood.user)),
            "port": site.devices_port,
        }
        task = {"kind": "flood", "rate": flood.rate, "seconds": flood.seconds, "qos": flood.qos, "texts": flood.texts}
        async with elsewhere.during(**task, topics=[f"{BASE}/{flood.leaf}"], **thief) as told:
            lasting = asyncio.create_task(asyncio.sleep(flood.seconds - 2.0))
            measured, p99_ms = await measure(feeder, "during", lasting)
            state = busy()
        grown, broker = resident_mb(feeder.daemon.pid) - memory, resident_mb(feeder.broker)
        outcome = told["outcome"]
        with capsys.disabled():
            print(  # noqa: T201
                f"{flood.user} on {flood.leaf} at QoS {flood.qos}, {len(flood.texts[0])} bytes, "
                f"{outcome['per_s']:.0f}/s, {outcome['sent']} in all ({state}): {measured}; "
                f"{feeder.lost} of {feeder.said} readings lost, {feeder.repeated} orders given again; "
                f"controller's memory {grown:+.1f} MB, broker's {broker:.0f} MB, "
                f"the store {(stored_bytes(feeder.database) - stored) / 1e6:+.2f} MB"
            )
        seen = feeder.seen.messages[since:]
        fresh = [json.loads(p)["houses_fresh"] for t, p in seen if t == f"{BASE}/phases"]
        if not (flood.order and flood.rate == AS_FAST_AS_POSSIBLE):  # then it drops orders too
            assert p99_ms < MOST_P99_MS
            assert feeder.repeated == 0
        assert len(fresh) > flood.seconds
        if flood.rate != AS_FAST_AS_POSSIBLE:  # beyond what anybody can read, the broker drops what it likes
            assert set(fresh) == {len(HOUSES)}
            assert feeder.lost <= feeder.said // 4
        alert = f"{BASE}/alert/message_flood{flood.house and '/'}{flood.house}"
        assert alert in {topic for topic, _ in seen}
        assert grown < MOST_GROWTH_MB
        assert broker < MOST_BROKER_MB
        assert stored_bytes(feeder.database) - stored < MOST_STORED_BYTES
        feeder.nothing_moved(0)
        # And a move that is asked for is made, right after it.
        await asyncio.to_thread(feeder.read, "h02", 500.0)
        await asyncio.to_thread(feeder.ask, "h02", "L3", "afterwards")
        await recorded(feeder.database, EventKind.ACKNOWLEDGED)
        feeder.nothing_moved(1)
