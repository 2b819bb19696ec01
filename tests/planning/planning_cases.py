"""Small recorded histories for the tests of `plan`: made by hand, or drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_balancer.planning.history import History, on_grid
from edge_balancer.planning.record import HouseSeries, Member, Record, read_csv
from edge_balancer.settings.root import Configuration
from edge_balancer.storage.timespan import Timespan
from edge_balancer.types.phases import Phase
from tests.support.configuration import make_config

T0 = 1_760_000_400


def quiet(_text: str) -> None:
    """Progress that nobody listens to."""


def history_of(
    currents: Sequence[Sequence[complex]],
    phases: Sequence[Phase],
    *,
    volts: Sequence[Sequence[float]] | None = None,
    movable: Sequence[bool] | None = None,
    step_s: float = 60.0,
) -> History:
    """A history without gaps: `currents` (slots, houses) in A in each house's own frame."""
    own = np.array(currents, dtype=np.complex64)
    may = [True] * len(phases) if movable is None else movable
    members = tuple(
        Member(f"h{k}", phase, movable=yes, switchable=yes, eligible=yes)
        for k, (phase, yes) in enumerate(zip(phases, may, strict=True), start=1)
    )
    now = np.array([int(phase) for phase in phases], dtype=np.int8)
    v = np.full(own.shape, np.nan) if volts is None else np.array(volts)
    return History(
        T0 + step_s * np.arange(len(own), dtype=np.float64),
        step_s,
        members,
        own,
        np.ones(own.shape, dtype=np.bool_),
        v.astype(np.float32),
        np.tile(now, (len(own), 1)),
        now,
        len(own),
    )


def drawn_history(seed: int, *, houses: int, slots: int, **options: Any) -> History:
    """Loads that rise and fall, some of them exporting, with reactive power; two of three houses on L1."""
    rng = np.random.default_rng(seed)
    level = rng.normal(4.0, 8.0, houses)
    swing = np.cumsum(rng.normal(0.0, 1.0, (slots, houses)), axis=0)
    own = level + swing + 1j * rng.normal(-1.0, 1.0, (slots, houses))
    phases = [Phase.L1 if rng.random() < 0.67 else Phase(int(rng.integers(3))) for _ in range(houses)]
    return history_of(own.tolist(), phases, **options)


def series_of(t: Sequence[float], p: Sequence[float], *, v: float = 230.0, stands_s: float = 0.0) -> HouseSeries:
    """A house on L1 without reactive power."""
    count = len(t)
    full = np.full(count, v, dtype=np.float32)
    return HouseSeries(
        np.array(t, dtype=np.float64),
        np.array(p, dtype=np.float32),
        np.zeros(count, dtype=np.float32),
        full,
        np.zeros(count, dtype=np.int8),
        np.full(count, stands_s, dtype=np.float32),
        v,
        v,
    )


def record_of(*series: HouseSeries) -> Record:
    members = tuple(
        Member(f"h{k:02d}", Phase.L1, movable=True, switchable=True, eligible=True) for k in range(1, len(series) + 1)
    )
    return Record("record", members, series, ())


def gridded(*series: HouseSeries, **sections: Any) -> History:
    """The series on a grid of minutes, however short they are."""
    config = make_config(len(series), decision={"min_coverage": 0.0}, **sections)
    return on_grid(record_of(*series), config, step_s=60.0, least_hours=1e-6)


def steady(power_w: float) -> Callable[[int, int], float]:
    """The same power for every house at every minute."""
    return lambda _minute, _house: power_w


def write_csv(path: Path, minutes: int, houses: Sequence[str], power_w: Callable[[int, int], float]) -> Path:
    """Minute readings at 230 V; `power_w(minute, index of the house)`."""
    rows = ["t,house,p,q,v"]
    for minute in range(minutes):
        rows += [f"{T0 + 60 * minute},{h},{power_w(minute, k)},0,230" for k, h in enumerate(houses)]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def read(path: Path, config: Configuration, *, only_switchable: bool = False) -> Record:
    return read_csv(path, config, Timespan(), only_switchable=only_switchable)
