"""Single clouds that drift past the sun, second by second. It knows no time of day and no panel."""

from __future__ import annotations

from typing import Final

import numpy as np

from edge_balancer.twin.noise import Floats

_CHORD_EXPONENT: Final = 1.66
_SHORTEST_M: Final = 80.0
_LONGEST_M: Final = 8000.0
_GAP_SHORTEST_M: Final = 60.0
_EDGE_S: Final = (5, 9)
"""Two running means that soften edges: a cloud's rim and the size of a roof take that long to cross."""
_BRIGHTENING: Final = 0.12
"""Most that a gap between clouds is brighter than a cloudless sky."""


def _chords_m(u: Floats, shortest: float) -> Floats:
    """Lengths of a truncated power law with density x^-1.66, by inversion of its distribution."""
    power = 1.0 - _CHORD_EXPONENT
    low, high = shortest**power, _LONGEST_M**power
    return np.asarray((low + u * (high - low)) ** (1.0 / power))


def _mean_chord_m(shortest: float) -> float:
    a = _CHORD_EXPONENT
    upper = (_LONGEST_M ** (2.0 - a) - shortest ** (2.0 - a)) / (2.0 - a)
    return float(upper / ((shortest ** (1.0 - a) - _LONGEST_M ** (1.0 - a)) / (a - 1.0)))


def passing_clouds(seconds: int, cover: float, wind_m_s: float, rng: np.random.Generator) -> Floats:
    """Clear-sky index at each second while clouds pass that cover the fraction `cover` of the sky on average."""
    # Gaps follow the same law, stretched so that the shares of cloud and gap are as asked.
    stretch = (1.0 - cover) / cover * _mean_chord_m(_SHORTEST_M) / _mean_chord_m(_GAP_SHORTEST_M)
    mean_pair_s = _mean_chord_m(_SHORTEST_M) / cover / wind_m_s
    count = int(4.0 * seconds / mean_pair_s) + 40
    cloud_m = _chords_m(rng.random(count), _SHORTEST_M)
    gap_m = stretch * _chords_m(rng.random(count), _GAP_SHORTEST_M)
    # Small clouds are thin; each cloud has a depth of its own.
    depth = np.clip(0.28 + 0.11 * np.log(cloud_m / _SHORTEST_M) + rng.uniform(-0.16, 0.2, count), 0.1, 0.85)
    bright = _BRIGHTENING * rng.random(count) ** 2
    levels = np.stack([1.0 + bright, 1.0 - depth], axis=1).reshape(-1)
    ends = np.cumsum(np.stack([gap_m, cloud_m], axis=1).reshape(-1)) / wind_m_s
    # The watcher comes upon the procession somewhere, not always at the beginning of a gap.
    offset = rng.random() * mean_pair_s * 10.0
    which = np.searchsorted(ends, offset + np.arange(seconds), side="right")
    return np.asarray(levels[which % len(levels)])


def soften(index: Floats) -> Floats:
    """Two running means one after another, so that no edge is a step; the ends keep their level."""
    for width in _EDGE_S:
        half = width // 2
        padded = np.concatenate([np.full(half, index[0]), index, np.full(half, index[-1])])
        total = np.concatenate([[0.0], np.cumsum(padded)])
        index = (total[width:] - total[:-width]) / width
    return index
