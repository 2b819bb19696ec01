"""What the field side's tests share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from firmware_bridge.switches.memory import SwitchMemory


@pytest.fixture(autouse=True)
def memories_are_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test that plays a crash leaves its memory open on purpose; Python 3.13 objects when that is collected."""
    opened: list[SwitchMemory] = []
    begin = SwitchMemory.__init__

    def noted(self: SwitchMemory, *arguments: Any, **keys: Any) -> None:
        begin(self, *arguments, **keys)
        opened.append(self)

    monkeypatch.setattr(SwitchMemory, "__init__", noted)
    yield
    for memory in opened:
        memory.close()
