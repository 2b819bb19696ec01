"""How much two houses' voltages have in common, so that each house is compared with its neighbours. Pure.

With the changes w of `changes`, the correlation of two houses over the lags -1, 0, 1, by which clocks may be apart, is
kept for each of the three ways in which their recorded phases can lie to each other; the largest of the three says how
much of the way from the transformer they share, wherever they have been moved. Houses on another street tell little of
this one, and their loads would stand in the mean of a phase like noise that one phase has more of than another.
Correlation of neighbours is what L. Blakely and M. Reno cluster by, "Phase identification using co-association matrix
ensemble clustering", IET Smart Grid 3 (2020) 490-499.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.identification.window import Bools, Floats

FLOOR: Final = 0.02
"""Weight of a house with which nothing is shared as far as known: many of them still make a mean."""


class Coupling:
    """Sums over pairs of H houses: six values a pair, however long it runs."""

    def __init__(self, houses: int) -> None:
        self._products = np.zeros((3, houses, houses), dtype=np.float32)
        self._energy = np.zeros((3, houses, houses), dtype=np.float32)
        """Of the first house, over what the second was seen in too."""

    def add(self, w: Floats, use: Bools, frame: NDArray[np.int64]) -> None:
        """Changes [S, H] of a window with the recorded phases [S, H]."""
        w = np.where(use, w, 0.0)
        smooth = w.copy()
        smooth[1:] += w[:-1]
        smooth[:-1] += w[1:]
        on = [use & (frame == k) for k in range(3)]
        for way in range(3):
            for k in range(3):
                mine, other = on[k], on[(k + way) % 3]
                self._products[way] += (w * mine).T @ (smooth * other)
                self._energy[way] += (w * w * mine).T @ other.astype(np.float64)

    def forget(self, keep: float) -> None:
        """Weighs everything so far with `keep`, 0 to 1."""
        self._products *= np.float32(keep)
        self._energy *= np.float32(keep)

    def weights(self) -> Floats:
        """[H, H] how much each house (row) should be compared with each other one; 0 with itself."""
        # The way back of a pair is the way of the pair turned round.
        back = np.stack([self._energy[-way % 3].T for way in range(3)])
        scale = np.sqrt(self._energy * back)
        shared = np.where(scale > 0.0, self._products / np.where(scale > 0.0, scale, 1.0), 0.0).max(axis=0)
        weights: Floats = FLOOR + np.clip(shared, 0.0, 1.0).astype(np.float64) ** 2
        np.fill_diagonal(weights, 0.0)
        return weights
