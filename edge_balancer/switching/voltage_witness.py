"""Whose company the moved house's voltage keeps: that of its old phase, or that of its new one.

A house sees the transformer's voltage and a share of its phase's drop (or rise) along the feeder: its reach. With the
reach it had before, each phase lets expect a voltage for it now. How far such expectations err at this hour is seen on
the other houses, which have not moved: their loads change, their meters speak at other moments, and they stand at other
places. Where the two phases do not differ by more than that, the voltage is no witness. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_balancer.switching.picture import Before, Bools, Finding, Floats, Move, Picture

ALIVE: Final = 0.5
"""Supply is back above this fraction of the nominal voltage."""
TELLING_VOLTS: Final = 4.0
"""Where the two phases let expect voltages closer than this, a house's own load changes as much."""
WRONG_PHASE_VOLTS: Final = 6.0
"""A switch that closed the wrong contact is rare: the third phase must stand out by this much to be believed in."""
TELLING_DROP_V: Final = 3.0
"""A phase whose mean is closer than this to the transformer's voltage does not show how far a house follows it."""
LEAST_REACH: Final = 0.6
"""A house that follows its phase less than this is near the transformer, and its voltage tells nothing."""
MOST_REACH: Final = 1.5
"""A reach beyond this owes more to the house's own load than to its place."""
LEAST_COMPANY: Final = 2
"""Other houses on each of the phases compared, read since the move."""
AGREE_ERRORS: Final = 2.0
"""The phases must differ by this many of the greatest errors seen on other houses before the voltage may agree."""
ACCUSE_ERRORS: Final = 3.0
"""And by this many before it may accuse a switch: it then fits the old phase within one, and is off the new one by
two at least."""


@dataclass(frozen=True, slots=True)
class VoltageWitness:
    """What the voltage says, and whether the old phase fits better at all (None where nothing can be compared)."""

    finding: Finding | None
    words: str
    fits_old: bool | None


SILENT: Final = VoltageWitness(None, "", None)


def reaches(picture: Picture) -> Floats:
    """How far each house follows its phase now, [houses]; NaN where that cannot be told."""
    free = _unloaded(picture)
    usable = _usable(picture, picture.moving)
    mean, _ = _means(picture, free, usable)
    head = _head_voltages(picture, mean)
    others, count = _without_itself(picture, free, usable, mean)
    drop = others - head[picture.phase]
    known = usable & (count >= 1) & (np.abs(drop) >= TELLING_DROP_V)
    reach = np.full(len(free), np.nan)
    reach[known] = ((free - head[picture.phase]) / np.where(drop == 0.0, 1.0, drop))[known]
    return reach


def ask_voltage(picture: Picture, move: Move, before: Before) -> VoltageWitness:
    """What the house's voltage says of the move."""
    house, origin, target, third = move.house, move.origin, move.target, move.third
    v = float(picture.v[house])
    own = float(before.reach[house])
    if np.isnan(v) or not own >= LEAST_REACH:
        return SILENT
    free = _unloaded(picture)
    # Others that were read before the move have not seen its load come and go.
    usable = _usable(picture, picture.moving | (picture.at < move.since))
    usable[house] = False
    mean, count = _means(picture, free, usable)
    if min(count[origin], count[target]) < LEAST_COMPANY:
        return SILENT
    head = _head_voltages(picture, mean)
    expected = head + min(own, MOST_REACH) * (mean - head) - (float(free[house]) - v)
    old, new = float(expected[origin]), float(expected[target])
    stayed, moved, apart = abs(v - old), abs(v - new), abs(new - old)
    error = _error(picture, free, usable, mean, head, before.reach, (origin, target))
    whole = picture.whole(house, move.since)
    words = f"{v:.1f} V where the old phase lets expect {old:.1f} V and the new {new:.1f} V, give or take {error:.1f} V"
    if whole and count[third] >= LEAST_COMPANY:
        astray, off = abs(v - float(expected[third])), abs(float(expected[third]) - new)
        wide = max(error, _error(picture, free, usable, mean, head, before.reach, (third,)))
        if off >= max(WRONG_PHASE_VOLTS, ACCUSE_ERRORS * wide) and astray <= off / 3.0 and stayed > astray:
            seen = f"{v:.1f} V where {new:.1f} V are expected there and {expected[third]:.1f} V here"
            text = f"the voltage is that of L{third + 1}, not L{target + 1}: {seen}, give or take {wide:.1f} V"
            return VoltageWitness(Finding.CONTRADICTS, text, None)
    if whole and apart >= max(TELLING_VOLTS, ACCUSE_ERRORS * error) and stayed <= apart / 3.0:
        return VoltageWitness(Finding.CONTRADICTS, f"the voltage stays with the old phase: {words}", True)
    if apart >= max(TELLING_VOLTS, AGREE_ERRORS * error) and moved <= apart / 2.0:
        return VoltageWitness(Finding.AGREES, f"the voltage follows the new phase: {words}", False)
    # Where the phases are as near each other as the expectation errs, nothing fits better than anything.
    telling = apart >= max(TELLING_VOLTS, AGREE_ERRORS * error)
    return VoltageWitness(None, words, stayed < moved if telling else None)


def _unloaded(picture: Picture) -> Floats:
    """Voltages as they would be if each house drew nothing: what it draws lowers its own more than its company's."""
    own = np.where(np.isfinite(picture.p), picture.p, 0.0) * (picture.source_ohm / picture.nominal_v)
    return picture.v + own


def _usable(picture: Picture, left_out: Bools) -> Bools:
    return picture.fresh & (picture.v >= ALIVE * picture.nominal_v) & (picture.phase >= 0) & ~left_out


def _means(picture: Picture, free: Floats, usable: Bools) -> tuple[Floats, Floats]:
    """Mean voltage of the usable houses of each phase, [3], NaN where there is none, and how many they are."""
    phase = picture.phase[usable]
    count = np.bincount(phase, minlength=3)
    total = np.bincount(phase, weights=free[usable], minlength=3)
    return np.asarray(total / np.where(count > 0, count, np.nan)), count.astype(np.float64)


def _without_itself(picture: Picture, free: Floats, usable: Bools, mean: Floats) -> tuple[Floats, Floats]:
    """Mean voltage of the other usable houses on each house's phase, and how many others there are, [houses]."""
    count = np.bincount(picture.phase[usable], minlength=3)[picture.phase].astype(np.float64) - usable
    total = mean[picture.phase] * (count + usable) - np.where(usable, free, 0.0)
    return total / np.where(count > 0, count, np.nan), count


def _error(
    picture: Picture, free: Floats, usable: Bools, mean: Floats, head: Floats, reach: Floats, phases: tuple[int, ...]
) -> float:
    """By how much the voltage of the worst other house on `phases` is not what its company lets expect, V."""
    others, count = _without_itself(picture, free, usable, mean)
    # A house whose reach is not known is taken for an average one: its place then shows as an error.
    follows = np.clip(np.where(np.isnan(reach), 1.0, reach), 0.0, MOST_REACH)
    at_head = head[picture.phase]
    off = np.abs(free - at_head - follows * (others - at_head))[usable & (count > 0) & np.isin(picture.phase, phases)]
    worst = float(off.max()) if len(off) else float("nan")
    return worst if worst == worst else float("inf")


def _head_voltages(picture: Picture, mean: Floats) -> Floats:
    """Voltages at the head of the feeder, shape [3]: measured at the transformer, else taken as alike and equal to the
    mean of the phases' means (its impedance is small beside the feeder's)."""
    reading = picture.transformer
    if reading is not None and not np.isnan(reading.v).any():
        return np.array(reading.v)
    return np.full(3, mean.mean())
