"""The houses of a feeder: their names, their roofs, and the phases that electricians left them on. No consumption.

Who lives in them is in `households`, where they hang in `grid`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.twin.grid.style import Style
from edge_balancer.twin.noise import Floats
from edge_balancer.twin.options import TwinOptions
from edge_balancer.twin.weather import Roof, draw_roofs
from edge_balancer.types.phases import Phase

# How electricians left 55 houses on the three phases of the IEEE European LV feeder: 21, 19 and 15.
_PHASE_SHARE: Final = (21 / 55, 19 / 55, 15 / 55)
_MINI_GRID_DC_W: Final = (200.0, 1200.0)
"""Panels of a shop or a clinic there: a European roof would feed in more than the whole grid uses."""


@dataclass(frozen=True, slots=True)
class Houses:
    """The houses, one entry each."""

    ids: tuple[str, ...]
    phases: NDArray[np.int64]
    """Phase at the beginning."""
    roofs: tuple[Roof, ...]
    """In the order of their houses."""

    def __len__(self) -> int:
        return len(self.ids)

    def phase_of(self, house: int) -> Phase:
        return Phase(int(self.phases[house]))

    @property
    def roof_of(self) -> NDArray[np.int64]:
        """Index of the house of each roof."""
        return np.array([roof.house for roof in self.roofs], dtype=np.int64)

    @property
    def pv_w(self) -> Floats:
        """What each house's inverter feeds in at most; zero without PV."""
        out = np.zeros(len(self.ids))
        out[self.roof_of] = [roof.ac_w for roof in self.roofs]
        return out


def _split(count: int, shares: tuple[float, float, float]) -> list[int]:
    """`count` things over three phases by largest remainder."""
    exact = [count * share for share in shares]
    whole = [int(x) for x in exact]
    for k in sorted(range(3), key=lambda k: whole[k] - exact[k])[: count - sum(whole)]:
        whole[k] += 1
    return whole


def _phases(options: TwinOptions, has_pv: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Phases such that PV is skewed as asked while the numbers of houses stay as electricians leave them."""
    skewed = int(options.skewed_phase)
    rest = (1.0 - options.pv_skew) / 2.0
    share = [rest, rest, rest]
    share[skewed] = options.pv_skew
    order = [skewed, (skewed + 1) % 3, (skewed + 2) % 3]
    wanted = [0, 0, 0]
    for phase, houses in zip(order, _split(options.houses, _PHASE_SHARE), strict=True):
        wanted[phase] = houses
    pv = _split(int(has_pv.sum()), (share[0], share[1], share[2]))
    plain_total = options.houses - sum(pv)
    room = [max(0, wanted[k] - pv[k]) for k in range(3)]
    total_room = sum(room)
    plain_share = [r / total_room for r in room] if total_room else [1 / 3] * 3
    plain = _split(plain_total, (plain_share[0], plain_share[1], plain_share[2]))
    phases = np.empty(options.houses, dtype=np.int64)
    phases[has_pv] = rng.permutation(np.repeat(np.arange(3), pv))
    phases[~has_pv] = rng.permutation(np.repeat(np.arange(3), plain))
    return phases


def draw_houses(options: TwinOptions) -> Houses:
    """The houses of a feeder with these options."""
    n = options.houses
    if options.style is Style.MINI_GRID:
        roofs = draw_roofs(n, options.pv_share, options.seed, southern=True, dc_w=_MINI_GRID_DC_W)
    else:
        roofs = draw_roofs(n, options.pv_share, options.seed)
    has_pv = np.zeros(n, dtype=np.bool_)
    has_pv[[roof.house for roof in roofs]] = True
    width = max(2, len(str(n)))
    return Houses(
        ids=tuple(f"h{k:0{width}d}" for k in range(1, n + 1)),
        phases=_phases(options, has_pv, np.random.default_rng([options.seed, 1])),
        roofs=roofs,
    )
