"""On which phases an electrician has left the houses: as many on each, their roofs crowded on one. Pure.

The feeders that `twin` itself makes spread their houses less evenly: see `twin.houses`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def crowded_phases(
    with_roof: NDArray[np.bool_], single: NDArray[np.bool_], skew: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Phases (H,) of the `single`-phase houses (H,), 0 for all others.

    The fraction `skew` of the roofs is on one phase, drawn; what is left of them is shared by the other two, and houses
    without a roof fill up until there are as many on each.
    """
    phase = np.zeros(len(with_roof), dtype=np.int64)
    count = np.zeros(3, dtype=np.int64)
    roofs = rng.permutation(np.flatnonzero(single & with_roof))
    crowded = min(round(skew * len(roofs)), -(-int(single.sum()) // 3))
    for place, house in enumerate(roofs.tolist()):
        phase[house] = 0 if place < crowded else 1 + (place - crowded) % 2
        count[phase[house]] += 1
    for house in rng.permutation(np.flatnonzero(single & ~with_roof)).tolist():
        phase[house] = int(np.argmin(count))
        count[phase[house]] += 1
    turned = np.roll(np.arange(3), int(rng.integers(3)))[phase]
    return np.where(single, turned, 0).astype(np.int64)
