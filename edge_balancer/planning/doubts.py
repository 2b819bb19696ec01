"""Whether the houses are where the records say, told from the history's voltages before anybody is sent to move them.

The method is that of `edge-balancer identify` (`analysis.phases`), on the last days of the record, without the
transformer's voltages. What is surely wrong keeps its house out of the plan: where it would go is not known.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_balancer.analysis.phases.window import LIKELY, Floats, Verdict, Window
from edge_balancer.identification.errors import IdentificationError
from edge_balancer.identification.history import identify
from edge_balancer.planning.history import DAY_S
from edge_balancer.planning.record import HouseSeries, Member, Record
from edge_balancer.types.phases import Phase

_LAST_DAYS: Final = 4.0
"""Enough to tell nearly every house; more takes a Pi minutes."""
_LEAST_CHECKED_H: Final = 6.0
"""Of voltages behind a verdict: fewer hours neither confirm nor accuse."""


class Standing(enum.Enum):
    """What the voltages say of a record."""

    CONFIRMED = "confirmed"
    UNTOLD = "not told"
    PERHAPS_WRONG = "perhaps wrong"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class PhaseCheck:
    """One house: recorded on `recorded`; `likely` is the phase that its voltage follows (None: not told)."""

    house: str
    recorded: Phase
    likely: Phase | None
    confidence: float
    standing: Standing


def check_phases(record: Record, step_s: float) -> dict[str, PhaseCheck]:
    """By house. Three-phase houses are not judged; empty where the record has too few voltages to judge anyone."""
    judged = [
        (member, series)
        for member, series in zip(record.members, record.series, strict=True)
        if "/" not in member.id and series.highest_v > 0.0
    ]
    if not judged:
        return {}
    window = _window([series for _, series in judged], step_s)
    try:
        verdicts = identify(window, [member.id for member, _ in judged])
    except IdentificationError:
        return {}
    return {
        verdict.house: _checked(member, verdict) for (member, _), verdict in zip(judged, verdicts, strict=True)
    }  # fmt: skip


def _checked(member: Member, verdict: Verdict) -> PhaseCheck:
    likely = verdict.phase
    if likely is None or verdict.evidence_h < _LEAST_CHECKED_H or verdict.confidence < LIKELY:
        standing = Standing.UNTOLD
    elif likely is member.phase:
        standing = Standing.CONFIRMED
    else:
        standing = Standing.WRONG if verdict.wrong else Standing.PERHAPS_WRONG
    return PhaseCheck(member.id, member.phase, likely, verdict.confidence, standing)


def _window(all_series: list[HouseSeries], step_s: float) -> Window:
    """The last days on a grid of slots: means of what was measured in them, nothing held over."""
    end = max(float(series.t[-1]) for series in all_series)
    first = max(min(float(series.t[0]) for series in all_series), end - _LAST_DAYS * DAY_S)
    first = float(np.floor(first / step_s)) * step_s
    slots = int((end - first) // step_s) + 1
    shape = (slots, len(all_series))
    volts, power, reactive = (np.full(shape, np.nan) for _ in range(3))
    recorded = np.empty(shape, dtype=np.int8)
    for h, series in enumerate(all_series):
        begin = int(np.searchsorted(series.t, first))
        slot = ((series.t[begin:] - first) // step_s).astype(np.intp)
        # Means of a quarter of an hour among minutes would be changes that never were.
        fine = series.stands_s[begin:] <= step_s
        for out, values in ((volts, series.v), (power, series.p), (reactive, series.q)):
            out[:, h] = _means(slot, np.where(fine, values[begin:], np.nan), slots)
        last = np.searchsorted(series.t, first + step_s * np.arange(1, slots + 1)) - 1
        recorded[:, h] = series.phase[np.maximum(last, 0)]
    return Window(step_s, volts, power, reactive, recorded)


def _means(slot: np.ndarray[tuple[int], np.dtype[np.intp]], values: Floats, slots: int) -> Floats:
    """(slots,) NaN where nothing was measured."""
    known = np.isfinite(values)
    count = np.bincount(slot[known], minlength=slots)
    total = np.bincount(slot[known], weights=values[known], minlength=slots)
    mean: Floats = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean
