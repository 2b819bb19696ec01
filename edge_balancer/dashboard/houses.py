"""The houses as the API shows them, and what changed in them between two views. Runs in the server's thread."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.dashboard.api.model import House, name_of
from edge_balancer.dashboard.board import Floats, View
from edge_balancer.settings.root import Configuration

Row = tuple[str, dict[str, Any]]
"""`[house's id, {field: value}]`"""

_PHASE_NAMES: Final = ("L1", "L2", "L3", None)
"""By index; -1 is the last."""
_NO_LOCK: Final = ""
# Finer than any meter, and coarse enough that noise in the last bits is no change.
_POWER_DIGITS: Final = 1
_VOLT_DIGITS: Final = 2
_OHM_DIGITS: Final = 3
_TIME_DIGITS: Final = 3


class HouseTable:
    """All houses in columns of JSON values, as of the last view that was taken."""

    def __init__(self, config: Configuration) -> None:
        houses = config.houses
        self._config = config
        self.ids = tuple(house.id for house in houses)
        self.index = {name: k for k, name in enumerate(self.ids)}
        self._most = config.decision.max_operations_per_house_day
        self._three = np.array([house.three_phase for house in houses], dtype=bool)
        self._columns: dict[str, NDArray[Any]] = {}
        self._walls: dict[str, tuple[Floats, Floats]] = {}

    def take(self, view: View) -> list[Row]:
        """Take a newer view; gives the rows that changed, with what changed in them."""
        columns = self._of(view)
        before, self._columns = self._columns, columns
        changes: dict[int, dict[str, Any]] = {}
        for name, column in columns.items():
            old = before.get(name)
            changed = np.arange(len(column)) if old is None else np.flatnonzero(_differs(old, column))
            for k in changed.tolist():
                changes.setdefault(k, {})[name] = _plain(column[k])
        return [(self.ids[k], changed) for k, changed in changes.items()]

    def all(self) -> list[House]:
        """Every house, in the configuration's order. Raises RuntimeError before the first view."""
        return [self.house(k) for k in range(len(self.ids))]

    def house(self, k: int) -> House:
        """One house by its place."""
        if not self._columns:
            raise RuntimeError("no view was taken yet")
        settings = self._config.houses[k]
        values = {name: _plain(column[k]) for name, column in self._columns.items()}
        return House(
            id=settings.id,
            configured_phase=None if settings.phase is None else name_of(settings.phase),
            switchable=settings.switchable,
            three_phase=settings.three_phase,
            pv=settings.pv_w > 0.0,
            critical=settings.critical,
            **values,
        )

    def _of(self, view: View) -> dict[str, NDArray[Any]]:
        now = view.houses
        p = np.where(self._three, now.p3.sum(axis=1), now.p)
        q = np.where(self._three, now.q3.sum(axis=1), now.q)
        heard = np.isfinite(now.at)
        p[~heard] = q[~heard] = np.nan
        with np.errstate(invalid="ignore"):
            v = np.where(self._three, _mean_of_known(now.v3), now.v)
        locked = np.full(len(self.ids), _NO_LOCK, dtype=object)
        for k, reason in now.lock_reason.items():
            locked[k] = reason
        return {
            "phase": np.array([_PHASE_NAMES[phase] for phase in now.phase.tolist()], dtype=object),
            "p": np.round(p, _POWER_DIGITS),
            "q": np.round(q, _POWER_DIGITS),
            "v": np.round(v, _VOLT_DIGITS),
            "t": self._wall("t", now.at, view),
            "fresh": now.fresh,
            "in_flight": now.in_flight,
            "known": now.known,
            "offline": now.offline,
            "locked": locked,
            "doubt": np.round(now.doubt, 2),
            "operations_24h": now.operations_day,
            "operations_left": np.maximum(0, self._most - now.operations_day),
            "last_move": self._wall("last_move", now.last_move, view),
            "distance_ohm": np.round(now.distance_ohm, _OHM_DIGITS),
        }

    def _wall(self, name: str, mono: Floats, view: View) -> Floats:
        """Unix seconds of monotonic ones. Said once: the two clocks drift, and an old time does not change for it."""
        with np.errstate(invalid="ignore"):
            wall = np.where(np.isfinite(mono), np.round(mono - view.mono + view.wall, _TIME_DIGITS), np.nan)
        if name in self._walls:
            before_mono, before_wall = self._walls[name]
            wall = np.where(mono == before_mono, before_wall, wall)
        self._walls[name] = (mono, wall)
        return wall


def _differs(old: NDArray[Any], new: NDArray[Any]) -> NDArray[np.bool_]:
    changed = old != new
    if new.dtype.kind == "f":
        changed &= ~(np.isnan(old) & np.isnan(new))
    return np.asarray(changed)


def _mean_of_known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.isfinite(values)
    return np.asarray(np.where(known, values, 0.0).sum(axis=1) / np.where(known.any(axis=1), known.sum(axis=1), np.nan))


def _plain(value: Any) -> Any:
    """As JSON has it: NaN and the absence of a lock are null."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if value == value else None
    return None if value == _NO_LOCK else value
