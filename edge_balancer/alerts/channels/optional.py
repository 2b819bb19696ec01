"""Packages that only some channels need and not every installation has."""

from __future__ import annotations

import importlib.util

from edge_balancer.errors import EdgeBalancerError


class MissingPackageError(EdgeBalancerError):
    """A channel is configured whose package is not installed."""


def demand(package: str, channel: str, extra: str) -> None:
    """Raises MissingPackageError where a channel's package is not installed. Loads nothing."""
    if importlib.util.find_spec(package) is None:
        raise MissingPackageError(
            f"channels.{channel} needs the package {package}, which is not installed: pip install "
            f"'edge-balancer[{extra}]', or remove [channels.{channel}]"
        )
