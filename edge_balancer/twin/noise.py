"""Smooth random functions of time that can be asked at any instant, in any order, and always answer the same.

They hold no state: each value is made from a hash of the lattice points around the instant. Not for secrets.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Keys = NDArray[np.uint64]

# Constants of splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def _uniform(lattice: NDArray[np.int64], key: Keys) -> Floats:
    """A uniform value in [0, 1) for each lattice point and key."""
    z = (lattice.astype(np.uint64) + key) * _GAMMA
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def keys(rng: np.random.Generator, shape: int | tuple[int, ...]) -> Keys:
    """Keys that make independent noise functions."""
    return rng.integers(0, 2**63, size=shape, dtype=np.uint64)


def value_noise(x: Floats, key: Keys) -> Floats:
    """Smooth noise in [0, 1): random at the integers, a smoothstep between. `x` and `key` broadcast."""
    floor = np.floor(x)
    lattice = floor.astype(np.int64)
    f = x - floor
    weight = f * f * (3.0 - 2.0 * f)
    left = _uniform(lattice, key)
    return left + (_uniform(lattice + 1, key) - left) * weight
