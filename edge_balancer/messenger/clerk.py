"""One turn of the messenger, without threads and without a clock: take what the channels said, let telling decide, have
it on disk, and only then hand letters to the channels.

The order is what makes a kill at any point harmless: what is under way is on disk as such before it is sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from random import Random

from edge_balancer.alerts.channels.channel import Outcome, Receipt, Received
from edge_balancer.alerts.telling.answers import acks_of, is_new, number_in, sender_of
from edge_balancer.alerts.telling.directory import Moment, Way
from edge_balancer.alerts.telling.state import Letter, Status, to_rows
from edge_balancer.alerts.telling.teller import Teller
from edge_balancer.logs import get_logger
from edge_balancer.messenger.line import Done, Job, Line, Task
from edge_balancer.types.events import Alert
from edge_balancer.types.switching import AlertAck

_log = get_logger(__name__)


class Clerk:
    """`keep` has rows on disk, or says False; `chance` spreads retries; `unusable`: channels that are configured and
    cannot be used, and why."""

    def __init__(
        self,
        teller: Teller,
        ways: Sequence[Way],
        lines: Mapping[str, Line],
        keep: Callable[[Mapping[str, bytes]], bool],
        chance: Random,
        unusable: Mapping[str, str] | None = None,
    ) -> None:
        self.teller = teller
        self._ways = ways
        self._lines = lines
        self._keep = keep
        self._chance = chance
        self._unusable = unusable or {}
        self.strangers = 0
        """Answers from addresses that are not configured, or that acknowledge nothing."""
        self.answers: Counter[str] = Counter()
        """Acknowledgements by contact."""

    def turn(self, moment: Moment, standing: Sequence[Alert] | None) -> list[AlertAck]:
        """`standing`: the alerts that stand; None while that is not known. Gives what people have acknowledged."""
        acks: list[AlertAck] = []
        for name, line in self._lines.items():
            for done in line.done():
                self._settle(done)
            for received in line.heard():
                acks += self._hear(name, received)
        if standing is not None:
            self.teller.step(moment, standing)
        tasks = self._tasks(moment)
        # Where the disk fails or hangs, people are told all the same: perhaps that it does.
        self._keep(to_rows(self.teller.state))
        for line, task in tasks:
            line.begin(task)
        return acks

    def _tasks(self, moment: Moment) -> list[tuple[Line, Task]]:
        """At most one for each channel that is idle."""
        free = {name: line for name, line in self._lines.items() if not line.busy}
        found: list[tuple[Line, Task]] = []
        for letter in self.teller.due(moment):
            line = free.pop(letter.channel, None)
            if line is not None:
                found.append((line, self._task(letter)))
            elif letter.channel not in self._lines:
                why = self._unusable.get(letter.channel, f"no channel {letter.channel} is configured")
                refused = Receipt(Outcome.REFUSED, detail=why)
                self.teller.post.settle(letter, refused, self.teller.at, 0.0)
        return found

    def _task(self, letter: Letter) -> Task:
        post = self.teller.post
        if letter.status is Status.SENT:
            return Task(Job.LOOK, letter.id, post.message(letter), letter.reference)
        if letter.asked:
            return Task(Job.FIND, letter.id, post.message(letter))
        post.attempt(letter, self.teller.at)
        return Task(Job.SEND, letter.id, post.message(letter))

    def _settle(self, done: Done) -> None:
        letter = self.teller.state.letters.get(done.task.letter)
        if letter is None:
            return
        before = letter.status
        self.teller.post.settle(letter, done.receipt, self.teller.at, self._chance.random())
        if letter.status is before and done.task.job is Job.LOOK:
            return
        log = _log.warning if letter.status in {Status.FAILED, Status.QUEUED, Status.UNKNOWN} else _log.info
        log(
            "alert message",
            contact=letter.contact,
            channel=letter.channel,
            status=str(letter.status),
            keys=list(letter.keys),
            attempts=letter.attempts,
            detail=letter.detail,
            id=letter.id,
        )

    def _hear(self, channel: str, received: Received) -> list[AlertAck]:
        if not is_new(self.teller.state, channel, received):
            return []
        way = sender_of(channel, received, self._ways)
        number = number_in(received.text)
        acks = acks_of(self.teller.state, number, way.contact) if way is not None and number else []
        if way is None or not acks:
            self.strangers += 1
            # Neither the address nor the text: whoever sends may write what they like.
            why = "the sender is no contact" if way is None else "it names no alert that stands"
            _log.warning("an answer was passed over", channel=channel, reason=why)
            return []
        self.answers[way.contact] += 1
        _log.info("alerts acknowledged", contact=way.contact, number=number, keys=[ack.key for ack in acks])
        return acks
