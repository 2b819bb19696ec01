"""The contacts and their ways, as telling needs them: ranks for severities, minutes for hours. Remembers nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge_balancer.alerts.telling.state import CRITICAL, RANK
from edge_balancer.settings.contacts import ContactSettings, WaySettings, is_within, minute_of_day, quiet_hours

_MINUTES_PER_DAY: Final = 1440


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant: `now` monotonic seconds, `wall` Unix seconds, whether that can be trusted, and by how many seconds
    local clocks are ahead of UTC."""

    now: float
    wall: float
    synced: bool = True
    offset_s: int = 0

    @property
    def minute(self) -> int:
        """Minute of the local day."""
        return int((self.wall + self.offset_s) // 60) % _MINUTES_PER_DAY


@dataclass(frozen=True, slots=True)
class Way:
    """One way to one contact. Ranks: 1 info, 2 warning, 3 critical, 4 none."""

    id: str
    contact: str
    order: int
    channel: str
    to: str
    least: int
    resolved: bool
    quiet: tuple[int, int] | None
    quiet_least: int
    cap: int
    digest_minute: int | None
    short: bool
    """Whether a message should fit into one text message: the address is a telephone number."""

    def is_quiet(self, moment: Moment, rank: int) -> bool:
        """Whether something of that rank must wait now. A clock that is wrong keeps nobody from being told."""
        if self.quiet is None or rank >= self.quiet_least or not moment.synced:
            return False
        return is_within(moment.minute, self.quiet)

    def room(self, rank: int) -> int:
        """Most messages of that rank in an hour: the last of several is kept for what is critical."""
        return self.cap if rank >= CRITICAL or self.cap < 2 else self.cap - 1


def ways_of(contacts: Sequence[ContactSettings]) -> tuple[Way, ...]:
    """All ways, by order of their contacts."""
    found = [_way(contact, way) for contact in contacts for way in contact.ways]
    return tuple(sorted(found, key=lambda way: way.order))


def _way(contact: ContactSettings, way: WaySettings) -> Way:
    return Way(
        id=f"{contact.name} {way.channel} {way.to}",
        contact=contact.name,
        order=contact.order,
        channel=way.channel,
        to=way.to,
        least=RANK[way.severity],
        resolved=way.resolved,
        quiet=quiet_hours(contact.quiet) if contact.quiet else None,
        quiet_least=RANK[contact.quiet_severity],
        cap=contact.max_per_hour,
        digest_minute=minute_of_day(way.digest_at) if way.digest_at else None,
        short=is_number(way.to),
    )


def is_number(address: str) -> bool:
    """Whether an address is a telephone number."""
    digits = plain_number(address)
    return digits.removeprefix("+").isdigit() and len(digits) > 5


def plain_number(address: str) -> str:
    """A telephone number without what people put between its digits."""
    plain = "".join(sign for sign in address if sign not in " -/().")
    return f"+{plain[2:]}" if plain.startswith("00") else plain
