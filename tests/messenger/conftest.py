"""What the tests of telling share."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.messenger.mailroom import MEMORY, Mailroom

Make = Callable[..., Mailroom]


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory, where there is one: thousands of transactions need not wait for a disk of which no test cuts
    the power."""
    with tempfile.TemporaryDirectory(prefix="telling-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture
def make(memory: Path) -> Iterator[Make]:
    """Mailrooms, closed at the end."""
    made: list[Mailroom] = []

    def one(*args: Any, **kwargs: Any) -> Mailroom:
        made.append(Mailroom(memory, *args, **kwargs))
        return made[-1]

    yield one
    for room in made:
        room.close()
