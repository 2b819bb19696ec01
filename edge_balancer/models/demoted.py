"""Which model the controller does without, as it stands on the disk: for commands beside a running controller."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_balancer.clock import SystemClock, boot_of
from edge_balancer.models.ordeal import Ordeal
from edge_balancer.storage.database import open_reader
from edge_balancer.storage.errors import StorageError
from edge_balancer.storage.restore import LEARNED_KEY, load_state
from edge_balancer.types.demotion import Blame, Demotion, blame_of


def demoted(database: Path) -> Callable[[str], Demotion | None]:
    """A function that gives, of a model's identity, why the controller does without it, as it last saved; None where
    it does not, or nothing is known."""
    ordeal = Ordeal(database, boot_of(SystemClock(), uuid.uuid4()))
    identity, saved = _saved(database)

    def why(asked: str) -> Demotion | None:
        crashed = ordeal.against(asked)
        if crashed:
            return Demotion(crashed, Blame.CRASHED)
        return saved if asked == identity else None

    return why


def _saved(database: Path) -> tuple[str, Demotion | None]:
    """Identity of the model that the controller had last, and why it was set aside."""
    try:
        with open_reader(database) as connection:
            learned: Any = load_state(connection, LEARNED_KEY) or {}
    except (StorageError, OSError, ValueError):
        return "", None
    model = learned.get("model") if isinstance(learned, dict) else None
    if not isinstance(model, dict):
        return "", None
    fault = str(model.get("fault") or "")
    return str(model.get("identity") or ""), Demotion(fault, blame_of(model.get("blame"))) if fault else None
