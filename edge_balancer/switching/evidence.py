"""Did the house really move? What the meters say about a switch that reports it is done.

Three witnesses, in rising order of weight: the house's meter still measures (supply is back); the house's voltage now
keeps company with its new phase; the transformer's phases changed by the house's load. Where the phases are alike
there is nothing to tell, and a living meter must do; the strength of the evidence is recorded. Pure.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.types.readings import ThreePhaseReading

Floats = NDArray[np.float64]

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
MARGIN_VOLTS: Final = 2.0
"""How much better the old phase must fit before the voltage contradicts the switch."""
TELLING_WATTS: Final = 500.0
"""Loads smaller than this are lost in the transformer's own changes."""
STEADY: Final = 0.5
"""The phase that the move does not touch must keep still to this share of the house's load, or the transformer tells of
something else."""
FRESH_PAIR_S: Final = 15.0
"""The transformer is compared only with house readings of about the same time."""
ALIVE: Final = 0.5
"""Supply is back above this fraction of the nominal voltage."""
CONTRADICTIONS: Final = 2
"""One odd reading may be a load that changed with the move; two in a row are not."""


class Finding(enum.StrEnum):
    NOTHING = "nothing"
    """No reading since the switch reported."""
    DEAD = "dead"
    """A reading, but no supply."""
    ALIVE = "alive"
    """Supply is back; nothing tells the phases apart."""
    AGREES = "agrees"
    CONTRADICTS = "contradicts"


@dataclass(frozen=True, slots=True)
class Picture:
    """The feeder's meters at one instant. Arrays over houses; `phase` is where each house is taken to be."""

    now: float
    at: Floats
    p: Floats
    v: Floats
    fresh: NDArray[np.bool_]
    phase: NDArray[np.int8]
    transformer: ThreePhaseReading | None
    moving: NDArray[np.bool_]
    """Houses whose switch has a command and has not answered: they may stand on either phase, and bear no witness."""
    nominal_v: float
    p3: Floats
    """Power of the three-phase houses per phase, W, [houses, 3]; zero for single-phase houses."""


@dataclass(frozen=True, slots=True)
class Before:
    """What the witnesses said before the move: the house's power (W), how far its voltage follows its phase's, and what
    the transformer carried beyond the houses."""

    p: float
    reach: float
    """How far the house follows the voltage of its phase: 0 at the transformer, about 1 at the average house; NaN where
    that cannot be told."""
    residual_w: tuple[float, float, float] | None
    """Transformer's power less the houses', per phase, W; None where it cannot be compared."""


@dataclass(frozen=True, slots=True)
class Testimony:
    finding: Finding
    witness: str
    """Plain words for the record."""
    at: float
    """Instant of the newest reading it rests on."""
    better_expected: bool = False
    """A stronger witness has yet to speak: the transformer's meter has not been read since the switch reported."""


def before_move(picture: Picture, house: int) -> Before:
    """Take down what the witnesses say while the house is still on its old phase."""
    mean = _mean_voltages(picture, house)
    head = _head_voltages(picture, mean)
    own = int(picture.phase[house])
    drop = float(mean[own] - head[own])
    reach = (float(picture.v[house]) - float(head[own])) / drop if abs(drop) >= TELLING_DROP_V else float("nan")
    return Before(p=float(picture.p[house]), reach=reach, residual_w=_residual(picture, house))


def testify(
    picture: Picture,
    house: int,
    origin: int,
    target: int,
    since: float,
    before: Before,
    *,
    use_voltage: bool,
) -> Testimony:
    """What the meters say about a move from `origin` to `target` that the switch reported done at `since`."""
    at = float(picture.at[house])
    if not at >= since:
        return Testimony(Finding.NOTHING, "no reading since the switch reported", at)
    v, p = float(picture.v[house]), float(picture.p[house])
    if v < ALIVE * picture.nominal_v:
        return Testimony(Finding.DEAD, f"the meter shows {v:.0f} V", at)
    if np.isnan(v) and p == 0.0 and abs(before.p) > 20.0:
        return Testimony(Finding.DEAD, f"the meter shows no load where there were {before.p:.0f} W", at)
    transformer = picture.transformer
    if transformer is not None and transformer.at >= since:
        at = max(at, transformer.at)
    if use_voltage and (testimony := _by_voltage(picture, house, origin, target, before, at)) is not None:
        return testimony
    if (testimony := _by_transformer(picture, house, origin, target, before, at, since)) is not None:
        return testimony
    alive = f"supply is back at {v:.0f} V" if not np.isnan(v) else f"the meter measures {p:.0f} W"
    waiting = transformer is not None and transformer.at < since and abs(p) >= TELLING_WATTS
    return Testimony(Finding.ALIVE, alive, at, better_expected=waiting and before.residual_w is not None)


def _by_voltage(picture: Picture, house: int, origin: int, target: int, before: Before, at: float) -> Testimony | None:
    """A house sees the transformer's voltage and a share of its phase's drop (or rise) along the feeder: its reach.

    With the reach it had before the move, each phase predicts a voltage for it now. Where the two predictions are
    close (a house near the transformer, phases that are alike), the voltage is no witness.
    """
    v = float(picture.v[house])
    if np.isnan(v) or not before.reach >= LEAST_REACH:
        return None
    mean = _mean_voltages(picture, house)
    head = _head_voltages(picture, mean)
    reach = min(before.reach, MOST_REACH)
    expected = head + reach * (mean - head)
    moved = abs(v - float(expected[target]))
    third = 3 - origin - target
    astray = abs(v - float(expected[third]))
    if abs(expected[third] - expected[target]) >= WRONG_PHASE_VOLTS and astray + 2.0 * MARGIN_VOLTS < moved:
        words = f"{v:.1f} V where {expected[target]:.1f} V are expected there and {expected[third]:.1f} V here"
        return Testimony(Finding.CONTRADICTS, f"the voltage is that of L{third + 1}, not L{target + 1}: {words}", at)
    if not abs(expected[target] - expected[origin]) >= TELLING_VOLTS:
        return None
    stayed = abs(v - float(expected[origin]))
    words = f"{v:.1f} V where the old phase lets expect {expected[origin]:.1f} V and the new {expected[target]:.1f} V"
    if stayed + MARGIN_VOLTS < moved:
        return Testimony(Finding.CONTRADICTS, f"the voltage stays with the old phase: {words}", at)
    if moved < stayed:
        return Testimony(Finding.AGREES, f"the voltage follows the new phase: {words}", at)
    return None


def _by_transformer(
    picture: Picture, house: int, origin: int, target: int, before: Before, at: float, since: float
) -> Testimony | None:
    if picture.transformer is None or picture.transformer.at < since:
        return None
    after = _residual(picture, house)
    p = float(picture.p[house])
    if after is None or before.residual_w is None or abs(p) < TELLING_WATTS:
        return None
    # The house is booked on its new phase. If it had stayed, its load would be missing there and surplus on the old
    # one.
    surplus = after[origin] - before.residual_w[origin]
    missing = before.residual_w[target] - after[target]
    third = 3 - origin - target
    if abs(after[third] - before.residual_w[third]) > STEADY * abs(p):
        return None  # something else changed meanwhile
    share = (surplus + missing) / (2.0 * p)
    if share > 0.8:
        words = f"the transformer still carries the house's {p:.0f} W on the old phase"
        return Testimony(Finding.CONTRADICTS, words, at)
    if share < 0.35:
        return Testimony(Finding.AGREES, f"the transformer carries the house's {p:.0f} W on the new phase", at)
    return None


def _mean_voltages(picture: Picture, leave_out: int) -> Floats:
    """Mean voltage of the other fresh houses with supply on each phase, shape [3], NaN where there is none."""
    usable = picture.fresh & (picture.v >= ALIVE * picture.nominal_v) & (picture.phase >= 0) & ~picture.moving
    usable[leave_out] = False
    phase = picture.phase[usable]
    count = np.bincount(phase, minlength=3)
    total = np.bincount(phase, weights=picture.v[usable], minlength=3)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total / np.where(count > 0, count, np.nan))


def _head_voltages(picture: Picture, mean: Floats) -> Floats:
    """Voltages at the head of the feeder, shape [3]: measured at the transformer, else taken as alike and equal to the
    mean of the phases' means (its impedance is small beside the feeder's)."""
    reading = picture.transformer
    if reading is not None and not np.isnan(reading.v).any():
        return np.array(reading.v)
    return np.full(3, mean.mean())


def _residual(picture: Picture, house: int) -> tuple[float, float, float] | None:
    """What the transformer carries beyond the metered houses, per phase; None unless everything was read at about
    one time and no other house is on its way."""
    reading = picture.transformer
    if reading is None or np.isnan(reading.p).any():
        return None
    if picture.moving.sum() > int(picture.moving[house]):
        return None
    single = picture.phase >= 0
    metered = single | picture.p3.any(axis=1)
    near = picture.fresh & (np.abs(picture.at - reading.at) <= FRESH_PAIR_S)
    if not near[metered].all():
        return None
    sums = np.bincount(picture.phase[single], weights=picture.p[single], minlength=3) + picture.p3.sum(axis=0)
    return (reading.p[0] - sums[0], reading.p[1] - sums[1], reading.p[2] - sums[2])
