"""Which model the controller has set aside, as it stands in the store: for commands beside a running controller."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_balancer.storage.database import open_reader
from edge_balancer.storage.errors import StorageError
from edge_balancer.storage.restore import LEARNED_KEY, load_state


@dataclass(frozen=True, slots=True)
class Demoted:
    """`identity` of the model that the controller had last, and why it was set aside; empty where it was not."""

    identity: str = ""
    fault: str = ""


def demoted(database: Path) -> Demoted:
    """As the controller saved it; empty where nothing is known."""
    try:
        with open_reader(database) as connection:
            learned: Any = load_state(connection, LEARNED_KEY) or {}
    except (StorageError, OSError, ValueError):
        return Demoted()
    model = learned.get("model") if isinstance(learned, dict) else None
    if not isinstance(model, dict):
        return Demoted()
    return Demoted(str(model.get("identity") or ""), str(model.get("fault") or ""))
