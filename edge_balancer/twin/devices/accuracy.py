"""How far meters are off: each by a constant of its own, and by a little noise from reading to reading. Pure.

The factors that a true value is multiplied with; rounding, periods and losses are not here.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.twin.devices.chance import device_keys, normal, uniform
from edge_balancer.twin.noise import Floats, Keys

STREAMS: Final = 6
_NOISE_OF_CLASS: Final = 0.2
"""What part of a meter's class is noise from reading to reading (standard deviation); the rest is its own constant."""


class Accuracy:
    """Of the meters of a feeder. `accuracy_pct` and `voltage_accuracy_pct` are their classes: the greatest constant
    error, % of the value (IEC 62053-21 for energy and power)."""

    def __init__(self, key: Keys, accuracy_pct: float, voltage_accuracy_pct: float) -> None:
        """`key` (6, meters)."""
        self._key = key
        once = uniform(key[:2], np.zeros(key.shape[1], dtype=np.int64))
        self._class = np.array([[accuracy_pct], [voltage_accuracy_pct]]) / 100.0
        self._gain = 1.0 + self._class * (2.0 * once - 1.0)

    @staticmethod
    def drawn(seed: int, tag: int, meters: int, accuracy_pct: float, voltage_accuracy_pct: float) -> Accuracy:
        return Accuracy(device_keys(seed, tag, meters, STREAMS), accuracy_pct, voltage_accuracy_pct)

    def power(self, meter: NDArray[np.integer], count: NDArray[np.int64]) -> Floats:
        """What these meters make of a watt or var in their readings of these numbers; shapes broadcast."""
        return self._of(0, meter, count)

    def voltage(self, meter: NDArray[np.integer], count: NDArray[np.int64]) -> Floats:
        """What they make of a volt."""
        return self._of(1, meter, count)

    def _of(self, which: int, meter: NDArray[np.integer], count: NDArray[np.int64]) -> Floats:
        first = 2 + 2 * which
        noise = normal(self._key[first][meter], self._key[first + 1][meter], count)
        return np.asarray(self._gain[which][meter] + noise * (float(self._class[which, 0]) * _NOISE_OF_CLASS))
