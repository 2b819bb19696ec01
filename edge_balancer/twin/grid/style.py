"""The kinds of feeders that can be generated, by name. Light, for whoever offers a choice; `generate` draws them."""

from __future__ import annotations

import enum


class Style(enum.StrEnum):
    """What a feeder's lines, its transformer and the distances between its houses are like."""

    RURAL = "rural"
    SUBURBAN = "suburban"
    URBAN = "urban"
    MINI_GRID = "mini-grid"
