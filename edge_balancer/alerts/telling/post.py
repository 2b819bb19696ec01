"""The life of a letter: queued, under way, sent, delivered; or retried, given up, refused, withdrawn.

A letter that is under way when the program ends is not simply sent again: the channel is asked whether it went out, and
where it cannot tell, only what is critical is repeated, once and marked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from edge_balancer.alerts.channels.channel import Message, Outcome, Receipt
from edge_balancer.alerts.telling.directory import Moment, Way
from edge_balancer.alerts.telling.state import (
    CRITICAL,
    OPEN,
    RANKS,
    Hold,
    Item,
    ItemKind,
    Letter,
    Missed,
    Progress,
    State,
    Status,
)
from edge_balancer.alerts.telling.wording import Wording
from edge_balancer.settings.contacts import TellingSettings

HOUR_S: Final = 3600.0
FIRST_RETRY_S: Final = 10.0
LAST_RETRY_S: Final = 900.0
LAST_RETRY_CRITICAL_S: Final = 120.0
FIRST_LOOK_S: Final = 10.0
MOST_LOOKS: Final = 9
"""Ten seconds, doubled each time: an hour and a half in all."""
KEPT_S: Final = 86_400.0
MOST_KEPT: Final = 200
_NEWS: Final = frozenset({ItemKind.BEGUN, ItemKind.RISEN, ItemKind.REMINDER})


class Post:
    """All letters of one state. `at` is telling's time. `counts` is by outcome, since the start."""

    def __init__(self, state: State, settings: TellingSettings, ways: dict[str, Way], wording: Wording) -> None:
        self._state = state
        self._settings = settings
        self._ways = ways
        self._wording = wording
        self.counts: Counter[str] = Counter()
        for letter in state.letters.values():
            letter.asked = letter.status is Status.ATTEMPTING

    def sent_within_hour(self, contact: str, at: float, without: str = "") -> int:
        """How many messages a contact was sent, or is to be sent, within the last hour; one may be left out."""
        stamps = self._state.row(contact).at
        for name in [name for name, when in stamps.items() if at - when >= HOUR_S]:
            del stamps[name]
        return len(stamps) - (without in stamps)

    def add(self, letter: Letter, at: float) -> None:
        self._state.letters[letter.id] = letter
        self._state.row(letter.contact).at[letter.id] = at

    def due(self, moment: Moment, at: float) -> list[Letter]:
        """What is to be asked about, sent, or looked at now; the gravest first, then the oldest."""
        for letter in list(self._state.open_letters()):
            self._reconsider(letter, at)
        found = [letter for letter in self._state.letters.values() if self._is_due(letter, moment, at)]
        return sorted(found, key=lambda letter: (letter.status not in OPEN, -letter.rank, letter.made_at))

    def attempt(self, letter: Letter, at: float) -> None:
        """It is about to be sent. To be on disk before it is."""
        letter.status = Status.ATTEMPTING
        letter.attempts += 1
        letter.asked = False
        self._state.row(letter.contact).at[letter.id] = at

    def settle(self, letter: Letter, receipt: Receipt | None, at: float, jitter: float) -> None:
        """What the channel said: to sending, or to being asked or looked at (None: it cannot tell). `jitter` is a
        number from 0 to 1."""
        if letter.status is Status.SENT:
            self._looked(letter, receipt, at)
        elif receipt is None:
            self._unknown(letter, at)
        else:
            self._answered(letter, receipt, at, jitter)

    def message(self, letter: Letter) -> Message:
        """The letter as the channel gets it."""
        text = self._wording.again(letter.text) if letter.repeated else letter.text
        severity = RANKS[letter.rank - 1]
        return Message(
            letter.id, letter.to, letter.subject, text, severity, letter.keys, letter.wall, wants_ack=letter.number
        )

    def forget(self, at: float) -> None:
        letters = self._state.letters
        settled = [(letter.settled_at, name) for name, letter in letters.items() if letter.settled_at is not None]
        settled.sort()
        surplus = len(settled) - MOST_KEPT
        for index, (when, name) in enumerate(settled):
            if index < surplus or at - when > KEPT_S:
                del letters[name]

    def _is_due(self, letter: Letter, moment: Moment, at: float) -> bool:
        if at < letter.next_at or letter.settled_at is not None:
            return False
        if letter.status is Status.SENT or letter.asked:
            return True
        if letter.status is not Status.QUEUED:
            return False
        way = self._ways[letter.way]
        if letter.attempts and way.is_quiet(moment, letter.rank):
            return False
        return self.sent_within_hour(letter.contact, at, without=letter.id) < way.room(letter.rank)

    def _reconsider(self, letter: Letter, at: float) -> None:
        """A letter that could not leave yet may have become pointless, or hopeless."""
        if letter.status is not Status.QUEUED:
            return
        if letter.way not in self._ways:
            self._close(letter, Status.WITHDRAWN, "this way is configured no longer", at)
        elif letter.attempts and not letter.repeated and self._is_pointless(letter):
            self._withdraw(letter, at)
        elif at - letter.made_at > self._settings.give_up_hours * HOUR_S:
            self._fail(letter, f"given up after {letter.attempts} attempts: {letter.detail}", at)
            self._want_again(letter)

    def _is_pointless(self, letter: Letter) -> bool:
        """Whether all that it tells is over."""
        if not letter.items or any(item.kind not in _NEWS for item in letter.items):
            return False
        episodes = self._state.episodes
        return all(item.episode not in episodes or not episodes[item.episode].standing for item in letter.items)

    def _withdraw(self, letter: Letter, at: float) -> None:
        lines = self._state.way(letter.way).missed
        for item, progress in self._told_by(letter):
            episode = self._state.episodes.get(item.episode)
            if episode is not None and item.kind is ItemKind.BEGUN:
                # Of what had only risen the beginning is known, and its end is news.
                progress.ended = True
                progress.holds.add(Hold.DOWN)
                lines.append(Missed(item.key, item.since, episode.over_wall, at=at))
        self._state.row(letter.contact).at.pop(letter.id, None)
        self._close(letter, Status.WITHDRAWN, "all of it was over before it could leave", at)

    def _answered(self, letter: Letter, receipt: Receipt, at: float, jitter: float) -> None:
        letter.detail = receipt.detail
        if letter.asked:
            self._found(letter, receipt, at)
        elif receipt.outcome is Outcome.RETRY:
            letter.status = Status.QUEUED
            most = LAST_RETRY_CRITICAL_S if letter.rank >= CRITICAL else LAST_RETRY_S
            wait_s = min(most, FIRST_RETRY_S * 2.0 ** min(letter.attempts - 1, 10)) * (0.75 + 0.5 * jitter)
            letter.next_at = at + max(wait_s, receipt.retry_after_s or 0.0)
            self.counts["retried"] += 1
        elif receipt.outcome is Outcome.REFUSED:
            self._fail(letter, receipt.detail or "refused", at)
        else:
            self._sent(letter, receipt, at)

    def _found(self, letter: Letter, receipt: Receipt, at: float) -> None:
        """The channel's word on a letter that was under way when the program ended."""
        if receipt.outcome is Outcome.RETRY:
            letter.next_at = at + max(FIRST_RETRY_S, receipt.retry_after_s or 0.0)
            if at - letter.made_at > self._settings.give_up_hours * HOUR_S:
                self._unknown(letter, at)
        elif receipt.outcome is Outcome.REFUSED:
            letter.asked = False
            letter.status = Status.QUEUED
            letter.next_at = at
        else:
            self._sent(letter, receipt, at)

    def _sent(self, letter: Letter, receipt: Receipt, at: float) -> None:
        letter.asked = False
        letter.reference = receipt.reference
        self.counts["sent"] += 1
        for _, progress in self._told_by(letter):
            progress.heard += 1
        if receipt.outcome is Outcome.DELIVERED:
            self.counts["delivered"] += 1
            self._close(letter, Status.DELIVERED, receipt.detail, at)
        elif not receipt.reference:
            self._close(letter, Status.SENT, receipt.detail, at)
        else:
            letter.status = Status.SENT
            letter.next_at = at + FIRST_LOOK_S

    def _looked(self, letter: Letter, receipt: Receipt | None, at: float) -> None:
        letter.looks += 1
        letter.next_at = at + FIRST_LOOK_S * 2.0**letter.looks
        if receipt is not None and receipt.outcome is Outcome.DELIVERED:
            self.counts["delivered"] += 1
            self._close(letter, Status.DELIVERED, receipt.detail, at)
        elif receipt is not None and receipt.outcome is Outcome.REFUSED:
            self._fail(letter, receipt.detail or "not delivered", at)
        elif letter.looks >= MOST_LOOKS:
            self._close(letter, Status.SENT, "whether it arrived was never said", at)

    def _unknown(self, letter: Letter, at: float) -> None:
        letter.asked = False
        if letter.rank >= CRITICAL and not letter.repeated:
            letter.repeated, letter.status, letter.next_at = True, Status.QUEUED, at
            stamps = self._state.row(letter.contact).at
            # It may have arrived: both count towards the cap.
            stamps[f"{letter.id} before"] = stamps.get(letter.id, at)
            self.counts["repeated"] += 1
        else:
            self.counts["unknown"] += 1
            self._close(letter, Status.UNKNOWN, "under way when the program ended, and the channel cannot tell", at)

    def _fail(self, letter: Letter, why: str, at: float) -> None:
        self.counts["failed"] += 1
        for item, progress in self._told_by(letter):
            if letter.status is Status.SENT:
                progress.heard = max(0, progress.heard - 1)
            if item.kind is not ItemKind.REMINDER:
                progress.failed = True
        self._close(letter, Status.FAILED, why, at)

    def _want_again(self, letter: Letter) -> None:
        """What was given up and still stands is written anew, with what is known by then, while the channel is down."""
        for item, progress in self._told_by(letter):
            if item.kind is ItemKind.FLAPPING:
                flap = self._state.flaps.get(item.key)
                if flap is not None:
                    flap.told.pop(letter.way, None)
            elif item.kind is not ItemKind.REMINDER:
                progress.told = 0 if item.kind is ItemKind.BEGUN else item.rank - 1

    def _close(self, letter: Letter, status: Status, detail: str, at: float) -> None:
        letter.status, letter.detail, letter.settled_at = status, detail, at
        letter.asked = False

    def _told_by(self, letter: Letter) -> Iterator[tuple[Item, Progress]]:
        """What the letter told of episodes that are still known."""
        for item in letter.items:
            if item.kind not in _NEWS | {ItemKind.FLAPPING}:
                continue
            for episode in self._state.episodes.values():
                progress = episode.ways.get(letter.way) if episode.key == item.key else None
                if progress is not None and item.since in {episode.since, progress.since}:
                    yield item, progress
