"""The names under which a feeder and its houses are known to Home Assistant. They must never change once used: history
and automations hang on them."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from edge_balancer.settings.root import Configuration

_FOREIGN: Final = re.compile(r"[^A-Za-z0-9_-]")


def node_of(config: Configuration) -> str:
    """The feeder's identifier, and the level of the discovery topics that is ours alone."""
    node = f"edge_balancer_{slug(config.feeder.id)}"
    # Two feeders of one name on one broker differ in their base topic.
    return f"{node}_{_digest(config.base_topic)}" if config.mqtt.base_topic else node


def slug(name: str) -> str:
    """A name in the characters that a discovery topic may have; two names never give the same."""
    cleaned = _FOREIGN.sub("_", name)
    return cleaned if cleaned == name else f"{cleaned}_{_digest(name)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
