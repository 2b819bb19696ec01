"""What the tests of lines share as fixtures; devices are in `device_on_pty`."""

from __future__ import annotations

import pytest

from firmware_bridge.lines import owner


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is down is tried again at once rather than after a second."""
    monkeypatch.setattr(owner, "FIRST_RETRY_S", 0.05)
