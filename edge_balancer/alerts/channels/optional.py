"""Packages that only some channels need: whether they are there, and loading them when they are first used.

Loaded by name and late: a daemon whose contacts have no such channel never pays for them.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from edge_balancer.errors import EdgeBalancerError


class MissingPackageError(EdgeBalancerError):
    """A channel is configured whose package is not installed."""


def demand(package: str, channel: str, extra: str) -> None:
    """Raises MissingPackageError where a channel's package is not installed. Loads nothing."""
    if importlib.util.find_spec(package) is None:
        raise MissingPackageError(
            f"channels.{channel} needs the package {package}, which is not installed: pip install "
            f"edge-balancer[{extra}], or remove [channels.{channel}]"
        )


def load(module: str) -> Any:
    """The module; its types are not known here, since it may be missing. Raises ImportError."""
    return importlib.import_module(module)
