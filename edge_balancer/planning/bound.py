"""How good k changes could be at best: a lower bound that holds, by convex relaxation. Pure.

The mean |N| is convex in the shares x of the changes (0 <= x, at most one whole per house, at most k in all). Its
tangent at any x lies below it everywhere, and the tangent's least value over those shares is a sum of the k best
houses: a proven bound at every step of Frank and Wolfe's method (Naval Research Logistics Quarterly 3, 1956). With
many changes the shares can balance nearly everything and the bound says little; it does not hold for the percentile.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from edge_balancer.planning.moves import Moves

_STEPS: Final = 80
_CLOSE: Final = 1e-3
_HALVINGS: Final = 20


def lower_bound(moves: Moves, size: int) -> float:
    """No set of at most `size` changes has a mean neutral current below this, in A."""
    start = moves.start_real + 1j * moves.start_imaginary
    neutral = start.astype(np.complex128)
    shares = np.zeros(moves.count)
    bound = 0.0
    for _ in range(_STEPS):
        magnitude = np.abs(neutral)
        value = float(magnitude.mean())
        towards = neutral / np.where(magnitude > 0.0, magnitude, 1.0) / moves.instants
        slope = moves.real @ towards.real.astype(np.float32) + moves.imaginary @ towards.imag.astype(np.float32)
        vertex = _least(moves, slope, size)
        descent = float(slope.astype(np.float64) @ shares - slope[vertex].sum(dtype=np.float64))
        bound = max(bound, value - descent)
        if value - bound <= _CLOSE * value:
            break
        real, imaginary = moves.neutral(tuple(vertex.tolist()))
        ahead = (real + 1j * imaginary) - neutral
        step = _line_search(neutral, ahead)
        neutral = neutral + step * ahead
        shares *= 1.0 - step
        shares[vertex] += step
    # Slopes are in single precision: what that may be wrong by is given away.
    return max(0.0, bound - 1e-4 * float(np.abs(start).mean()))


def _least(
    moves: Moves, slope: np.ndarray[tuple[int], np.dtype[np.float32]], size: int
) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """The moves that make the tangent least: of each house the better one, of the houses the `size` best."""
    order = np.argsort(slope, kind="stable")
    _, first = np.unique(moves.house[order], return_index=True)
    best = order[np.sort(first)][:size]
    return best[slope[best] < 0.0]


def _line_search(
    neutral: np.ndarray[tuple[int], np.dtype[np.complex128]], ahead: np.ndarray[tuple[int], np.dtype[np.complex128]]
) -> float:
    """The step from 0 to 1 at which the mean magnitude stops falling, by halving."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        there = neutral + middle * ahead
        magnitude = np.abs(there)
        rising = float((there.real * ahead.real + there.imag * ahead.imag) @ (1.0 / np.maximum(magnitude, 1e-12))) > 0
        low, high = (low, middle) if rising else (middle, high)
    return 0.5 * (low + high)
