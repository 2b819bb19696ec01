"""Who lives on the feeder: phases, PV, cars, appliances and habits of each house, drawn once from the seed.

Nothing here depends on time; what the houses draw at an instant is in `loads` and `solar`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.twin.noise import Floats
from edge_balancer.twin.options import TwinOptions
from edge_balancer.types.phases import Phase

# How electricians left 55 houses on the three phases of the IEEE European LV feeder: 21, 19 and 15.
_PHASE_SHARE: Final = (21 / 55, 19 / 55, 15 / 55)


@dataclass(frozen=True, slots=True)
class Houses:
    """The houses, one entry each; powers in W."""

    ids: tuple[str, ...]
    phases: NDArray[np.int64]
    """Phase at the beginning."""
    pv_w: Floats
    """Rated PV power; zero without PV."""
    tilt: Floats
    """Of the panels, radians from the horizontal."""
    azimuth: Floats
    """Of the panels, radians, 0 is south, west is positive."""
    base_w: Floats
    base_tan_phi: Floats
    occupants: Floats
    """Scales how often things are used; mean 1."""
    habit_shift_h: Floats
    """How much later than others this household does everything."""
    fridge_w: Floats
    fridge_period_s: Floats
    ev_w: Floats
    """Power of the charging point; zero without a car."""

    def __len__(self) -> int:
        return len(self.ids)

    def phase_of(self, house: int) -> Phase:
        return Phase(int(self.phases[house]))


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
    rng = np.random.default_rng([options.seed, 1])
    n = options.houses
    chosen = rng.permutation(n)
    has_pv = np.zeros(n, dtype=np.bool_)
    has_pv[chosen[: round(options.pv_share * n)]] = True
    has_ev = np.zeros(n, dtype=np.bool_)
    has_ev[rng.permutation(n)[: round(options.ev_share * n)]] = True
    width = max(2, len(str(n)))
    return Houses(
        ids=tuple(f"h{k:0{width}d}" for k in range(1, n + 1)),
        phases=_phases(options, has_pv, rng),
        # Module counts are whole, so roof sizes come in steps; a single-phase house may usually feed in up to 4.6 kW.
        pv_w=np.where(has_pv, np.round(rng.uniform(1600.0, 4800.0, n) / 400.0) * 400.0, 0.0),
        tilt=np.radians(rng.uniform(15.0, 42.0, n)),
        azimuth=np.radians(rng.normal(0.0, 35.0, n).clip(-90.0, 90.0)),
        base_w=rng.lognormal(np.log(110.0), 0.45, n).clip(35.0, 450.0),
        base_tan_phi=rng.uniform(0.2, 0.5, n),
        occupants=rng.gamma(4.0, 0.25, n).clip(0.3, 2.5),
        habit_shift_h=rng.normal(0.0, 0.6, n).clip(-1.5, 1.5),
        fridge_w=rng.uniform(70.0, 140.0, n),
        fridge_period_s=rng.uniform(2100.0, 4200.0, n),
        ev_w=np.where(has_ev, rng.choice([3680.0, 7360.0], n, p=[0.6, 0.4]), 0.0),
    )
