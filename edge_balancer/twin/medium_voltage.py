"""The voltage above the transformer: it wanders with what the rest of the world draws. Knows no feeder and no taps."""

from __future__ import annotations

from typing import Final

from edge_balancer.twin.noise import Floats, Keys, value_noise

SWING: Final = 0.015
"""From the lowest to the highest level, by the usual one."""
_PERIOD_S: Final = 5400.0


def source_pu(wall: Floats, key: Keys, swing: float = SWING) -> Floats:
    """The level at instants `wall` (Unix s), by its usual one; `key` (1,) makes one feeder's differ from another's."""
    return 1.0 + swing * (value_noise(wall / _PERIOD_S, key) - 0.5)
