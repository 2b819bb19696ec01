"""Reads recorded voltages, from the store or a readings file, onto an even grid of time. Judges no phase.

A slot holds the mean of what was measured in it; nothing is held over or made up: a gap tells nothing, a value that
stands still would tell something untrue.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from edge_balancer.analysis.phases.window import UNRECORDED, Floats, Phases, Window
from edge_balancer.identification.errors import IdentificationError
from edge_balancer.replay.readings_file import Refusals, instants, passed_over
from edge_balancer.settings.root import Configuration
from edge_balancer.storage.database import open_reader
from edge_balancer.storage.export import EXPORTS
from edge_balancer.storage.timespan import Timespan
from edge_balancer.types.phases import Phase
from edge_balancer.types.readings import TRANSFORMER

MINUTE_S: Final = 60.0
_STRANGER: Final = "house not configured"
_QUARTERS: Final = "means of a quarter of an hour"
_MOST_CELLS: Final = 50_000_000
"""Slots times houses; about 3 GB while it is worked on."""


@dataclass(frozen=True, slots=True)
class Record:
    """A feeder's single-phase houses, in the order of the configuration, and what was measured of them."""

    source: str
    houses: tuple[str, ...]
    window: Window
    passed_over: tuple[str, ...]
    """Rows that were passed over, as people are told of them."""


@dataclass(slots=True)
class _Series:
    """Readings of one house or of one phase of the transformer, columns of eight bytes a value."""

    t: array[float] = field(default_factory=lambda: array("d"))
    p: array[float] = field(default_factory=lambda: array("d"))
    q: array[float] = field(default_factory=lambda: array("d"))
    v: array[float] = field(default_factory=lambda: array("d"))
    phase: array[int] = field(default_factory=lambda: array("b"))

    def add(self, t: float, p: float, q: float, v: float, phase: int) -> None:
        self.t.append(t)
        self.p.append(p)
        self.q.append(q)
        self.v.append(v)
        self.phase.append(phase)


def read_csv(path: Path, config: Configuration, span: Timespan) -> Record:
    """A readings file as `replay` takes it; every house on its configured phase. Raises ReadingsFileError."""
    refusals = Refusals()
    gathered = _gathering(config)
    home = _configured(config)
    for t, rows in instants(path, config, refusals):
        if _within(t, span):
            for house, p, q, v in rows:
                if house in gathered:
                    gathered[house].add(t, p, q, v, home[house])
    told = tuple(passed_over(count, why, refusals.samples[why][0]) for why, count in refusals.counts.items())
    return _record(str(path), config, gathered, told)


def read_store(database: Path, config: Configuration, span: Timespan) -> Record:
    """The controller's own store, a house where its switch last said that it was. Raises StorageError."""
    gathered = _gathering(config)
    home = _configured(config)
    refused = Counter[str]()
    samples: dict[str, str] = {}
    with open_reader(database) as connection:
        for row in EXPORTS["telemetry"].rows(connection, span):
            _, t, name, phase, p, q, _, mean, _, _, resolution_s = row
            name = str(name)
            if name not in gathered:
                house, _, _ = name.partition("/")
                if house not in {h.id for h in config.houses}:
                    refused[_STRANGER] += 1
                    samples.setdefault(_STRANGER, house)
                continue
            if float(resolution_s or 0) > MINUTE_S:
                # Means of a quarter of an hour among minutes would be changes that never were.
                refused[_QUARTERS] += 1
                continue
            where = home.get(name, UNRECORDED) if phase is None else int(Phase.parse(str(phase)))
            gathered[name].add(float(t or 0), _number(p), _number(q), _number(mean), where)
    told = tuple(passed_over(count, why, samples.get(why, "")) for why, count in refused.items())
    return _record(str(database), config, gathered, told)


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan


def _within(t: float, span: Timespan) -> bool:
    return (span.start is None or t >= span.start) and (span.end is None or t < span.end)


def _configured(config: Configuration) -> dict[str, int]:
    return {house.id: int(house.phase) for house in config.houses if house.phase is not None}


def _gathering(config: Configuration) -> dict[str, _Series]:
    names = [house.id for house in config.houses if not house.three_phase and house.phase is not None]
    return {name: _Series() for name in (*names, *(f"{TRANSFORMER}/{phase}" for phase in Phase))}


def _record(source: str, config: Configuration, gathered: dict[str, _Series], told: tuple[str, ...]) -> Record:
    home = _configured(config)
    houses = tuple(name for name in gathered if name in home)
    heard = [series for series in gathered.values() if any(map(math.isfinite, series.v))]
    if not any(any(map(math.isfinite, gathered[name].v)) for name in houses):
        passed = "".join(f"; {rows}" for rows in told)
        raise IdentificationError(
            f"{source}: no voltage of a configured single-phase house{passed}; phases are told from voltages: check "
            "that the meters report them, the configuration, --from and --to"
        )
    step_s = _step_s([gathered[name] for name in houses])
    first = math.floor(min(series.t[0] for series in heard) / step_s) * step_s
    slots = int((max(series.t[-1] for series in heard) - first) // step_s) + 1
    if slots * len(houses) > _MOST_CELLS:
        raise IdentificationError(
            f"{source}: {slots} slots of {step_s:g} s for {len(houses)} houses do not fit into memory; "
            "give a shorter span with --from and --to"
        )
    index = {name: _slots(series, first, step_s) for name, series in gathered.items()}

    def grid(column: str, names: tuple[str, ...]) -> Floats:
        return np.stack([_means(index[n], getattr(gathered[n], column), slots) for n in names], axis=1)

    buses = tuple(f"{TRANSFORMER}/{phase}" for phase in Phase)
    metered = all(len(gathered[name].t) for name in buses)
    window = Window(
        step_s,
        grid("v", houses),
        grid("p", houses),
        grid("q", houses),
        np.stack([_phases(index[n], gathered[n].phase, slots, home[n]) for n in houses], axis=1),
        grid("v", buses) if metered else None,
    )
    return Record(source, houses, window, told)


def _step_s(series: list[_Series]) -> float:
    """A minute, or the meters' own period where that is longer: the median of what lies between two readings."""
    gaps = [float(np.median(np.diff(np.frombuffer(one.t)))) for one in series if len(one.t) > 1]
    return max(1.0, round(float(np.median(gaps)) / MINUTE_S)) * MINUTE_S if gaps else MINUTE_S


def _slots(series: _Series, first: float, step_s: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return ((np.frombuffer(series.t) - first) // step_s).astype(np.int64)


def _means(slot: np.ndarray[tuple[int], np.dtype[np.int64]], values: array[float], slots: int) -> Floats:
    """[slots] NaN where nothing was measured. Voltage 0 stays what it is: no supply."""
    read = np.frombuffer(values)
    known = np.isfinite(read)
    count = np.bincount(slot[known], minlength=slots)
    total = np.bincount(slot[known], weights=read[known], minlength=slots)
    mean: Floats = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean


def _phases(slot: np.ndarray[tuple[int], np.dtype[np.int64]], values: array[int], slots: int, home: int) -> Phases:
    """[slots] the phase last recorded; before the first reading the first one, without any the configured."""
    out = np.full(slots, home, dtype=np.int8)
    if len(slot):
        last = np.maximum(np.searchsorted(slot, np.arange(slots), side="right") - 1, 0)
        out = np.frombuffer(values, dtype=np.int8)[last]
    return out
