"""The page, the contacts, the learned forecast: what is configured, and would it work?"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Final

from edge_balancer.doctor.findings import Finding, fail, ok, warn
from edge_balancer.forecast.interface import MissingModel
from edge_balancer.settings.root import Configuration
from edge_balancer.types.demotion import Blame

_TIMEOUT_S: Final = 3.0
_REMEDIES: Final = {
    Blame.BROKEN: "edge-balancer models verify; then models activate {name}, or another one",
    Blame.CRASHED: "edge-balancer models verify: where it dies without a word, it is the runtime; else see in the log "
    "what ended the controller, and edge-balancer models activate {name}",
    Blame.UNFIT: "nothing need be done; edge-balancer models activate {name} gives it another chance",
    Blame.SLOW: "nothing: it is tried again by itself within a day",
}


def page(config: Configuration, running: bool) -> Iterator[Finding]:
    settings = config.dashboard
    if not settings.enabled or not running or settings.port == 0:
        return
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host.strip("[]")  # noqa: S104 - looked at
    try:
        socket.create_connection((host, settings.port), timeout=_TIMEOUT_S).close()
    except OSError as error:
        yield fail(
            "page",
            f"{settings.host}:{settings.port} does not answer: {error}",
            "journalctl -u edge-balancer tells why; another program may hold the port",
        )
        return
    yield ok("page", f"answers on {settings.host}:{settings.port}")
    if not settings.loopback and settings.tls_certificate is None:
        yield warn("page", "passwords go over the network in the clear", "give dashboard.tls_certificate and tls_key")


def contacts(config: Configuration) -> Iterator[Finding]:
    if not config.contacts:
        yield warn("contacts", "nobody is told of alerts", "give contacts and a channel: docs/alerts.md")
        return
    channels = sorted({way.channel for contact in config.contacts for way in contact.ways})
    yield ok("contacts", f"{len(config.contacts)} are told, over {', '.join(channels)}; `alerts test` really sends")


def model(config: Configuration) -> Iterator[Finding]:
    """Whether the forecast that is configured is whole, and in use. `edge-balancer models verify` runs it too."""
    from edge_balancer.models.demoted import demoted
    from edge_balancer.models.serving import chosen, registry_of

    database = config.storage.path
    found = chosen(config.forecast, registry_of(database))
    if found is None:
        yield ok("model", "none is configured: the controller forecasts by itself")
        return
    if isinstance(found, MissingModel):
        yield fail("model", found.reason, "edge-balancer models list; the controller forecasts by itself meanwhile")
        return
    name, demotion = found.file.name, demoted(database)(found.identity)
    if demotion is not None:
        yield warn("model", f"{name} is set aside: {demotion.reason}", _REMEDIES[demotion.blame].format(name=name))
        return
    yield ok("model", f"{name} is whole ({len(found.file.onnx) / 1e6:.1f} MB, {found.file.sha256[:12]})")
