"""How much of what a house draws now is left in each block of the horizon: learned for each house, from a prior. Pure.

A house's deviation from its usual day is told in parts: its steps between moving means (`levels`), the session that is
on (`sessions`) and the rest of the slowest mean. What is left of each part in each block is a coefficient, the mean
survival of such a part. Shipped coefficients begin; the feeder's own follow (ridge regression towards the shipped
ones), then each house's (ridge regression towards the feeder's: Hoerl and Kennard 1970, with the prior as centre).

Houses with PV keep the feeder's coefficients: a week of clouds teaches a house what the next week refutes.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.forecast.horizon import BLOCK_MINUTES
from edge_balancer.forecast.usual import pack, unpack
from edge_balancer.types.kept import KeptHouses

Floats = NDArray[np.float64]

PRIOR: Final = np.array(
    [
        [0.55, 0.75, 0.75, 0.88, 0.03, 0.90],
        [0.27, 0.40, 0.45, 0.72, 0.06, 0.78],
        [0.20, 0.13, 0.35, 0.60, 0.07, 0.68],
        [0.13, 0.06, 0.37, 0.42, 0.02, 0.58],
        [0.09, 0.06, 0.25, 0.28, 0.00, 0.44],
        [0.03, 0.05, 0.13, 0.12, 0.00, 0.28],
    ]
)
"""[blocks, parts]: fitted on simulated feeders with and without EVs that no figure is reported on."""
PARTS: Final = PRIOR.shape[1]
STEP_S: Final = 150.0
"""Every block begins and ends at a whole number of these."""
MEMORY_DAYS: Final = 14.0
FEELS_PRIOR: Final = 20_000.0
"""The shipped coefficients count as so many of the feeder's samples: a day of 35 houses."""
FEELS_FEEDER: Final = 3_000.0
"""The feeder's coefficients count as so many of a house's samples: five days."""
SOLVE_S: Final = 3600.0
BOUNDS: Final = (-0.5, 1.5)
"""Of a coefficient: nothing grows as it dies out."""
LARGEST_W: Final = 15_000.0
"""What a house's parts and means count as at most: a meter's wild reading must not teach for a fortnight."""
LEAST_SEEN: Final = 0.8
"""A block counts as seen where readings cover this share of it."""
MOST_SEEN: Final = 1.5
FIRST_ERROR: Final = 0.25
"""Standard error of the forecast as a share of the houses' root mean square, before anything was learned."""
ERROR_PRIOR: Final = 100.0
"""Samples that the first error counts as."""
DAY_S: Final = 86_400.0
_ENDS: Final = np.round(np.cumsum(np.asarray(BLOCK_MINUTES)) * 60.0 / STEP_S).astype(np.intp)
_STARTS: Final = np.concatenate([[0], _ENDS[:-1]])
_KEPT: Final = int(_ENDS[-1]) + 1


class Survival:
    """Coefficients [houses, blocks, parts] and the error of what they tell."""

    def __init__(self, houses: int, learns: NDArray[np.bool_]) -> None:
        """`learns` [houses]: whose own record may change their coefficients."""
        blocks = len(PRIOR)
        self.left: Floats = np.broadcast_to(PRIOR, (houses, blocks, PARTS)).copy()
        self._feeder: Floats = PRIOR.copy()
        self._learns = learns
        self._gram = np.zeros((houses, blocks, PARTS, PARTS))
        self._right = np.zeros((houses, blocks, PARTS))
        # The sums of all houses stand apart, for they are kept over a restart as they are, and the houses' are not.
        self._all_gram = np.zeros((blocks, PARTS, PARTS))
        self._all_right = np.zeros((blocks, PARTS))
        self._all_samples = np.zeros(blocks)
        self._square = np.zeros((houses, blocks))
        self._error_samples = np.zeros((houses, blocks))
        self._parts = np.zeros((_KEPT, houses, PARTS - 1), dtype=np.float32)
        self._rest = np.zeros((_KEPT, houses, blocks), dtype=np.float32)
        self._usual = np.zeros((_KEPT, houses, blocks), dtype=np.float32)
        self._energy = np.zeros((_KEPT, houses))
        self._seen = np.zeros((_KEPT, houses))
        self._count = 0
        self._next: float | None = None
        self._solved_at = -np.inf

    def due(self, now: float) -> bool:
        """Whether a sample is to be taken. One that was missed means that the record begins anew."""
        if self._next is None or now >= self._next + STEP_S:
            self._next, self._count = now, 0
        return now >= self._next

    def sample(self, now: float, parts: Floats, rest: Floats, usual: Floats, energy: Floats, seen: Floats) -> None:
        """Note `parts` [parts - 1, houses], `rest` and `usual` [houses, blocks], W; and what was measured since the
        beginning: `energy` (W s) in `seen` (s) seconds, [houses] each."""
        self._next = (now if self._next is None else self._next) + STEP_S
        row = self._count % _KEPT
        self._parts[row], self._rest[row], self._usual[row] = parts.T, rest, usual
        self._energy[row], self._seen[row] = energy, seen
        self._count += 1
        if self._count >= _KEPT:
            self._learn((row + 1) % _KEPT)
        if now >= self._solved_at + SOLVE_S:
            self._solved_at = now
            self._solve()

    def _learn(self, old: int) -> None:
        """The oldest sample has seen its whole horizon."""
        ends, starts = (old + _ENDS) % _KEPT, (old + _STARTS) % _KEPT
        energy = (self._energy[ends] - self._energy[starts]).T
        seen = (self._seen[ends] - self._seen[starts]).T
        length_s = STEP_S * (_ENDS - _STARTS)
        # A slow meter's mean reaches back to before a short block.
        known = (seen >= LEAST_SEEN * length_s) & (seen <= MOST_SEEN * length_s)
        mean = np.where(known, energy / np.maximum(seen, 1e-9), 0.0)
        blocks = len(PRIOR)
        part = np.repeat(self._parts[old][:, None, :], blocks, axis=1)
        x = np.concatenate([part, self._rest[old][:, :, None]], axis=2).astype(np.float64)
        x = np.clip(x, -LARGEST_W, LARGEST_W) * known[:, :, None]
        y = np.where(known, np.clip(mean - self._usual[old], -LARGEST_W, LARGEST_W), 0.0)
        error = y - np.einsum("hbk,hbk->hb", x, self.left)
        keep = float(np.exp(-STEP_S / (MEMORY_DAYS * DAY_S)))
        gram, right = x[..., :, None] * x[..., None, :], x * y[..., None]
        for total, new in (
            (self._gram, gram),
            (self._right, right),
            (self._all_gram, gram[self._learns].sum(axis=0)),
            (self._all_right, right[self._learns].sum(axis=0)),
            (self._all_samples, known[self._learns].sum(axis=0, dtype=np.float64)),
            (self._square, error**2),
            (self._error_samples, known.astype(np.float64)),
        ):
            np.multiply(total, keep, out=total)
            np.add(total, new, out=total)

    def _solve(self) -> None:
        if not (self._all_samples > 0.0).all():
            return
        gram, right = self._all_gram, self._all_right
        weight = np.zeros_like(gram)
        every = np.arange(PARTS)
        weight[:, every, every] = self._scale()
        pull = FEELS_PRIOR * weight
        feeder = np.linalg.solve(gram + pull, (right + np.einsum("bkl,bl->bk", pull, PRIOR))[..., None])[..., 0]
        if not np.isfinite(feeder).all():
            return
        self._feeder = feeder
        pull = FEELS_FEEDER * weight
        own = self._right + np.einsum("bkl,bl->bk", pull, feeder)
        house = np.linalg.solve(self._gram + pull, own[..., None])[..., 0]
        house = np.where(self._learns[:, None, None], house, feeder)
        good = np.isfinite(house).all(axis=(1, 2), keepdims=True)
        self.left = np.clip(np.where(good, house, feeder), *BOUNDS)

    def _scale(self) -> Floats:
        """[blocks, parts] what a part's square is on average; a part that was never seen keeps its prior."""
        square = np.einsum("bkk->bk", self._all_gram) / np.maximum(self._all_samples, 1e-9)[:, None]
        return np.asarray(np.maximum(square, 1.0))

    def error_va(self, first_va: float, counts: NDArray[np.bool_] | None = None) -> Floats:
        """Standard error of the forecast of all houses' sum, [blocks], VA, the houses' errors taken as independent.
        `first_va`: root mean square of a house's load, for houses of which nothing is known yet."""
        prior = (FIRST_ERROR * first_va) ** 2
        square = (self._square + ERROR_PRIOR * prior) / (self._error_samples + ERROR_PRIOR)
        return np.asarray(np.sqrt((square if counts is None else square[counts]).sum(axis=0)))

    def learned(self) -> dict[str, Any]:
        """The coefficients and errors; after a restart they are where learning goes on from."""
        return {
            "left": pack(self.left.astype(np.float32)),
            "feeder": pack(self._feeder.astype(np.float32)),
            "square": pack(self._square.astype(np.float32)),
            "samples": pack(self._error_samples.astype(np.float32)),
            "all_gram": pack(self._all_gram),
            "all_right": pack(self._all_right),
            "all_samples": pack(self._all_samples),
        }

    def relearn(self, learned: Any, houses: KeptHouses) -> bool:
        """Take back what `learned()` gave, of `houses`; a house that is new begins with the feeder's coefficients.
        False where it does not fit; nothing is changed then."""
        n = houses.count
        try:
            left = unpack(learned["left"], np.float32, (n, *self.left.shape[1:]))
            feeder = unpack(learned["feeder"], np.float32, self._feeder.shape)
            square = unpack(learned["square"], np.float32, (n, *self._square.shape[1:]))
            samples = unpack(learned["samples"], np.float32, (n, *self._error_samples.shape[1:]))
            all_gram = unpack(learned["all_gram"], np.float64, self._all_gram.shape)
            all_right = unpack(learned["all_right"], np.float64, self._all_right.shape)
            all_samples = unpack(learned["all_samples"], np.float64, self._all_samples.shape)
        except (KeyError, TypeError, ValueError):
            return False
        values = (left, feeder, square, samples, all_gram, all_right, all_samples)
        counts = (square, samples, all_samples)
        if not all(np.isfinite(value).all() for value in values) or any((value < 0).any() for value in counts):
            return False
        self._feeder = feeder.astype(np.float64)
        self.left = np.broadcast_to(np.clip(self._feeder, *BOUNDS), self.left.shape).copy()
        houses.place(np.clip(left.astype(np.float64), *BOUNDS), self.left)
        houses.place(square, self._square)
        houses.place(samples, self._error_samples)
        self._all_gram[:], self._all_right[:], self._all_samples[:] = all_gram, all_right, all_samples
        self._resume()
        return True

    def _resume(self) -> None:
        """A house's samples are not kept over a restart; what they taught is, as a record of so many samples from
        which, pulled towards the feeder's coefficients, the same ones follow."""
        count = np.where(self._learns[:, None], np.minimum(self._error_samples, FEELS_FEEDER), 0.0)[..., None]
        scale = self._scale()
        every = np.arange(PARTS)
        self._gram[:] = 0.0
        self._gram[..., every, every] = count * scale
        pulled = FEELS_FEEDER * scale * (self.left - self._feeder)
        self._right[:] = np.where(count > 0.0, count * scale * self.left + pulled, 0.0)
