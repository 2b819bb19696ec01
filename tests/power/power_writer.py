"""A program for `test_power_cuts.py`: writes all that the product keeps until its machine goes away, and tells what it
was promised.

    power_writer.py FOLDER ROUND SEED [SYNCHRONOUS]

In FOLDER: the store (trail, telemetry, what was learned, thinning), the messenger's queue, the memory of the phase
switches. After each write that is promised to last it prints a line: what, which, and its number. SYNCHRONOUS puts the
trail on another of SQLite's settings than its own: the test must notice.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path
from typing import Final

from edge_balancer.messenger.queue_file import QueueFile
from edge_balancer.settings.services import StorageSettings
from edge_balancer.storage.store import Store
from firmware_bridge.switches.interlock_types import Memory
from firmware_bridge.switches.memory import SwitchMemory
from tests.storage.storage_cases import NOW, decision, feeder_minute, life, minute

HOUSES: Final = 55
ROUND_S: Final = 100_000
"""Feeder's time between two rounds: their minutes do not meet."""


def store_path(folder: Path) -> Path:
    return folder / "edge-balancer.db"


def queue_path(folder: Path) -> Path:
    return folder / "edge-balancer-alerts.db"


def memory_path(folder: Path) -> Path:
    return folder / "bridge.db"


def promised(what: str, which: str, number: int) -> None:
    os.write(1, f"{what} {which} {number}\n".encode())


class Writer:
    """One machine's life between two cuts."""

    def __init__(self, store: Store, queue: QueueFile, memory: SwitchMemory, at: int, chance: random.Random) -> None:
        self._store = store
        self._queue = queue
        self._memory = memory
        self._chance = chance
        self._at = at
        self._numbers = {row: int.from_bytes(value[:8], "big") for row, value in queue.load().items()}
        self._moves = {}
        for house in (f"h{number}" for number in range(HOUSES)):
            kept = memory.load(house, wall=NOW, monotonic=0.0)
            self._moves[house] = -1 if kept is None else kept.memory.seq

    def run(self) -> None:
        tasks = (self.trail, self.telemetry, self.queue, self.memory, self.learned)
        while True:
            self._at += 60
            self._chance.choices(tasks, (8, 3, 3, 3, 1))[0]()

    def trail(self) -> None:
        number = self._at
        events = [decision(f"d{number}", "why " * self._chance.randrange(200), number)]
        events += life(f"c{number}", f"h{number % HOUSES}", number, number)
        self._store.append(events[: self._chance.randrange(1, 6)])
        head = self._store.head()
        promised("trail", head.hash, head.seq)

    def telemetry(self) -> None:
        at = int(NOW) // 60 * 60 + self._at
        self._store.write_minutes([minute(at, f"h{house}") for house in range(HOUSES)], [feeder_minute(at)])
        if self._chance.random() < 0.2:
            self._store.thin(at + 2 * 86_400)

    def learned(self) -> None:
        self._store.save_state("learned", {"what": self._chance.randbytes(30_000).hex()})

    def queue(self) -> None:
        name = f"row{self._chance.randrange(30)}"
        number = self._numbers.get(name, 0) + 1
        gone = [f"gone{number}"] if self._chance.random() < 0.3 else []
        self._queue.save({name: number.to_bytes(8, "big") + bytes(self._chance.randrange(2000))}, gone)
        self._numbers[name] = number
        promised("queue", name, number)

    def memory(self) -> None:
        house = f"h{self._chance.randrange(HOUSES)}"
        number = self._moves[house] + 1
        kept = Memory(seq=number, operations=number, ages_s=tuple(float(age) for age in range(10)))
        self._memory.save(house, kept, wall=NOW + self._at, monotonic=float(self._at))
        self._moves[house] = number
        promised("memory", house, number)


def main() -> None:
    folder, at = Path(sys.argv[1]), int(sys.argv[2]) * ROUND_S
    chance = random.Random(int(sys.argv[3]))
    with Store.open(store_path(folder), StorageSettings(minute_days=1)) as store:
        if len(sys.argv) > 4:
            store._trail.execute(f"PRAGMA synchronous = {sys.argv[4]}")
        Writer(store, QueueFile(queue_path(folder)), SwitchMemory(memory_path(folder)), at, chance).run()


if __name__ == "__main__":
    main()
