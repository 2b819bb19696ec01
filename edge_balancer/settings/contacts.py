"""Who is told of alerts, over which channel, when, and how often. The channels themselves are in `channels`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

from pydantic import Field

from edge_balancer.settings.feeder import Identifier
from firmware_bridge.settings.base import Finding, Section

LeastSeverity = Literal["info", "warning", "critical", "none"]

_HOUR: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_MINUTES_PER_DAY: Final = 24 * 60


class WaySettings(Section):
    """One way to reach a contact: a channel, and the contact's address there."""

    channel: str = Field(min_length=1)
    """Name of a channel that is configured below `[channels]`."""
    to: str = Field(min_length=1)
    """The address: a number such as +4915112345678, an email address, or what else the channel takes."""
    severity: LeastSeverity = "warning"
    """Least severity that is told on this way; `none` where only the digest is wanted."""
    resolved: bool = True
    """Whether the end of an alert is told too, to whom its beginning was told here."""
    digest_at: str = ""
    """Time of day of a daily summary, such as 07:00; empty for none. A day of which there is nothing to tell has
    none."""

    def contradictions(self) -> Iterator[Finding]:
        if self.digest_at and minute_of_day(self.digest_at) is None:
            yield Finding(
                ("digest_at",),
                self.digest_at,
                "is no time of day",
                "write it like 07:00, or leave it out",
            )
        if self.severity == "none" and not self.digest_at:
            yield Finding(
                ("severity",),
                self.severity,
                "leaves nothing to be told on this way, which has no digest",
                'give digest_at, e.g. "07:00", or another severity',
                involves=(("digest_at",),),
            )


class ContactSettings(Section):
    """One person, or one desk, that is told of alerts."""

    name: Identifier
    """What the contact is called in records and acknowledgements."""
    order: int = Field(default=1, ge=1, le=9)
    """1: told at once. 2: told when nobody of order 1 acknowledged within `alerts.telling.escalate_s`, and so on."""
    quiet: str = ""
    """Hours in which less grave alerts wait, such as 22:00-06:30, in `alerts.telling.time_zone`; empty for none."""
    quiet_severity: LeastSeverity = "critical"
    """Least severity that is told in quiet hours all the same; `none`: nothing is."""
    max_per_hour: int = Field(default=6, ge=1, le=60)
    """Most messages in any hour, over all ways together. What is beyond waits and is put into one message; of two or
    more, the last is kept for critical alerts."""
    ways: tuple[WaySettings, ...] = ()
    """How the contact is reached; each way is told by itself."""

    def contradictions(self) -> Iterator[Finding]:
        if self.quiet and quiet_hours(self.quiet) is None:
            yield Finding(
                ("quiet",),
                self.quiet,
                "are no hours of the day",
                "write them like 22:00-06:30, or leave them out for none",
            )
        seen: dict[tuple[str, str], int] = {}
        for index, way in enumerate(self.ways):
            if seen.setdefault((way.channel, way.to), index) != index:
                yield Finding(
                    ("ways", index, "to"),
                    way.to,
                    f"stands more than once with the channel {way.channel}: it would be told everything twice",
                    "remove one of them",
                )


class TellingSettings(Section):
    """How contacts are told of alerts: gathering, deadlines, escalation, reminders, flapping."""

    language: Literal["en"] = "en"
    """Language of every text about alerts."""
    time_zone: str = ""
    """Zone of quiet hours and digests, such as Europe/Berlin; the machine's own where empty."""
    gather_s: float = Field(default=20.0, ge=0, le=600)
    """Critical alerts that begin within this time make one message. The more has been sent within the hour, the longer
    is gathered, up to half the deadline."""
    gather_calm_s: float = Field(default=120.0, ge=0, le=3600)
    """The same for less grave alerts, and for alerts that are over."""
    deadline_critical_s: float = Field(default=120.0, ge=10, le=3600)
    """A critical alert has been told after this time, unless quiet hours, a silence or the cap forbid it."""
    deadline_warning_s: float = Field(default=900.0, ge=10, le=14_400)
    """The same for a warning."""
    deadline_info_s: float = Field(default=3600.0, ge=10, le=86_400)
    """The same for what is merely worth knowing."""
    ends_within_s: float = Field(default=21_600.0, ge=0, le=86_400)
    """The end of a less grave alert goes along with the next message; without one it is told by itself after this
    time."""
    ack_severity: Literal["info", "warning", "critical"] = "critical"
    """From this severity on an alert asks to be acknowledged: it is escalated and reminded of until it is."""
    escalate_s: float = Field(default=900.0, ge=60, le=86_400)
    """An alert that nobody has acknowledged this long after it was told goes to the contacts of the next order."""
    remind_s: float = Field(default=14_400.0, ge=0, le=604_800)
    """How often a standing alert that nobody has acknowledged is told again; 0: never."""
    flap_count: int = Field(default=3, ge=2, le=100)
    """An alert that begins this often within `flap_window_s` is told as flapping: once, and once more when it has
    calmed."""
    flap_window_s: float = Field(default=21_600.0, ge=60, le=86_400)
    """Time within which beginnings count towards flapping."""
    flap_calm_s: float = Field(default=7200.0, ge=60, le=86_400)
    """An alert that has neither begun nor ended for this long flaps no longer."""
    give_up_hours: float = Field(default=24.0, ge=0.1, le=168)
    """A message that could not be sent for this long is given up."""

    def deadline_s(self, rank: int) -> float:
        """By severity: 1 info, 2 warning, 3 critical."""
        return (self.deadline_info_s, self.deadline_warning_s, self.deadline_critical_s)[rank - 1]

    def contradictions(self) -> Iterator[Finding]:
        for gather, deadline in (("gather_s", "deadline_critical_s"), ("gather_calm_s", "deadline_warning_s")):
            waits, latest = getattr(self, gather), getattr(self, deadline)
            if waits > latest / 2.0:
                yield Finding(
                    (gather,),
                    waits,
                    f"is more than half of {deadline} = {latest:g}: alerts would be told late",
                    f"set it to at most {latest / 2.0:g}, or raise {deadline}",
                    involves=((deadline,),),
                )
        if self.deadline_info_s < self.deadline_warning_s:
            yield Finding(
                ("deadline_info_s",),
                self.deadline_info_s,
                f"is below deadline_warning_s = {self.deadline_warning_s:g}: what is less grave cannot be more urgent",
                f"set it to at least {self.deadline_warning_s:g}",
                involves=(("deadline_warning_s",),),
            )


def minute_of_day(text: str) -> int | None:
    """The minute of the day that a text like 07:00 names; None where it names none."""
    match = _HOUR.fullmatch(text.strip())
    return int(match[1]) * 60 + int(match[2]) if match else None


def quiet_hours(text: str) -> tuple[int, int] | None:
    """The first minute of the day within the hours, and the first after them; None where the text names none."""
    begin, _, end = text.partition("-")
    first, last = minute_of_day(begin), minute_of_day(end)
    return None if first is None or last is None or first == last else (first, last)


def is_within(minute: int, hours: tuple[int, int]) -> bool:
    """Whether a minute of the day is within the hours, which may pass midnight."""
    first, after = hours
    return (minute - first) % _MINUTES_PER_DAY < (after - first) % _MINUTES_PER_DAY
