"""From what is to be said to subject and text. A text message is one line of 160 letters where it can be; elsewhere
each alert is told in full. The sentences are in `edge_balancer.alerts.texts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from edge_balancer.alerts.catalogue import title
from edge_balancer.alerts.telling.directory import Moment
from edge_balancer.alerts.telling.state import RANKS, Episode, Flap, Missed, Past
from edge_balancer.alerts.texts import Texts

ONE_SMS: Final = 160
FULL_TEXTS: Final = 10
"""Alerts told in full in one message; of more, the title."""
MOST_NAMED: Final = 5


@dataclass(slots=True)
class Content:
    """What one message says."""

    begun: list[Episode] = field(default_factory=list)
    reminders: list[Episode] = field(default_factory=list)
    flaps: list[Flap] = field(default_factory=list)
    calmed: list[tuple[Flap, bool]] = field(default_factory=list)
    """And whether the alert stands now."""
    ends: list[tuple[str, float, float]] = field(default_factory=list)
    """Key, and from when until when it stood for who reads (Unix s)."""
    missed: list[Missed] = field(default_factory=list)
    capped: int = 0
    """How many of it the limit of messages has held back."""
    cap: int = 0
    escalated: bool = False
    rank: int = 1
    number: str = ""


class Wording:
    """The words of one feeder's messages, in one language."""

    def __init__(self, texts: Texts, feeder: str, flap_window_s: float) -> None:
        self._texts = texts
        self._feeder = feeder
        self._flap_window_s = flap_window_s

    def short(self, content: Content, moment: Moment) -> tuple[str, str]:
        """Subject and text, for a way that carries text messages."""
        say = self._texts.say
        ack = say("message.ack", number=content.number) if content.number else ""
        head = say("message.heading", severity=self._severity(content.rank), feeder=self._feeder)
        room = ONE_SMS - (len(ack) + 1 if ack else 0)
        # The fewer names, the more of the rest.
        parts, line = [""], ""
        for most in (3, 2, 1):
            parts = self._parts(content, moment, most)
            line = " ".join([head, *parts])
            if len(line) <= room:
                break
        if len(line) > room:
            line = line[: room - 3].rstrip() + "..."
        extra: list[str] = []
        if len(content.begun) + len(content.reminders) == 1 and len(parts) == 1:
            (episode,) = content.begun or content.reminders
            extra = [self._do(episode), say("message.since", since=self._time(episode.since, moment))]
        for piece in extra:
            if piece and len(line) + len(piece) + 1 <= room:
                line += f" {piece}"
        return self._subject(content), f"{line} {ack}".strip()

    def full(self, content: Content, moment: Moment) -> tuple[str, str]:
        """Subject and text, for a way that carries as much as one likes."""
        say = self._texts.say
        blocks: list[str] = []
        if content.escalated:
            blocks.append(say("message.escalated"))
        told = [*content.begun, *content.reminders]
        blocks += [self._block(episode, moment, content) for episode in told[:FULL_TEXTS]]
        rest = told[FULL_TEXTS:]
        if rest:
            blocks.append(say("message.many", count=len(rest), names=self._names([e.key for e in rest], len(rest))))
        blocks += [self._flap(flap) for flap in content.flaps]
        blocks += [self._calm(flap, stands, moment) for flap, stands in content.calmed]
        blocks += [self._over(key, since, until, moment) for key, since, until in content.ends]
        if content.missed:
            names = self._names([line.key for line in content.missed], len(content.missed))
            blocks.append(say("message.missed", names=names))
        if content.capped:
            blocks.append(say("message.held", cap=content.cap, count=content.capped))
        if content.number:
            blocks.append(say("message.acked_by", number=content.number))
        return self._subject(content), "\n\n".join(blocks)

    def again(self, text: str) -> str:
        """The same message once more, when it is not known whether it went out."""
        return f"{self._texts.say('message.again')} {text}"

    def digest(self, standing: Sequence[Episode], past: Sequence[Past], moment: Moment) -> tuple[str, str]:
        """The day in alerts: what stands, and what is over, one line for each key."""
        say = self._texts.say
        blocks: list[str] = []
        if standing:
            lines = [say("digest.stands")]
            lines += [self._standing_line(e, moment) for e in sorted(standing, key=lambda e: (-e.peak, e.since))]
            blocks.append("\n".join(lines))
        if past:
            lines = [say("digest.over")]
            by_key: dict[str, list[Past]] = {}
            for one in sorted(past, key=lambda one: one.since):
                by_key.setdefault(one.key, []).append(one)
            lines += [self._past_line(ones, moment) for _, ones in sorted(by_key.items())]
            blocks.append("\n".join(lines))
        return say("digest.subject", feeder=self._feeder), "\n\n".join(blocks)

    def _parts(self, content: Content, moment: Moment, most: int) -> list[str]:
        say = self._texts.say
        told = [*content.begun, *content.reminders]
        parts = []
        if content.escalated:
            parts.append(say("message.escalated"))
        if len(told) == 1:
            parts.append(self._told(told[0], first_sentence(told[0].text), content))
        elif told:
            parts.append(say("message.many", count=len(told), names=self._names([e.key for e in told], most)))
        parts += [self._flap(flap) for flap in content.flaps]
        parts += [self._calm(flap, stands, moment) for flap, stands in content.calmed]
        if len(content.ends) == 1 and not told:
            parts.append(self._over(*content.ends[0], moment))
        elif content.ends:
            parts.append(say("message.over_short", names=self._names([key for key, _, _ in content.ends], most)))
        if content.missed:
            parts.append(say("message.missed", names=self._names([line.key for line in content.missed], most)))
        if content.capped:
            parts.append(say("message.held", cap=content.cap, count=content.capped))
        return parts

    def _subject(self, content: Content) -> str:
        say = self._texts.say
        told = [*content.begun, *content.reminders]
        keys = [e.key for e in told] + [f.key for f in content.flaps] + [f.key for f, _ in content.calmed]
        if not keys:
            keys = [key for key, _, _ in content.ends] + [line.key for line in content.missed]
            what = say("message.over_short", names=self._names(keys, 2)).rstrip(".")
            return say("message.subject_of", feeder=self._feeder, what=what)
        return say(
            "message.subject",
            severity=self._severity(content.rank),
            feeder=self._feeder,
            what=self._names(keys, 2),
        )

    def _told(self, episode: Episode, text: str, content: Content) -> str:
        """Who is reminded must not take it for something new."""
        return self._texts.say("message.reminder", text=text) if episode in content.reminders else text

    def _block(self, episode: Episode, moment: Moment, content: Content) -> str:
        say = self._texts.say
        since = say("message.since", since=self._time(episode.since, moment))
        return f"{self._severity(episode.rank)}: {self._told(episode, episode.text, content)} {since}"

    def _do(self, episode: Episode) -> str:
        name = f"do.{episode.kind}"
        return self._texts.say(name) if self._texts.knows(name) else ""

    def _flap(self, flap: Flap) -> str:
        return self._texts.say(
            "message.flapping",
            title=self._title(flap.key),
            count=len(flap.begun_at),
            minutes=self._flap_window_s / 60.0,
        )

    def _calm(self, flap: Flap, stands: bool, moment: Moment) -> str:
        name = "message.calmed_stands" if stands else "message.calmed_gone"
        since = self._time(flap.since_wall, moment)
        return self._texts.say(name, title=self._title(flap.key), count=flap.count, since=since)

    def _over(self, key: str, since: float, until: float, moment: Moment) -> str:
        return self._texts.say(
            "message.over",
            title=self._title(key),
            since=self._time(since, moment),
            until=self._time(until, moment),
        )

    def _standing_line(self, episode: Episode, moment: Moment) -> str:
        say = self._texts.say
        line = say(
            "digest.line",
            severity=self._severity(episode.peak),
            title=self._title(episode.key),
            since=self._time(episode.since, moment),
        )
        return line + (say("digest.acknowledged") if episode.acked else "")

    def _past_line(self, ones: Sequence[Past], moment: Moment) -> str:
        last = ones[-1]
        return self._texts.say(
            "digest.line_over" if len(ones) == 1 else "digest.line_often",
            severity=self._severity(max(one.rank for one in ones)),
            title=self._title(last.key),
            count=len(ones),
            since=self._time(last.since, moment),
            until=self._time(last.until, moment),
        )

    def _severity(self, rank: int) -> str:
        return self._texts.say(f"severity.{RANKS[rank - 1]}")

    def _title(self, key: str) -> str:
        return title(key, self._texts)

    def _names(self, keys: Sequence[str], most: int) -> str:
        titles = list(dict.fromkeys(self._title(key) for key in keys))
        most = min(most, MOST_NAMED)
        first = ", ".join(titles[:most])
        more = len(titles) - most
        return self._texts.say("names.more", names=first, more=more) if more > 0 else first

    def _time(self, wall: float, moment: Moment) -> str:
        """Local time, with the date where it is another day's."""
        then = datetime.fromtimestamp(wall + moment.offset_s, UTC)
        today = datetime.fromtimestamp(moment.wall + moment.offset_s, UTC)
        return f"{then:%H:%M}" if then.date() == today.date() else f"{then:%Y-%m-%d %H:%M}"


def first_sentence(text: str) -> str:
    """What happened, where, the value and its limit: it stands by itself."""
    sentence, stop, _ = text.partition(". ")
    return sentence + ("." if stop else "")
