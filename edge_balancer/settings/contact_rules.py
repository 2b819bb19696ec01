"""What is wrong with the contacts as a whole: names given twice, nobody told at once, a zone that is not known."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edge_balancer.settings.root import Configuration
from firmware_bridge.settings.base import Finding


def contact_findings(configuration: Configuration) -> Iterator[Finding]:
    """Everything that the contacts show together, and what the machine lacks for them."""
    contacts = configuration.contacts
    first: dict[str, int] = {}
    for index, contact in enumerate(contacts):
        if first.setdefault(contact.name, index) != index:
            yield Finding(
                ("contacts", index, "name"),
                contact.name,
                "stands more than once: caps and acknowledgements go by the name",
                "rename one of them, or give one of them all the ways",
            )
        if not contact.ways:
            yield Finding(
                ("contacts", index, "ways"),
                None,
                f"are missing: {contact.name} is reached by nothing",
                "write [[contacts.ways]] with a channel and an address below it, or remove the contact",
                severity="warning",
            )
    ways = [(index, contact, way) for index, contact in enumerate(contacts) for way in contact.ways]
    if ways and not any(way.severity != "none" for _, _, way in ways):
        yield Finding(
            ("contacts",),
            None,
            "are told of nothing at once: every way has the severity none",
            "give one of them the severity critical",
            severity="warning",
        )
    elif ways and min(contact.order for _, contact, _ in ways) > 1:
        yield Finding(
            ("contacts", ways[0][0], "order"),
            ways[0][1].order,
            "is told first: no contact has the order 1",
            "give those who are to be told first the order 1",
            severity="warning",
        )
    yield from _zone(configuration)


def _zone(configuration: Configuration) -> Iterator[Finding]:
    zone = configuration.alerts.telling.time_zone
    if not zone:
        return
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield Finding(
            ("alerts", "telling", "time_zone"),
            zone,
            "is no zone that this machine knows",
            "write it like Europe/Berlin (the package tzdata has them), or leave it out for the machine's own",
        )
