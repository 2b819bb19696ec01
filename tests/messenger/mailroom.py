"""A clerk with a real queue file, a channel whose service keeps what it took, and people who read. No test itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from edge_balancer.alerts.channels.channel import Message, Outcome, Receipt, Received
from edge_balancer.alerts.telling.directory import Moment, ways_of
from edge_balancer.alerts.telling.state import CLOCK_ROW, Item, from_rows
from edge_balancer.alerts.telling.teller import Teller
from edge_balancer.alerts.texts import ENGLISH
from edge_balancer.messenger.clerk import Clerk
from edge_balancer.messenger.line import Done, Task, carry_out
from edge_balancer.messenger.queue_file import QueueFile
from edge_balancer.settings.contacts import ContactSettings, TellingSettings
from edge_balancer.types.events import Alert, AlertState, Severity
from edge_balancer.types.switching import AlertAck

WALL: Final = 1_763_812_800.0
"""2025-11-22T12:00:00Z, a Saturday at noon."""
SMS: Final = "+4915112345678"
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - folders of their own are made in it


class Killed(BaseException):
    """The program ends here."""


@dataclass(slots=True)
class Service:
    """A channel and the service behind it, which keeps what it took: kills of the program do not reach it."""

    name: str = "sms"
    answers: list[Receipt] = field(default_factory=list)
    """What it answers next instead of taking the message; then it takes them again."""
    can_tell: bool = True
    """Whether it can be asked if a message went out."""
    down: bool = False
    inbox: list[Received] = field(default_factory=list)
    delivery: Receipt | None = None
    die_before: bool = False
    die_after: bool = False
    _taken: list[dict[str, Any]] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        return {"sent": len(self._taken)} if self._taken else {}

    def send(self, message: Message) -> Receipt:
        if self.die_before:
            self.die_before = False
            raise Killed
        if self.down:
            return Receipt(Outcome.RETRY, detail="no network")
        if self.answers:
            return self.answers.pop(0)
        record = {"id": message.id, "to": message.to, "text": message.text, "subject": message.subject}
        self._taken.append({**record, "keys": message.keys, "ack": message.wants_ack})
        if self.die_after:
            self.die_after = False
            raise Killed
        return Receipt(Outcome.SENT, reference=message.id if self.delivery else "")

    def look(self, reference: str) -> Receipt | None:
        return self.delivery

    def find(self, message: Message, since_wall: float) -> Receipt | None:
        if not self.can_tell:
            return None
        known = any(record["id"] == message.id for record in self.taken())
        return Receipt(Outcome.SENT if known else Outcome.REFUSED)

    def received(self) -> Sequence[Received]:
        found, self.inbox = self.inbox, []
        return found

    def close(self) -> None:
        pass

    def taken(self) -> list[dict[str, Any]]:
        return list(self._taken)


class DirectLine:
    """The channel without a thread: what is begun is done at once."""

    def __init__(self, channel: Service) -> None:
        self.channel = channel
        self._done: list[Done] = []

    @property
    def busy(self) -> bool:
        return bool(self._done)

    def begin(self, task: Task) -> None:
        self._done.append(Done(task, carry_out(self.channel, task)))

    def done(self) -> list[Done]:
        found, self._done = self._done, []
        return found

    def heard(self) -> list[Received]:
        return list(self.channel.received())


def contact(name: str = "anna", *, to: str = SMS, channel: str = "sms", **keys: Any) -> dict[str, Any]:
    """A contact with one way; keys of the way stand in `way`."""
    way = {"channel": channel, "to": to, **keys.pop("way", {})}
    return {"name": name, "ways": [way], **keys}


class Mailroom:
    """The messenger over time. `pass_s` lets time pass in steps of five seconds."""

    def __init__(
        self,
        folder: Path,
        contacts: Sequence[Mapping[str, Any]] | None = None,
        channels: Sequence[Service] | None = None,
        offset_s: int = 0,
        wall: float = WALL,
        **telling: Any,
    ) -> None:
        self.path = folder / "alerts.db"
        listed = [contact()] if contacts is None else contacts
        self.ways = ways_of([ContactSettings.model_validate(one) for one in listed])
        self.settings = TellingSettings(**telling)
        self.channels = list(channels or [Service()])
        self.wall = wall
        self.now = 1000.0
        self.synced = True
        self.offset_s = offset_s
        self.alerts: dict[str, Alert] = {}
        self.acks: list[AlertAck] = []
        self.die_at_save = ""
        """`before` or `after`: the program ends at the next save."""
        self.items: dict[str, list[Item]] = {}
        """Message -> what it says, also of those that the state has forgotten."""
        self._saved: dict[str, bytes] = {}
        self._begin()

    @property
    def channel(self) -> Service:
        return self.channels[0]

    def _begin(self) -> None:
        self._file = QueueFile(self.path)
        self._saved = self._file.load()
        teller = Teller(self.settings, self.ways, ENGLISH, "feeder-1", from_rows(self._saved))
        lines = {channel.name: DirectLine(channel) for channel in self.channels}
        self.clerk = Clerk(teller, self.ways, lines, self._save, Random(1))

    def _save(self, rows: Mapping[str, bytes]) -> bool:
        dying, self.die_at_save = self.die_at_save, ""
        self.items |= {name: letter.items for name, letter in self.clerk.teller.state.letters.items()}
        if dying == "before":
            raise Killed
        if not dying and {**rows, CLOCK_ROW: b""} == {**self._saved, CLOCK_ROW: b""}:
            return True
        changed = {name: row for name, row in rows.items() if self._saved.get(name) != row}
        self._file.save(changed, self._saved.keys() - rows.keys())
        self._saved = dict(rows)
        if dying == "after":
            raise Killed
        return True

    def restart(self, down_s: float = 0.0) -> None:
        """Killed, and started anew; the alerts that stand come back from the store."""
        self._file.close()
        self.wall += down_s
        self.now = 5.0
        self._begin()

    def turn(self) -> None:
        moment = Moment(self.now, self.wall, self.synced, self.offset_s)
        self.acks += self.clerk.turn(moment, tuple(self.alerts.values()))

    def pass_s(self, seconds: float, step_s: float = 5.0) -> None:
        until = self.now + seconds
        while self.now < until:
            step = min(step_s, until - self.now)
            self.now += step
            self.wall += step
            self.turn()
        self.turn()

    def begin(self, key: str, severity: Severity = Severity.CRITICAL, text: str = "") -> None:
        words = text or f"Something is wrong with {key}: 5 A, limit 4 A. It is watched. Look at it."
        self.alerts[key] = Alert(key, severity, AlertState.ACTIVE, self.wall, words)
        self.turn()

    def change(self, key: str, severity: Severity, state: AlertState = AlertState.ACTIVE) -> None:
        old = self.alerts[key]
        self.alerts[key] = Alert(key, severity, state, old.since, old.text)
        self.turn()

    def acknowledge(self, key: str) -> None:
        self.change(key, self.alerts[key].severity, AlertState.ACKNOWLEDGED)

    def end(self, key: str) -> None:
        del self.alerts[key]
        self.turn()

    def texts(self, channel: int = 0, to: str = "") -> list[str]:
        return [m["text"] for m in self.channels[channel].taken() if to in {"", m["to"]}]

    def close(self) -> None:
        self._file.close()
