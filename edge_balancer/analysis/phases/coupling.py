"""How much two houses' voltages have in common, so that each house is compared with its neighbours. Pure.

With the changes w of `changes`, the correlation of two houses over the lags -1, 0, 1, by which clocks may be apart, is
kept for each of the three ways in which their recorded phases can lie to each other; the largest magnitude of the
three, r, says how much of the way from the transformer they share, wherever they have been moved. Houses on another
street tell little of this one, and their loads would stand in the mean of a phase like noise that one phase has more of
than another. The magnitude, since a load lowers its own phase and lifts the others: by the sign, of all houses that are
recorded on a phase the wrongly recorded would count most. It counts as the square up to 1/2 and no further, so that no
single neighbour is believed alone. Correlation of neighbours is what L. Blakely and M. Reno cluster by, "Phase
identification using co-association matrix ensemble clustering", IET Smart Grid 3 (2020) 490-499.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.phases.regression import Floats32
from edge_balancer.analysis.phases.window import Bools, Floats

Bytes = NDArray[np.uint8]

FLOOR: Final = 0.02
"""Weight of a house with which nothing is shared as far as known: many of them still make a mean."""
_FULL: Final = 0.5
LEAST_SHARED: Final = 0.45
"""Mean r of the two nearest: below it what looks like neighbours may be rounding and clocks. Tuned on the twin."""


class Coupling:
    """Sums over pairs of H houses: six values a pair, however long it runs."""

    def __init__(self, houses: int) -> None:
        self._products = np.zeros((3, houses, houses), dtype=np.float32)
        self._energy = np.zeros((3, houses, houses), dtype=np.float32)
        """Of the first house, over what the second was seen in too."""

    def add(self, w: Floats, use: Bools, frame: NDArray[np.int64]) -> Iterator[None]:
        """Changes [S, H] of a window with the recorded phases [S, H]; in steps, since each costs H^2 S operations."""
        w = np.where(use, w, 0.0)
        smooth = w.copy()
        smooth[1:] += w[:-1]
        smooth[:-1] += w[1:]
        on = [use & (frame == k) for k in range(3)]
        for way in range(3):
            yield
            for k in range(3):
                mine, other = on[k], on[(k + way) % 3]
                self._products[way] += (w * mine).T @ (smooth * other)
                self._energy[way] += (w * w * mine).T @ other.astype(np.float64)

    def forget(self, keep: float) -> None:
        """Weighs everything so far with `keep`, 0 to 1."""
        self._products *= np.float32(keep)
        self._energy *= np.float32(keep)

    def packed(self) -> tuple[Floats32, Bytes, Bytes]:
        """For `unpack`: energies of the houses, and of each way and pair in a byte each the share of the energy, and
        the correlation.
        """
        own = np.diagonal(self._energy[0]).astype("<f4")
        share = self._energy / np.where(own > 0.0, own, 1.0)[None, :, None]
        # Above 0 for whatever is above 0: shared energy of which nothing is kept would be no correlation.
        shares = np.ceil(255.0 * np.clip(share, 0.0, 1.0)).astype(np.uint8)
        scale = np.sqrt(self._energy * self._back())
        ratio = self._products / np.where(scale > 0.0, scale, 1.0)
        return own, shares, np.round(85.0 * np.clip(ratio, -1.5, 1.5) + 128.0).astype(np.uint8)

    def unpack(self, own: Floats32, shares: Bytes, ratios: Bytes) -> None:
        """Takes back what `packed` gave."""
        self._energy = shares.reshape(self._energy.shape).astype(np.float32) / np.float32(255.0) * own[None, :, None]
        ratio = (ratios.reshape(self._energy.shape).astype(np.float32) - np.float32(128.0)) / np.float32(85.0)
        self._products = ratio * np.sqrt(self._energy * self._back())

    def weights(self) -> Floats:
        """[H, H] how much each house (row) should be compared with each other one; 0 with itself."""
        weights: Floats = FLOOR + np.minimum(self._shared() / _FULL, 1.0) ** 2
        np.fill_diagonal(weights, 0.0)
        return weights

    def lonely(self) -> Bools:
        """[H] whether the house has no two neighbours whose voltages have enough in common with its own."""
        nearest = np.sort(self._shared(), axis=1)[:, -2:]
        return np.asarray(nearest.mean(axis=1) < LEAST_SHARED)

    def _shared(self) -> Floats:
        """[H, H] r, 0 with itself."""
        scale = np.sqrt(self._energy * self._back())
        ratio = np.where(scale > 0.0, np.abs(self._products) / np.where(scale > 0.0, scale, 1.0), 0.0)
        shared = np.asarray(ratio.max(axis=0), dtype=np.float64)
        np.fill_diagonal(shared, 0.0)
        return shared

    def _back(self) -> Floats32:
        """[3, H, H] energy of the second house: the way back of a pair is the way of the pair turned round."""
        return np.stack([self._energy[-way % 3].T for way in range(3)])
