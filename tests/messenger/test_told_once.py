"""Nothing told twice, nothing untold: alerts that come and go, a channel that fails, kills at every point, over a real
queue file."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Final

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge_balancer.alerts.channels.channel import Outcome, Receipt
from edge_balancer.alerts.telling.state import Item, ItemKind, Status
from edge_balancer.types.events import Alert, AlertState, Severity
from tests.messenger.mailroom import MEMORY, Killed, Mailroom, contact

KEYS: Final = ("storage", "switch_locked/h1", "switch_locked/h2", "voltage_high/L1", "stale_meters", "meter_silent/h1")
CAP: Final = 2
HOUR: Final = 3600.0
POINTS: Final = ("before", "after", "send", "sent")
"""Where the program is killed."""
BEGINNINGS: Final = {ItemKind.BEGUN, ItemKind.RISEN, ItemKind.FLAPPING, ItemKind.MISSED}


class People(RuleBasedStateMachine):
    """The world around one contact. What the channel took is the truth of what was told."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="told-", dir=MEMORY if MEMORY.is_dir() else None))

    @initialize(can_tell=st.booleans())
    def start(self, can_tell: bool) -> None:
        self.room = Mailroom(self.folder, [contact(max_per_hour=CAP)], remind_s=0)
        self.room.channel.can_tell = can_tell
        self.begun: dict[str, int] = {}
        """Episode that stands -> turns that had been survived when it began."""
        self.seen: set[str] = set()
        """Episodes that stood for some turns in which the program was not killed: nobody can tell of others."""
        self.survived = 0
        self.sent_at: list[float] = []

    def teardown(self) -> None:
        if hasattr(self, "room"):
            self.settle_down()
            self.room.close()
        shutil.rmtree(self.folder)

    def live(self, seconds: float, step_s: float = 20.0) -> None:
        """Let time pass, through kills: whoever is killed starts anew."""
        room, until = self.room, self.room.wall + seconds
        while room.wall < until:
            step = min(step_s, until - room.wall)
            room.now += step
            room.wall += step
            self.turn()

    def turn(self) -> None:
        before = len(self.room.channel.taken())
        try:
            self.room.turn()
            self.survived += 1
            self.seen |= {name for name, since in self.begun.items() if self.survived - since >= 2}
        except Killed:
            self.room.restart(1.0)
        self.sent_at += [self.room.wall] * (len(self.room.channel.taken()) - before)

    @rule(key=st.sampled_from(KEYS), severity=st.sampled_from((Severity.WARNING, Severity.CRITICAL)))
    def begins_or_ends(self, key: str, severity: Severity) -> None:
        room = self.room
        room.wall += 0.25
        room.now += 0.25
        if key in room.alerts:
            self.begun.pop(f"{key}@{room.alerts.pop(key).since!r}")
        else:
            self.let_begin(key, severity)
        self.turn()

    def let_begin(self, key: str, severity: Severity) -> None:
        wall = self.room.wall
        self.room.alerts[key] = Alert(key, severity, AlertState.ACTIVE, wall, f"{key} is wrong. Look. Mend.")
        self.begun[f"{key}@{wall!r}"] = self.survived

    @rule(key=st.sampled_from(KEYS))
    def rises(self, key: str) -> None:
        standing = self.room.alerts.get(key)
        if standing is not None:
            self.room.alerts[key] = msgspec.structs.replace(standing, severity=Severity.CRITICAL)
            self.turn()

    @rule(seconds=st.sampled_from((60.0, 400.0, 2000.0)), point=st.sampled_from(("", *POINTS)))
    def time_passes(self, seconds: float, point: str) -> None:
        """Perhaps killed once: at the next save, before or after it; at the next send, before or after the channel
        took it."""
        room = self.room
        if point == "send":
            room.channel.die_before = True
        elif point == "sent":
            room.channel.die_after = True
        elif point:
            room.die_at_save = point
        self.live(seconds)

    @rule(down=st.booleans())
    def channel_goes_or_comes(self, down: bool) -> None:
        self.room.channel.down = down

    @rule(down_s=st.sampled_from((0.0, 60.0, 5000.0)))
    def is_killed_now(self, down_s: float) -> None:
        self.room.restart(down_s)

    @precondition(lambda self: not self.room.channel.answers)
    @rule()
    def fails_once(self) -> None:
        self.room.channel.answers.append(Receipt(Outcome.RETRY, detail="503"))

    @invariant()
    def no_message_is_taken_twice(self) -> None:
        if not hasattr(self, "room"):
            return
        taken = Counter(message["id"] for message in self.room.channel.taken())
        again = {name for name, count in taken.items() if count > 1}
        if self.room.channel.can_tell:
            assert not again
        texts = [m["text"] for m in self.room.channel.taken() if m["id"] in again]
        # A channel that cannot tell: once more at most, marked, and only what is critical.
        assert all(count <= 2 for count in taken.values())
        assert sum(text.startswith("Perhaps told before:") for text in texts) == len(again)
        assert all("CRITICAL" in text for text in texts)

    @invariant()
    def no_hour_has_more_than_the_cap(self) -> None:
        if not hasattr(self, "room"):
            return
        for first, when in enumerate(self.sent_at):
            assert sum(when <= other < when + HOUR - 25.0 for other in self.sent_at[first:]) <= CAP

    def settle_down(self) -> None:
        """The channel is back, all is over or stands, and time passes: then everything has been told, once."""
        room = self.room
        room.die_at_save = ""
        room.channel.die_before = room.channel.die_after = room.channel.down = False
        room.channel.answers.clear()
        self.live(5 * HOUR, 60.0)
        room.wall += 0.25
        # What is a line in what is told next needs something that is told next.
        self.let_begin("broker_lost", Severity.CRITICAL)
        self.live(3 * HOUR, 60.0)
        self.no_message_is_taken_twice()
        self.no_hour_has_more_than_the_cap()
        state = room.clerk.teller.state
        assert not list(state.open_letters())
        taken = {message["id"] for message in room.channel.taken()}
        lost = {name for name, letter in state.letters.items() if letter.status is Status.UNKNOWN}
        # Of what the channel cannot tell the people may have heard.
        said = [item for name, items in room.items.items() if name in taken | lost for item in items]
        self.everything_was_told(said)
        self.ends_are_of_what_was_told(said)
        self.nothing_was_said_twice([item for name, items in room.items.items() if name in taken for item in items])

    def everything_was_told(self, items: list[Item]) -> None:
        told = {item.episode for item in items if item.kind in BEGINNINGS}
        flapped = {item.key for item in items if item.kind is ItemKind.FLAPPING}
        over = {item.episode for item in items if item.kind is ItemKind.OVER}
        untold = {name for name in self.seen - told if name.partition("@")[0] not in flapped}
        # A silent meter follows from many silent meters, and says nothing then.
        untold = {name for name in untold if not name.startswith("meter_silent")}
        assert not {name for name in untold if not stands_for_readers(name, told, over)}

    def ends_are_of_what_was_told(self, items: list[Item]) -> None:
        told = {item.episode for item in items if item.kind in BEGINNINGS}
        over = {item.episode for item in items if item.kind is ItemKind.OVER}
        assert not {name for name in over - told if not stands_for_readers(name, told, over)}

    def nothing_was_said_twice(self, items: list[Item]) -> None:
        said = Counter((item.kind, item.episode) for item in items)
        assert not [what for what, count in said.items() if count > 1 and what[0] is not ItemKind.CALMED]
        for kind, episode in said:
            if kind is ItemKind.MISSED:
                assert not said[ItemKind.BEGUN, episode]


def stands_for_readers(name: str, told: Collection[str], over: Collection[str]) -> bool:
    """Whether an alert with the same key was told before, and no end of it: then this one is no news."""
    key, since = parts(name)
    begun = [at for other, at in map(parts, told) if other == key and at < since]
    return bool(begun) and not any(other == key and max(begun) <= at < since for other, at in map(parts, over))


def parts(name: str) -> tuple[str, float]:
    key, _, since = name.partition("@")
    return key, float(since)


TestPeople = People.TestCase
TestPeople.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
