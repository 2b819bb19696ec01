"""What is wrong with the page's settings beyond their single values. Pure; reads no file."""

from __future__ import annotations

from collections.abc import Iterator

from edge_balancer.settings.root import Configuration
from firmware_bridge.settings.base import Finding


def dashboard_findings(configuration: Configuration) -> Iterator[Finding]:
    """A page in the open, and files that would overwrite one another."""
    dashboard = configuration.dashboard
    if not dashboard.enabled:
        return
    if not dashboard.loopback and not dashboard.tls:
        yield Finding(
            ("dashboard", "host"),
            dashboard.host,
            "is reached over the network without TLS: passwords pass in the clear",
            "give tls_certificate and tls_key, or keep to 127.0.0.1 with a proxy before it that speaks TLS",
            involves=(("dashboard", "tls_certificate"), ("dashboard", "tls_key")),
            severity="warning",
        )
    if dashboard.accounts in {configuration.storage.path, configuration.bridge.state}:
        yield Finding(
            ("dashboard", "accounts"),
            dashboard.accounts,
            "is a database of this program: accounts are kept in a file of their own",
            "give it another name, e.g. accounts.json",
            involves=(("storage", "path"), ("bridge", "state")),
        )
