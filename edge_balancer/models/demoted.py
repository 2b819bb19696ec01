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


def demoted(database: Path) -> Callable[[str], str]:
    """A function that gives, of a model's identity, why the controller does without it, as it last saved; empty where
    it does not, or nothing is known."""
    ordeal = Ordeal(database, boot_of(SystemClock(), uuid.uuid4()))
    identity, fault = _saved(database)
    return lambda asked: ordeal.against(asked) or (fault if asked == identity else "")


def _saved(database: Path) -> tuple[str, str]:
    """Identity and fault of the model that the controller had last."""
    try:
        with open_reader(database) as connection:
            learned: Any = load_state(connection, LEARNED_KEY) or {}
    except (StorageError, OSError, ValueError):
        return "", ""
    model = learned.get("model") if isinstance(learned, dict) else None
    if not isinstance(model, dict):
        return "", ""
    return str(model.get("identity") or ""), str(model.get("fault") or "")
