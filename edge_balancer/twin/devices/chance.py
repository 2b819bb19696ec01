"""Chances that hang on a device and its own count of events alone, as arrays. Stateless; not for secrets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_balancer.twin.noise import Floats, Keys, keys, value_noise


def device_keys(seed: int, tag: int, devices: int, streams: int) -> Keys:
    """[streams, devices]. A device has the same keys however many others there are."""
    each = [keys(np.random.default_rng([seed, tag, k]), streams) for k in range(devices)]
    return np.array(each, dtype=np.uint64).reshape(devices, streams).T.copy()


def uniform(key: Keys, count: NDArray[np.int64]) -> Floats:
    """Uniform in [0, 1), for each key and count of events."""
    return value_noise(count.astype(np.float64), key)


def normal(key: Keys, other: Keys, count: NDArray[np.int64]) -> Floats:
    """Standard normal from two streams (Box and Muller, 1958)."""
    radius = np.sqrt(-2.0 * np.log1p(-uniform(key, count)))
    return np.asarray(radius * np.cos(2.0 * np.pi * uniform(other, count)))
