"""What each house usually draws at each time of day: a mean that forgets. Pure: time is handed in."""

from __future__ import annotations

import base64
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.types.kept import KeptHouses

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

DAY_S: Final = 86_400.0
BINS: Final = 48
"""Half hours of a day. Days are UTC days: only the period matters, and UTC has no changes of summer time."""
UNKNOWN_PAGE: Final = -1
MEMORY_DAYS: Final = 7.0
"""The mean forgets with this time constant, so that it follows seasons and habits."""


class UsualDay:
    """Means of P + jQ (W, var) of `houses` houses over the half hours of a day."""

    def __init__(self, houses: int) -> None:
        self._day: Complex = np.zeros((houses, BINS), dtype=np.complex128)
        self._days: Floats = np.zeros((houses, BINS))
        self._bin_sum: Complex = np.zeros(houses, dtype=np.complex128)
        self._bin_weight: Floats = np.zeros(houses)
        self._bin = UNKNOWN_PAGE

    def turn_page(self, wall: float) -> None:
        """At each new half hour, fold the finished one into the mean. While the time is not known (NaN) nothing is
        learned."""
        page = int(wall % DAY_S // (DAY_S / BINS)) if wall == wall else UNKNOWN_PAGE
        if page == self._bin:
            return
        if self._bin >= 0:
            seen = np.flatnonzero(self._bin_weight > 0)
            days = self._days[seen, self._bin]
            mean = self._bin_sum[seen] / self._bin_weight[seen]
            # A piece of a half hour counts as much as it is long.
            share = np.minimum(self._bin_weight[seen] / (DAY_S / BINS), 1.0)
            step = share / np.minimum(days + share, MEMORY_DAYS)
            self._day[seen, self._bin] += step * (mean - self._day[seen, self._bin])
            self._days[seen, self._bin] = days + share
        self._bin = page
        self._bin_sum[:] = 0.0
        self._bin_weight[:] = 0.0

    def add(self, index: NDArray[np.intp], load: Complex, seconds: Floats) -> None:
        """Houses `index` drew `load` for so many seconds of this half hour."""
        if self._bin == UNKNOWN_PAGE:
            return
        self._bin_sum[index] += seconds * load
        self._bin_weight[index] += seconds

    def known_at(self, wall: float, ahead_s: Floats) -> tuple[Complex, Floats]:
        """The mean at instants `ahead_s` [n] from now, and how much is known of it, [houses, n] each; nothing is where
        the time is not known (NaN)."""
        if wall != wall:
            nothing = np.zeros((len(self._day), len(ahead_s)))
            return nothing.astype(np.complex128), nothing
        bins = ((wall + ahead_s) % DAY_S // (DAY_S / BINS)).astype(np.intp)
        # Half-hour means of one house and few days are rough: take the neighbours in (1-2-1).
        near = np.stack([(bins - 1) % BINS, bins, (bins + 1) % BINS])
        weight = np.minimum(self._days[:, near], 1.0) * np.array([1.0, 2.0, 1.0])[None, :, None]
        total = weight.sum(axis=1)
        return (self._day[:, near] * weight).sum(axis=1) / np.maximum(total, 1e-9), total

    def learned(self) -> dict[str, Any]:
        return {
            "bins": BINS,
            "day": pack(self._day.astype(np.complex64)),
            "days": pack(self._days.astype(np.float32)),
        }

    def relearn(self, learned: Any, houses: KeptHouses) -> bool:
        """Take back what `learned()` gave, of `houses`. False where it does not fit; nothing is changed then."""
        try:
            day = unpack(learned["day"], np.complex64, (houses.count, BINS))
            days = unpack(learned["days"], np.float32, (houses.count, BINS))
        except (KeyError, TypeError, ValueError):
            return False
        if not (np.isfinite(day).all() and np.isfinite(days).all() and (days >= 0.0).all()):
            return False
        houses.place(day, self._day)
        houses.place(days, self._days)
        return True


def pack(array: NDArray[Any]) -> str:
    """An array's bytes as text."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def unpack(text: Any, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """What `pack` gave. Raises ValueError or TypeError where it does not fit."""
    return np.frombuffer(base64.b64decode(text), dtype=dtype).reshape(shape)
