"""What the tests of telling share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.messenger.mailroom import Mailroom

Make = Callable[..., Mailroom]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Mailrooms, closed at the end."""
    made: list[Mailroom] = []

    def one(*args: Any, **kwargs: Any) -> Mailroom:
        made.append(Mailroom(tmp_path, *args, **kwargs))
        return made[-1]

    yield one
    for room in made:
        room.close()
