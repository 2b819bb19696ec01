"""Reads recorded history, from a readings file or the store, as one series of readings for each house.

Judges single rows, not the history as a whole (`history`), and computes nothing.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.currents import Floats
from edge_balancer.replay.readings_file import Refusals, instants
from edge_balancer.settings.root import Configuration
from edge_balancer.storage.database import open_reader
from edge_balancer.storage.export import EXPORTS
from edge_balancer.storage.timespan import Timespan
from edge_balancer.types.phases import Phase

Singles = NDArray[np.float32]

NOT_CONFIGURED: Final = "house not configured"


@dataclass(frozen=True, slots=True)
class HouseSeries:
    """Readings of one house, or of one phase of a three-phase house, in the order of time.

    `t` Unix s, `p` W, `q` var and `v` V (NaN where not measured), `phase` where it was (0, 1, 2), `stands_s` how long a
    value was meant for by its source (0 unknown). `lowest_v` and `highest_v` are the extremes ever seen, NaN without.
    All but the time in single precision: a fortnight of 200 houses is four million readings.
    """

    t: Floats
    p: Singles
    q: Singles
    v: Singles
    phase: NDArray[np.int8]
    stands_s: Singles
    lowest_v: float
    highest_v: float


@dataclass(frozen=True, slots=True)
class Member:
    """One single-phase connection of the feeder, with where it is now and whether a plan may move it."""

    id: str
    phase: Phase
    movable: bool
    switchable: bool
    """Whether it has a phase switch today that the controller may use."""
    eligible: bool
    """Whether a phase switch could be built in: a single-phase house that is not critical."""


@dataclass(frozen=True, slots=True)
class Record:
    """The series of the members that were heard, those never heard, and the rows that were passed over by reason."""

    source: str
    members: tuple[Member, ...]
    series: tuple[HouseSeries, ...]
    silent: tuple[str, ...]
    refused: dict[str, int] = field(default_factory=dict)
    refused_samples: dict[str, str] = field(default_factory=dict)


def read_csv(path: Path, config: Configuration, span: Timespan, *, only_switchable: bool) -> Record:
    """A readings file as `replay` takes it. Every house stays on its configured phase. Raises ReadingsFileError."""
    refusals = Refusals()
    members = _members(config, {}, only_switchable=only_switchable)
    gathered = {member.id: _Gathering() for member in members}
    for t, rows in instants(path, config, refusals):
        if (span.start is not None and t < span.start) or (span.end is not None and t >= span.end):
            continue
        for house, p, q, v in rows:
            series = gathered.get(house)
            if series is not None:  # a three-phase house's sum tells nothing of its phases
                series.add(t, p, q, v, v, v, -1, 0.0)
    samples = {reason: lines[0] for reason, lines in refusals.samples.items()}
    return _record(str(path), members, gathered, dict(refusals.counts), samples)


def read_store(database: Path, config: Configuration, span: Timespan, *, only_switchable: bool) -> Record:
    """The controller's own store: minutes, and quarters of an hour where those are all that was kept.

    A house is where its switch last said that it is; without such a word, on its configured phase. Raises StorageError.
    """
    refused: dict[str, int] = {}
    samples: dict[str, str] = {}
    with open_reader(database) as connection:
        known = connection.execute("SELECT house, phase FROM houses WHERE phase IS NOT NULL")
        phases = {house: Phase.parse(phase) for house, phase in known}
        members = _members(config, phases, only_switchable=only_switchable)
        gathered = {member.id: _Gathering() for member in members}
        for row in EXPORTS["telemetry"].rows(connection, span):
            _, t, name, phase, p, q, low, mean, high, _, resolution_s = row
            series = gathered.get(str(name))
            if series is None:
                if not str(name).startswith("transformer/"):
                    refused[NOT_CONFIGURED] = refused.get(NOT_CONFIGURED, 0) + 1
                    samples.setdefault(NOT_CONFIGURED, str(name))
                continue
            if p is None:
                continue
            where = -1 if phase is None else int(Phase.parse(str(phase)))
            series.add(
                float(t or 0), float(p), _number(q), _number(mean), _number(low), _number(high), where,
                float(resolution_s or 0),
            )  # fmt: skip
    return _record(str(database), members, gathered, refused, samples)


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan


def _members(config: Configuration, phases: dict[str, Phase], *, only_switchable: bool) -> tuple[Member, ...]:
    return tuple(_each_member(config, phases, only_switchable=only_switchable))


def _each_member(config: Configuration, phases: dict[str, Phase], *, only_switchable: bool) -> Iterator[Member]:
    for house in config.houses:
        if house.three_phase:
            # Its phases count as they are; nobody moves them.
            for phase in Phase:
                yield Member(f"{house.id}/{phase}", phase, movable=False, switchable=False, eligible=False)
        elif house.phase is not None:
            may = house.movable if only_switchable else not house.critical
            yield Member(
                house.id,
                phases.get(house.id, house.phase),
                movable=may,
                switchable=house.movable,
                eligible=not house.critical,
            )


class _Gathering:
    """Grows the columns of one series, 25 bytes a reading."""

    def __init__(self) -> None:
        self._columns: tuple[array[Any], ...] = tuple(array(code) for code in "dfffbf")
        self._lowest_v = math.inf
        self._highest_v = -math.inf

    def __len__(self) -> int:
        return len(self._columns[0])

    def add(self, t: float, p: float, q: float, v: float, low: float, high: float, phase: int, stands_s: float) -> None:
        for column, value in zip(self._columns, (t, p, q, v, phase, stands_s), strict=True):
            column.append(value)
        # NaN compares false; a dead voltage is an outage, not a low voltage.
        if low > 0.0 and low < self._lowest_v:
            self._lowest_v = low
        self._highest_v = max(self._highest_v, high)

    def series(self, member: Member) -> HouseSeries:
        t, p, q, v, phase, stands_s = (np.frombuffer(column, dtype=column.typecode) for column in self._columns)
        where = np.where(phase >= 0, phase, np.int8(member.phase)).astype(np.int8)
        seen = self._highest_v > 0.0
        return HouseSeries(
            t,
            p,
            q,
            v,
            where,
            stands_s,
            self._lowest_v if seen else math.nan,
            self._highest_v if seen else math.nan,
        )


def _record(
    source: str,
    members: tuple[Member, ...],
    gathered: dict[str, _Gathering],
    refused: dict[str, int],
    samples: dict[str, str],
) -> Record:
    heard = tuple(member for member in members if len(gathered[member.id]))
    # A CSV has no rows for the single phases of a three-phase house; that is no silence.
    silent = tuple(m.id for m in members if not len(gathered[m.id]) and "/" not in m.id)
    return Record(source, heard, tuple(gathered[m.id].series(m) for m in heard), silent, refused, samples)
