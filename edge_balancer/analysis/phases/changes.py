"""From voltages to what tells phases apart: changes from slot to slot, without what all houses share. Pure.

With dV_h the change of a house's voltage, c the mean of the middle half of all houses' (what the medium voltage does,
without what a load does to its own street), and dP_h, dQ_h the changes of the house's own power,

    dV_h(t) = sum_l gamma_hl c(t - l) + r_h dP_h(t) + x_h dQ_h(t) + w_h(t)        l = -2 .. 2 slots

leaves in w_h what other houses' loads do to this one. The lags stand for clocks that are up to a minute off: a tap of
the transformer's that two meters put into different minutes would else tie together houses whose clocks agree. The own
drop is that of T. Short, "Advanced metering for phase identification, transformer identification, and secondary
modeling", IEEE Trans. Smart Grid 4 (2013) 651-658.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_balancer.analysis.phases.regression import Regression
from edge_balancer.analysis.phases.window import Bools, Floats, Window

COMMON_LAGS: Final = 2
COMMON: Final = 2 * COMMON_LAGS + 1
OWN: Final = 2
EDGE: Final = 3
"""Slots at either end of a window that lags would reach beyond."""
_JUMP: Final = 6.0
"""A common change of so many standard deviations is a tap or a fault upstream."""
_CLIP: Final = 5.0
_RESOLUTION_V: Final = 0.1
_LEAST_LIVE: Final = 0.3
"""Below this fraction of its usual voltage a house is without supply."""
_KILO: Final = 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """S changes (one fewer than slots). `use` [S, H]: where a value of that house counts; all others are 0."""

    dv: Floats
    """[S, H] V as measured."""
    common: Floats
    """[S, 5] c at its lags."""
    own: Floats
    """[S, H, 2] kW and kvar; 0 where the house's power is not known."""
    use: Bools
    powered: Bools
    """[H] whether the house's power is known."""
    transformer: Floats
    """[S, 3] without what is common; 0 where not measured."""
    transformer_use: Bools


def lagged(x: Floats, lag: int) -> Floats:
    """The values `lag` slots earlier, 0 where there are none."""
    out = np.zeros_like(x)
    if lag > 0:
        out[lag:] = x[:-lag]
    elif lag < 0:
        out[:lag] = x[-lag:]
    else:
        out[:] = x
    return out


def changes(window: Window) -> Changes:
    """The changes of a window; slots around a jump of all voltages, a move or a gap are not used."""
    live = np.isfinite(window.volts)
    level = float(np.nanmedian(window.volts)) if live.any() else 0.0
    live &= np.where(live, window.volts, 0.0) > _LEAST_LIVE * level
    dv = np.diff(np.where(live, window.volts, np.nan), axis=0)
    quiet = ~_jumps(dv)
    use = np.isfinite(dv) & quiet[:, None] & (np.diff(window.recorded, axis=0) == 0)
    powered = np.isfinite(window.power_w).mean(axis=0) > 0.5
    dp = np.diff(window.power_w, axis=0) / _KILO
    dq = np.diff(np.where(np.isfinite(window.reactive_var), window.reactive_var, 0.0), axis=0) / _KILO
    # A house with a power meter is judged where that spoke; another one by its voltage alone.
    use &= np.isfinite(dp) | ~powered
    use[:EDGE] = use[-EDGE:] = False
    own = np.stack([dp, dq], axis=2)
    own = np.where(np.isfinite(own) & powered[:, None], own, 0.0)
    common = _midmean(dv, np.isfinite(dv) & quiet[:, None])
    at_lags = np.stack([lagged(common, lag) for lag in range(-COMMON_LAGS, COMMON_LAGS + 1)], axis=1)
    known, kept = _transformer(window, common, quiet)
    return Changes(np.where(use, dv, 0.0), at_lags, own, use, powered, known, kept)


def residuals(found: Changes, own_drop: Regression) -> Floats:
    """w [S, H] by what was learned so far; beyond five standard deviations it is cut off there, 0 where not used."""
    coefficients = own_drop.coefficients()
    w = found.dv - found.common @ coefficients[:, :COMMON].T
    w -= np.einsum("shk,hk->sh", found.own, coefficients[:, COMMON:])
    return _clipped(w, found.use)


def own_drop_regression(houses: int) -> Regression:
    """Of a house's voltage on what all share and on its own power."""
    return Regression(houses, np.array([1.0] * COMMON + [10.0] * OWN))


def learn_own_drop(found: Changes, regression: Regression, houses: Iterable[int]) -> None:
    """Adds a window to what is known of these houses' own drop."""
    for h in houses:
        rows = found.use[:, h]
        x = np.concatenate([found.common[rows], found.own[rows, h]], axis=1)
        regression.add(h, x, found.dv[rows, h])


def _jumps(dv: Floats) -> Bools:
    """[S] whether all voltages jump about then."""
    some = np.isfinite(dv).any(axis=1)
    middle = np.zeros(len(dv))
    middle[some] = np.nanmedian(dv[some], axis=1)
    spread = 1.4826 * float(np.median(np.abs(middle[some]))) if some.any() else 0.0
    jump = np.abs(middle) > _JUMP * (spread + 0.5 * _RESOLUTION_V)
    near = jump.copy()
    for lag in range(1, COMMON_LAGS + 1):
        near[lag:] |= jump[:-lag]
        near[:-lag] |= jump[lag:]
    return near


def _midmean(values: Floats, use: Bools) -> Floats:
    """[S] mean of the middle half of the houses' values: what all share, without what loads do to some of them."""
    ordered = np.sort(np.where(use, values, np.inf), axis=1)
    count = use.sum(axis=1)[:, None]
    place = np.arange(values.shape[1]) + 0.5
    middle = (place >= 0.25 * count) & (place <= count - 0.25 * count)
    mean: Floats = np.where(middle, ordered, 0.0).sum(axis=1) / np.maximum(middle.sum(axis=1), 1)
    return mean


def _clipped(w: Floats, use: Bools) -> Floats:
    seen = np.where(use, np.abs(w), np.nan)
    some = use.any(axis=0)
    limit = np.zeros(w.shape[1])
    limit[some] = _CLIP * (1.4826 * np.nanmedian(seen[:, some], axis=0) + _RESOLUTION_V)
    cut: Floats = np.where(use, np.clip(w, -limit, limit), 0.0)
    return cut


def _transformer(window: Window, common: Floats, quiet: Bools) -> tuple[Floats, Bools]:
    """The transformer's changes without what its three phases share: the part that differs is all that tells."""
    if window.transformer_v is None:
        return np.zeros((len(common), 3)), np.zeros(len(common), dtype=np.bool_)
    dv = np.diff(window.transformer_v, axis=0)
    use = np.isfinite(dv).all(axis=1) & quiet
    dv = np.where(use[:, None], dv, 0.0)
    return _clipped(dv - dv.mean(axis=1, keepdims=True), np.repeat(use[:, None], 3, axis=1)), use
