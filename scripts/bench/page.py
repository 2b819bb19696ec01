"""What the page costs: 200 houses at 1 Hz on Mosquitto, `edge-balancer run`, five pages that follow live, one of them
in Chromium with the table of all houses. In turns with the pages and without them, so that both see the same machine:
from an MQTT reading to the event of the stream and to the cell of the table, the daemon's share of a core, and the time
from a reading that triggers a move to its command.

Publisher, pages and switches are this program: one clock measures both ends. Readings of a calm feeder differ by ten
watts, so that each is seen and none a reason to move; triggers are houses of 9 kW, as in `latency`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_balancer.demo.broker import broker
from scripts.bench import latency
from scripts.bench.common import daemon_process, machine, names, page_port, percentile, verdict, write_toml
from scripts.bench.page_browser import Browser

HOUSES = 200
PAGES = 5
"""One of them is a browser."""
STEP_W, STEPS = 10.0, 10
"""What the page's table can show of a difference, and after how many readings a house says the same again."""
LATENCY_TARGET_MS = 300.0
CORE_TARGET_PCT = 5.0
SLOWDOWN_TARGET = 1.25
"""Decision latency with pages over that without: what two runs of the same on a busy machine differ by anyway."""
HERTZ = os.sysconf("SC_CLK_TCK")


class Load(threading.Thread):
    """Every house's reading once a second, evenly spread, each other than the one before."""

    def __init__(self, wire: latency.Wire) -> None:
        super().__init__(daemon=True)
        self._wire = wire
        self.stop = threading.Event()
        self.sent: dict[str, tuple[float, float]] = {}
        """House -> its last reading in W, and when it was handed to the socket."""
        self.told: dict[str, list[tuple[float, float]]] = {}
        """House -> its readings in W, each with when it was handed over (Unix s)."""
        self.spared: set[str] = set()
        """Houses that speak for themselves at present."""

    def run(self) -> None:
        houses, number = names(HOUSES), 0
        began = time.perf_counter()
        while not self.stop.is_set():
            house = houses[number % HOUSES]
            watts = STEP_W * (1 + number // HOUSES % STEPS)
            if house not in self.spared:
                self.told.setdefault(house, []).append((watts, time.time()))
                at = self._wire.meter(house, watts)
                self.sent[house] = (watts, at)
            number += 1
            self.stop.wait(max(0.0, began + number / HOUSES - time.perf_counter()))


class Pages(threading.Thread):
    """The readers of the stream beside the browser; the first one understands what it hears."""

    def __init__(self, port: int, load: Load) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._load = load
        self._loop = asyncio.new_event_loop()
        self._leave = asyncio.Event()
        self.ready = threading.Event()
        self.took_ms: list[float] = []
        self.bytes = 0
        self._open = 0

    def run(self) -> None:
        self._loop.run_until_complete(self._all())
        self._loop.close()

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)
        self.join()

    async def _all(self) -> None:
        readers = [asyncio.create_task(self._follow(first=k == 0)) for k in range(PAGES - 1)]
        await self._leave.wait()
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)

    async def _follow(self, *, first: bool) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**22)
        writer.write(f"GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n\r\n".encode())
        await reader.readuntil(b"event: snapshot")
        self._open += 1
        if self._open == PAGES - 1:
            self.ready.set()
        try:
            while True:
                if first:
                    await self._houses(reader)
                else:
                    self.bytes += len(await reader.read(65_536))
        finally:
            writer.close()

    async def _houses(self, reader: asyncio.StreamReader) -> None:
        await reader.readuntil(b"event: houses\ndata: ")
        rows = json.loads(await reader.readuntil(b"\n"))["rows"]
        now = time.perf_counter()
        for house, changed in rows:
            watts, at = self._load.sent.get(house, (None, 0.0))
            if changed.get("p") == watts:
                self.took_ms.append((now - at) * 1000.0)


@dataclass(slots=True)
class Turn:
    """What was seen in all turns of one kind."""

    decisions_ms: list[float] = field(default_factory=list)
    cpu_s: float = 0.0
    wall_s: float = 0.0

    @property
    def core_pct(self) -> float:
        return 100.0 * self.cpu_s / self.wall_s


def shown_ms(seen: list[tuple[str, str, float]], load: Load) -> list[float]:
    """From each reading to its cell in the browser's table. What was on its way when the watching began, and what no
    reading of the last rounds said (a move's own reading), is left out."""
    found = []
    for house, text, at in seen:
        number = re.match(r"[\d.]+", text)
        watts = round(1000.0 * float(number[0])) if number else None
        said = [when for told, when in load.told.get(house, ()) if told == watts and 0.0 <= at - when < STEPS / 2]
        if said:
            found.append((at - said[-1]) * 1000.0)
    return found


def cpu_s(pid: int) -> float:
    """Processor time that the daemon has taken so far, s."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / HERTZ


def one_turn(
    turn: Turn, pid: int, feeder: latency.Feeder, chance: random.Random, seconds: float, triggers: int
) -> None:
    """A calm while, in which the processor's time is taken; then triggers."""
    began, before = time.perf_counter(), cpu_s(pid)
    time.sleep(seconds)
    turn.cpu_s += cpu_s(pid) - before
    turn.wall_s += time.perf_counter() - began
    for _ in range(triggers):
        turn.decisions_ms += feeder.trigger(chance)


class SparingFeeder(latency.Feeder):
    """Houses of a trigger say what it asks for, and nothing else."""

    def __init__(self, wire: latency.Wire, load: Load) -> None:
        super().__init__(wire)
        self._load = load

    def choose(self, chance: random.Random) -> list[str]:
        pair = super().choose(chance)
        self._load.spared = set(pair)
        return pair


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4, help="of both turns (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of calm in each turn (default: %(default)s)")
    parser.add_argument("--triggers", type=int, default=15, help="in each turn (default: %(default)s)")
    args = parser.parse_args()
    print(machine())
    chance = random.Random(1)
    latency.HOUSES = HOUSES
    with tempfile.TemporaryDirectory() as name, broker("mosquitto") as at:
        folder = Path(name)
        keys: dict[str, dict[str, Any]] = {
            "mqtt": {"host": at.host, "port": at.port, "base_topic": latency.BASE},
            "dashboard": {"port": 0},
            **latency.EAGER,
            "log": {"level": "info", "format": "json"},
        }
        config = write_toml(folder / "c.toml", HOUSES, **keys)
        wire = latency.Wire(at.host, at.port)
        load = Load(wire)
        feeder = SparingFeeder(wire, load)
        for house, phase in feeder.phase_of.items():
            wire.switch(house, {"phase": phase})
        alone, followed, took_ms, seen_ms, busy_pct = Turn(), Turn(), [], [], []
        with daemon_process(config, folder / "log") as pid:
            if not wire.up.wait(15.0):
                raise SystemExit("the daemon does not come up")
            load.start()
            port = page_port(folder / "log")
            time.sleep(3.0)
            for _ in range(args.rounds):
                one_turn(alone, pid, feeder, chance, args.seconds, args.triggers)
                pages = Pages(port, load)
                pages.start()
                if not pages.ready.wait(10.0):
                    raise SystemExit("the pages hear nothing")
                with Browser(port) as browser:
                    time.sleep(0.5)
                    pages.took_ms.clear()
                    one_turn(followed, pid, feeder, chance, args.seconds, args.triggers)
                    took_ms += pages.took_ms
                seen_ms += shown_ms(browser.seen, load)
                busy_pct.append(browser.busy_pct)
                pages.end()
            load.stop.set()
        wire.close()
    print(f"the browser's main thread, without graphics hardware: {statistics.mean(busy_pct):.0f} % busy")
    return report(alone, followed, took_ms, seen_ms)


def report(alone: Turn, followed: Turn, took_ms: list[float], seen_ms: list[float]) -> int:
    """Print the figures; 1 where a target is missed."""
    for what, found in (("event in a socket", took_ms), ("cell of the table in Chromium", seen_ms)):
        p50, p95 = statistics.median(found), percentile(found, 95)
        print(f"reading to {what}, {len(found)} readings: p50 {p50:.0f}, p95 {p95:.0f}, most {max(found):.0f} ms")
    extra = followed.core_pct - alone.core_pct
    for what, turn in (("nobody follows", alone), (f"{PAGES} pages follow", followed)):
        print(
            f"{what:15} {turn.core_pct:.1f} % of a core; reading to command, {len(turn.decisions_ms)} triggers: "
            f"p50 {statistics.median(turn.decisions_ms):.2f}, p95 {percentile(turn.decisions_ms, 95):.2f} ms"
        )
    slower = statistics.median(followed.decisions_ms) / statistics.median(alone.decisions_ms)
    missed = verdict("p95 from reading to event", percentile(took_ms, 95), LATENCY_TARGET_MS, "ms")
    missed |= verdict("p95 from reading to what the page shows", percentile(seen_ms, 95), LATENCY_TARGET_MS, "ms")
    missed |= verdict(f"what {PAGES} pages take of a core", extra, CORE_TARGET_PCT, "%")
    missed |= verdict("decision latency with pages over that without", slower, SLOWDOWN_TARGET, "times")
    return missed


if __name__ == "__main__":
    sys.exit(main())
