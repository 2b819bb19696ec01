"""Carries out what `edge_balancer.alerts.telling` decides: keeps its state on disk, sends, retries, hears answers.

An adapter with threads of its own, so that neither a disk nor a network that hangs can hold up control. Without
contacts in the configuration nothing of it is loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_balancer.clock import Clock
    from edge_balancer.messenger.messenger import Messenger
    from edge_balancer.settings.root import Configuration


def messenger_of(config: Configuration, clock: Clock, store: Path) -> Messenger | None:
    """The messenger, where there is anybody to be told; its queue stands beside the store. Starts no thread yet."""
    if not any(contact.ways for contact in config.contacts):
        return None
    from edge_balancer.messenger.messenger import Messenger, channels_of
    from edge_balancer.messenger.queue_file import beside

    channels, unusable = channels_of(config)
    return Messenger(config, clock, beside(store), channels, unusable=unusable)
