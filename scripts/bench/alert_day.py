"""A simulated day that would drive people mad: a neutral current that crosses its limit 2,000 times, three storms, a
meter that comes and goes. How many SMS does one contact get, is anything untold, is anything late?

Real conditions, the real book of alerts, the real telling and its real queue file, with the default settings; only the
network is a list. The program is killed and started anew every two hours, now and then while it sends.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from edge_balancer.alerts import conditions
from edge_balancer.alerts.channels.channel import Message, Outcome, Receipt, Received
from edge_balancer.alerts.lifecycle import AlertBook, Condition
from edge_balancer.alerts.telling.directory import Moment, ways_of
from edge_balancer.alerts.telling.state import CLOCK_ROW, RANK, Item, ItemKind, from_rows
from edge_balancer.alerts.telling.teller import Teller
from edge_balancer.alerts.texts import ENGLISH
from edge_balancer.messenger.clerk import Clerk
from edge_balancer.messenger.line import Done, Task, carry_out
from edge_balancer.messenger.queue_file import QueueFile
from edge_balancer.settings.contacts import ContactSettings, TellingSettings
from edge_balancer.settings.feeder import FeederSettings
from edge_balancer.settings.policy import AlertSettings
from edge_balancer.types.events import Alert
from edge_balancer.types.phases import Phase
from scripts.bench.common import machine, names, verdict

HOUSES: Final = names(55)
DAY_S: Final = 86_400.0
STEP_S: Final = 5.0
MIDNIGHT: Final = 1_763_769_600.0
KILL_EVERY_S: Final = 7200.0
MOST_SMS: Final = 10
FLAPPING: Final = 7
TOLD: Final = frozenset({ItemKind.BEGUN, ItemKind.RISEN, ItemKind.FLAPPING, ItemKind.MISSED})


@dataclass(slots=True)
class Phone:
    """The network: keeps what it was given, and can be asked whether it was."""

    name: str = "sms"
    taken: dict[str, Message] = field(default_factory=dict)
    doubled: int = 0
    loses_answer: bool = False
    """The program is killed after the message was taken and before it knows."""

    @property
    def counts(self) -> dict[str, int]:
        return {"sent": len(self.taken)}

    def send(self, message: Message) -> Receipt:
        self.doubled += message.id in self.taken
        self.taken[message.id] = message
        return Receipt(Outcome.SENT)

    def look(self, reference: str) -> Receipt | None:  # noqa: ARG002
        return None

    def find(self, message: Message, since_wall: float) -> Receipt | None:  # noqa: ARG002
        return Receipt(Outcome.SENT if message.id in self.taken else Outcome.REFUSED)

    def received(self) -> Sequence[Received]:
        return ()

    def close(self) -> None:
        pass


class Line:
    """The phone without a thread."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self._done: list[Done] = []

    @property
    def busy(self) -> bool:
        return bool(self._done)

    def begin(self, task: Task) -> None:
        self._done.append(Done(task, carry_out(self._phone, task)))

    def done(self) -> list[Done]:
        found, self._done = self._done, []
        return found

    def heard(self) -> list[Received]:
        return []


class Feeder:
    """The day: what the controller would see, second by second."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._settings = FeederSettings(transformer_kva=250.0)
        self._alerts = AlertSettings()
        self._limit_a = self._settings.neutral_limit_a
        self._above = False
        self.crossings = 0

    def conditions(self, t: float) -> list[Condition]:
        hour = t / 3600.0
        fresh = np.ones(len(HOUSES), dtype=bool)
        age = np.zeros(len(HOUSES))
        if 3.0 <= hour < 5.5:
            # The gateway dies in the night: all but two meters fall silent, and all silent ones are silent for an hour.
            fresh[2:], age[2:] = False, t - 3.0 * 3600.0
        if 7.0 <= hour < 16.0:
            # A meter that is heard for ten minutes after seventy without a word.
            into = (t - 7.0 * 3600.0) % 4800.0
            if into < 4200.0:
                fresh[FLAPPING], age[FLAPPING] = False, into
        found = [
            conditions.severe_imbalance(self._neutral_a(hour), self._settings, self._alerts),
            *conditions.stale_meters(HOUSES, fresh, age, self._alerts),
        ]
        if 13.0 <= hour < 13.8:
            # A fuse: a third of the houses is dark.
            dark = np.arange(len(HOUSES)) % 3 == Phase.L2
            found += conditions.supply_lost(HOUSES, np.arange(len(HOUSES)) % 3, ~dark, dark)
        if 17.0 <= hour < 19.0:
            # The radio of the switches: thirty lock out one after another, and switching is halted.
            for house in range(min(30, int((t - 17.0 * 3600.0) / 4.0))):
                found.append(conditions.switch_locked(HOUSES[house], "its switch gave no answer within 30 s"))
            if t - 17.0 * 3600.0 > 20.0:
                found += conditions.switching_halted("5 switches failed one after another")
        return found

    def locked_out(self, t: float) -> bool:
        return t < 19.0 * 3600.0

    def _neutral_a(self, hour: float) -> float:
        """Far below its limit, but for six hours in which it trembles around it; in the evening it is really above it
        for half an hour."""
        if 21.0 <= hour < 21.5:
            return 1.2 * self._limit_a
        near = 6.0 <= hour < 9.0 or 20.0 <= hour < 23.5
        value = self._limit_a * (0.99 + 0.06 * self._chance.gauss(0.0, 1.0) if near else 0.5)
        above = value > self._limit_a
        self.crossings += above is not self._above
        self._above = above
        return value


@dataclass(slots=True)
class Day:
    """What came of it."""

    levels: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    """Episode -> when it began to stand, and its rank; then each rise."""
    said: list[tuple[float, Item]] = field(default_factory=list)
    """What the network has taken, in that order."""
    ended: dict[str, float] = field(default_factory=dict)
    phone: Phone = field(default_factory=Phone)
    kills: int = 0


class Program:
    """The messenger, killed and started anew."""

    def __init__(self, folder: Path, day: Day, contact: ContactSettings) -> None:
        self._path = folder / "alerts.db"
        self._day = day
        self._ways = ways_of([contact])
        self.settings = AlertSettings().telling
        self._start()

    def _start(self) -> None:
        self._file = QueueFile(self._path)
        self._saved = self._file.load()
        self.teller = Teller(self.settings, self._ways, ENGLISH, "feeder-1", from_rows(self._saved))
        self._line = Line(self._day.phone)
        self._clerk = Clerk(self.teller, self._ways, {"sms": self._line}, self._keep, random.Random(1))

    def _keep(self, rows: Mapping[str, bytes]) -> bool:
        if {**rows, CLOCK_ROW: b""} != {**self._saved, CLOCK_ROW: b""}:
            changed = {name: row for name, row in rows.items() if self._saved.get(name) != row}
            self._file.save(changed, self._saved.keys() - rows.keys())
            self._saved = dict(rows)
        return True

    def kill(self) -> None:
        self._file.close()
        self._day.kills += 1
        self._start()

    def turn(self, t: float, standing: Sequence[Alert]) -> None:
        known = set(self._day.phone.taken)
        self._clerk.turn(Moment(t, MIDNIGHT + t), standing)
        for letter in self.teller.state.letters.values():
            if letter.id in self._day.phone.taken and letter.id not in known:
                self._day.said += [(t, item) for item in letter.items]

    def close(self) -> None:
        self._file.close()


def live(folder: Path, seed: int, show: bool) -> tuple[Day, int, Program]:
    day, feeder = Day(), Feeder(seed)
    contact = ContactSettings.model_validate(
        {"name": "anna", "ways": [{"channel": "sms", "to": "+4915112345678", "severity": "warning"}]}
    )
    program = Program(folder, day, contact)
    book = AlertBook(AlertSettings())
    # Long enough for all that the day has left to be told.
    steps = int((DAY_S + 12 * 3600.0) / STEP_S)
    for step in range(steps):
        t = step * STEP_S
        wall = MIDNIGHT + t
        book.observe(t, wall, feeder.conditions(t))
        if not feeder.locked_out(t):
            for alert in book.alerts:
                if alert.key.startswith(("switch_locked", "switching_halted")):
                    book.clear(alert.key)
        standing = book.alerts
        now = {f"{alert.key}@{alert.since!r}": alert for alert in standing}
        for name, alert in now.items():
            levels, rank = day.levels.setdefault(name, []), RANK[alert.severity]
            if not levels or rank > levels[-1][1]:
                levels.append((t, rank))
        for name in day.levels.keys() - now.keys():
            day.ended.setdefault(name, t)
        before = len(day.phone.taken)
        program.turn(t, standing)
        for message in list(day.phone.taken.values())[before:]:
            if show:
                print(f"  {time.strftime('%H:%M', time.gmtime(wall))}  {message.text}")
        # Killed right after a message was taken, before its result is on disk; and every two hours anyway.
        if len(day.phone.taken) > before or t % KILL_EVERY_S == 0.0:
            program.kill()
    return day, feeder.crossings, program


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the trembling current (default: 1)")
    parser.add_argument("--quiet", action="store_true", help="do not print the messages themselves")
    args = parser.parse_args()
    print(machine())
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        day, crossings, program = live(Path(folder), args.seed, not args.quiet)
        program.close()
    untold, margins = judge(day, program.settings)
    latest = max(margins, default=0.0)
    sms, doubled = len(day.phone.taken), day.phone.doubled + repeated(day)
    alerts = len({name.partition("@")[0] for name in day.levels})
    print(f"{crossings} crossings, {len(day.levels)} episodes of {alerts} alerts")
    print(f"{sms} SMS, {doubled} doubled, over {day.kills} kills; {time.monotonic() - began:.0f} s")
    print(f"untold: {sorted(untold) or 'none'}; latest at {100 * latest:.0f} % of its deadline")
    missed = verdict("threshold crossings", crossings, 2000, "", at_least=True)
    missed |= verdict("SMS in a day", sms, MOST_SMS, "")
    missed |= verdict("messages, and things said, twice", doubled, 0, "")
    missed |= verdict("real episodes untold", len(untold), 0, "")
    missed |= verdict("latest, of its deadline", 100 * latest, 100, "%")
    return missed


CAUSES: Final = {
    "meter_silent": ("stale_meters",),
    "switch_locked": ("switching_halted",),
    "stale_meters": ("supply_lost",),
}
"""What says nothing by itself while its cause was told and stands, or did so a quarter of an hour ago."""


def judge(day: Day, settings: TellingSettings) -> tuple[set[str], list[float]]:
    """Beginnings and rises that nobody heard of, and of the others what part of their deadline had passed."""
    untold: set[str] = set()
    margins: list[float] = []
    for name, levels in day.levels.items():
        for began, rank in levels:
            at = told_at(day, name, began, rank, settings.deadline_s(rank))
            if at is not None:
                margins.append((at - began) / settings.deadline_s(rank))
            elif not follows(day, name, began):
                untold.add(name)
    return untold, margins


def told_at(day: Day, name: str, began: float, rank: int, deadline_s: float) -> float | None:
    """When it was told; at once, where the last that was said of this alert is that it stands or flaps."""
    own = [t for t, item in day.said if item.episode == name and item.kind in TOLD and grave(item, rank) and t >= began]
    if own:
        return min(own)
    key = name.partition("@")[0]
    before = [item for t, item in day.said if item.key == key and t <= began + deadline_s]
    known = bool(before) and before[-1].kind in TOLD - {ItemKind.MISSED} and grave(before[-1], rank)
    return began if known else None


def grave(item: Item, rank: int) -> bool:
    return item.rank >= rank or item.kind is ItemKind.MISSED


def follows(day: Day, name: str, began: float) -> bool:
    """Whether a cause of it was told, and stood at or shortly before or after its beginning."""
    kind = name.partition("@")[0].partition("/")[0]
    return any(
        other.partition("@")[0].partition("/")[0] in CAUSES.get(kind, ())
        and any(item.episode == other for _, item in day.said)
        and levels[0][0] - 900.0 <= began <= day.ended.get(other, math.inf) + 900.0
        for other, levels in day.levels.items()
    )


def repeated(day: Day) -> int:
    """How often the same was said of the same alert in two messages."""
    said = Counter((item.kind, item.episode) for _, item in day.said if item.kind is not ItemKind.REMINDER)
    return sum(count - 1 for count in said.values())


if __name__ == "__main__":
    sys.exit(main())
