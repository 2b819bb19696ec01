"""Words of others on our terminal and in our log: no line of theirs may look like one of ours."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 120


def shown(text: str) -> str:
    """One line without control characters, cut where it is too long."""
    cut = text if len(text) <= LONGEST else text[:LONGEST] + "..."
    return cut if cut.isprintable() else repr(cut)
