"""What is wrong with channels beyond their single values: secrets in the file, ways that lead nowhere, packages that
are not installed.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from typing import Final

from edge_balancer.settings.channels import ChannelsSettings
from edge_balancer.settings.fields import Key, sections
from edge_balancer.settings.layers import Layers
from edge_balancer.settings.root import Configuration
from firmware_bridge.settings.base import Finding, Location

EXTRAS: Final = ("apprise",)
"""Channels whose package is an extra of the same name."""
SECRET_ADDRESSES: Final = {"webhook": "channels.webhook.url", "apprise": "channels.apprise.urls"}
"""Channels that are in use as soon as a secret is given."""
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


def secret_keys() -> tuple[Key, ...]:
    """The keys of the channels that are secrets."""
    return tuple(key for section in sections() for key in section.keys if key.secret and key.path[0] == "channels")


def channel_findings(configuration: Configuration) -> Iterator[Finding]:
    """Everything that the channels and the contacts' ways show together, and what the machine lacks for them."""
    channels = configuration.channels
    known = channels.in_use
    for number, contact in enumerate(configuration.contacts):
        for place, way in enumerate(contact.ways):
            if way.channel not in known:
                yield _unused(("contacts", number, "ways", place, "channel"), way.channel, known)
            elif (wanted := _wanted(way.channel, way.to, channels.apprise.by_name)) is not None:
                yield Finding(("contacts", number, "ways", place, "to"), way.to, *wanted, involves=(("channels",),))
    yield from _missing_secrets(configuration)
    for name in EXTRAS:
        if name in channels.in_use and importlib.util.find_spec(name) is None:
            yield Finding(
                ("channels", name),
                None,
                f"needs the package {name}, which is not installed",
                f"install it: pip install 'edge-balancer[{name}]'",
            )


def _unused(at: Location, name: str, known: tuple[str, ...]) -> Finding:
    """A way over a channel that is not in use."""
    in_use = ", ".join(known) or "none"
    if name in SECRET_ADDRESSES:
        return Finding(
            at,
            name,
            f"is not in use, and nobody is reached by it: in use are {in_use}",
            f"give {SECRET_ADDRESSES[name]} as a credential or in the environment (of the service, if this is not it)",
            involves=(("channels",),),
            # `check` is run by people whose environment is not the service's.
            severity="warning",
        )
    names = tuple(ChannelsSettings.model_fields)
    remedy = f"configure [channels.{name}]" if name in names else f"use one of {', '.join(names)}, and configure it"
    return Finding(at, name, f"is no channel in use: in use are {in_use}", remedy, involves=(("channels",),))


def secrets_in_file(configuration: Configuration, layers: Layers) -> Iterator[Finding]:
    """Secrets of channels that stand in the file, which is copied, sent and shown."""
    for key in secret_keys():
        section = getattr(configuration.channels, key.path[1])
        if layers.source(key.path) == layers.file_name and getattr(section, key.name).get_secret_value():
            yield Finding(
                key.path,
                getattr(section, key.name),
                "is a secret of a channel, which must not stand in the file",
                f"give it as the environment variable {key.environment} or the systemd credential {key.dotted}",
            )


def _wanted(channel: str, to: str, apprise: dict[str, str]) -> tuple[str, str] | None:
    """What is wrong with an address, and the remedy."""
    match channel:
        case "twilio" | "modem" if not re.fullmatch(r"\+[1-9]\d{5,14}", to):
            return "is no international number", "write it with + and the country's code, such as +4915112345678"
        case "email" if not re.fullmatch(r"[^@\s<>,;]+@[^@\s<>,;]+", to):
            return "is no email address", "write it like anna@example.org"
        case "apprise" if to not in apprise:
            return "is no name in channels.apprise.urls", f"use one of: {', '.join(apprise) or 'there are none'}"
        case _:
            return None


def _missing_secrets(configuration: Configuration) -> Iterator[Finding]:
    channels = configuration.channels
    if channels.twilio.in_use and not channels.twilio.auth_token.get_secret_value():
        yield Finding(
            ("channels", "twilio", "auth_token"),
            None,
            "is missing: Twilio takes nothing without it",
            "give EDGE_BALANCER_CHANNELS__TWILIO__AUTH_TOKEN or the systemd credential channels.twilio.auth_token",
            involves=(("channels", "twilio", "account_sid"),),
            # `check` is run by people whose environment is not the service's.
            severity="warning",
        )
    email = channels.email
    local = email.host.casefold() in _LOOPBACK
    if email.in_use and email.security == "none" and email.password.get_secret_value() and not local:
        yield Finding(
            ("channels", "email", "security"),
            email.security,
            "sends the password in the clear over the network",
            'set it to "starttls" or "tls"',
            involves=(("channels", "email", "password"), ("channels", "email", "host")),
            severity="warning",
        )
