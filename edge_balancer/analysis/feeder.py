"""The feeder as it stands, from the latest values of all meters.

One function over arrays; who is fresh, and what follows from the figures, is decided by the caller.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.currents import (
    PHASES,
    Complexes,
    Floats,
    live_voltages,
    neutral_current,
    phase_currents,
    phase_sums,
    three_phase_currents,
    working_voltages,
)
from edge_balancer.analysis.injection import reverse_power_w, uneven_injection
from edge_balancer.analysis.loading import coverage_of_houses, metered_share, phase_loading_pct
from edge_balancer.analysis.unbalance import vuf_from_line_voltages_pct
from edge_balancer.settings.feeder import FeederSettings
from edge_balancer.types.readings import ThreePhaseReading, Triple
from edge_balancer.types.snapshot import FeederState, PhaseState
from edge_balancer.types.switching import Mode

IDLE_FRACTION: Final = 0.01
"""Below this fraction of the rated power or current an unbalance says nothing: the floor of the load imbalance and the
least mean current of which an unbalance is stated.
"""

_EACH_PHASE: Final = np.arange(PHASES, dtype=np.int8)
_PHASE_COLUMN: Final = _EACH_PHASE[:, np.newaxis]


@dataclass(frozen=True, slots=True)
class Houses:
    """The latest values of the single-phase houses, all (n,). The arrays may be kept and written in place between
    calls.
    """

    p: Floats
    """Net load, W; NaN where never heard."""
    q: Floats
    """var; NaN where not measured, which counts as 0."""
    v: Floats
    """V; NaN where not measured."""
    phase: NDArray[np.int8]
    """Index of the phase, -1 where unknown: such a house is in no phase's sums."""
    fresh: NDArray[np.bool_]
    """Whether the reading may be used."""


@dataclass(frozen=True, slots=True)
class ThreePhaseHouses:
    """The latest values of the three-phase houses, all (k, 3), in W, var, V; a row of NaN in `p` is a house that is
    not fresh.
    """

    p: Floats
    q: Floats
    v: Floats


NO_THREE_PHASE: Final = ThreePhaseHouses(*(np.empty((0, PHASES)) for _ in "pqv"))


def feeder_state(
    t: float,
    houses: Houses,
    three_phase: ThreePhaseHouses,
    transformer: ThreePhaseReading | None,
    settings: FeederSettings,
    mode: Mode,
    houses_total: int,
) -> FeederState:
    """The state of the feeder at `t`.

    Per phase `p`, `q`, `i` and the voltages are those of the fresh houses, as is everything else where there is no
    transformer meter. `transformer` is its reading where that is fresh, else None. Where it is given, the neutral
    current is the measured one or, without it, that of its measured powers, which are the houses' plus what no meter
    shows; phase currents, `loading` (of the fullest phase, percent of rated current), `current_unbalance` and
    `reverse_power` are its too, and `vuf` comes from its line-to-line voltages. A phase that it did not send falls
    back to the houses. `pvur` is from the transformer's phase voltages, or else the mean voltages of the phases'
    houses. Figures that cannot be had are None; with no fresh meter at all the sums are 0 and `coverage`, the fraction
    of houses that are fresh, says so.
    """
    nominal = settings.nominal_voltage_v
    p_all, q_all, v_all, phase, fresh_houses = _measured(houses, three_phase)
    live_v = live_voltages(v_all, nominal)
    rows = _rows(p_all, q_all, live_v)
    p, q, export, count, v_sum, v_count = phase_sums(rows, phase)
    v_mean = v_sum / np.where(v_count > 0, v_count, np.nan)
    volts = np.where(phase == _PHASE_COLUMN, v_all, np.nan)
    v_min = np.fmin.reduce(volts, axis=1, initial=np.nan)
    v_max = np.fmax.reduce(volts, axis=1, initial=np.nan)
    current = phase_currents(rows[:2], working_voltages(live_v, v_mean, phase, nominal), phase)
    i = np.abs(current)

    if transformer is None:
        head = _Head(p, i, v_mean, float(neutral_current(current)), None)
    else:
        head = _head_by_meter(transformer, p, current, v_mean, nominal)
    rated_a = settings.rated_current_a
    imbalance, current_unbalance, pvur = _unbalances(head, rated_a, nominal)
    l1, l2, l3 = (
        PhaseState(p=p_k, q=q_k, i=i_k, v_min=lo, v_mean=mean, v_max=hi, houses=int(n), export_w=e)
        for p_k, q_k, i_k, lo, mean, hi, n, e in zip(
            p.tolist(),
            q.tolist(),
            i.tolist(),
            *_voltages(v_min, v_mean, v_max),
            count.tolist(),
            export.tolist(),
            strict=True,
        )
    )
    return FeederState(
        t=t,
        l1=l1,
        l2=l2,
        l3=l3,
        i_n=head.i_n,
        imbalance=imbalance,
        coverage=coverage_of_houses(fresh_houses, houses_total),
        mode=mode,
        vuf=head.vuf,
        pvur=pvur,
        current_unbalance=current_unbalance,
        loading=max(phase_loading_pct(head.i, rated_a).tolist()) if fresh_houses or transformer is not None else None,
        reverse_power=bool(reverse_power_w(head.p) > 0.0),
        injection_spread=uneven_injection(export).spread_pct,
        metered=None if transformer is None else _metered(transformer, p + 1j * q, settings),
        houses_fresh=fresh_houses,
        houses_total=houses_total,
    )


def _metered(transformer: ThreePhaseReading, houses_va: Complexes, settings: FeederSettings) -> float | None:
    """Share of the transformer's power that the houses' meters show; None where it cannot be told."""
    q = np.array(transformer.q)
    power = np.array(transformer.p) + 1j * np.where(np.isfinite(q), q, 0.0)
    floor_va = IDLE_FRACTION * settings.transformer_kva * 1000.0
    return _known(metered_share(houses_va, power, floor_va))


@dataclass(frozen=True, slots=True)
class _Head:
    """The head of the feeder: what is known of it at the transformer, (3,) each in W, A and V; `i_n` in A, `vuf` in
    percent.
    """

    p: Floats
    i: Floats
    v: Floats
    i_n: float
    vuf: float | None


def _unbalances(head: _Head, rated_a: float, nominal_v: float) -> tuple[float, float | None, float | None]:
    """Load imbalance, current unbalance and PVUR in percent, as `load_imbalance_pct`, `current_unbalance_pct` and
    `pvur_pct`.
    """
    p, i, v = head.p.tolist(), head.i.tolist(), head.v.tolist()
    idle_a = IDLE_FRACTION * rated_a
    mean_p, mean_i, mean_v = sum(map(abs, p)) / PHASES, sum(i) / PHASES, sum(v) / PHASES
    imbalance = _deviation_pct(p, max(mean_p, idle_a * nominal_v))
    return (
        imbalance,
        _deviation_pct(i, mean_i) if mean_i >= idle_a else None,
        _deviation_pct(v, mean_v) if mean_v > 0.0 else None,
    )


def _deviation_pct(values: list[float], scale: float) -> float:
    # `greatest_deviation_pct` on three plain numbers: numpy would spend a tenth of the tick's time on these nine.
    mean = sum(values) / PHASES
    return 100.0 * max(abs(value - mean) for value in values) / scale


def _measured(houses: Houses, three_phase: ThreePhaseHouses) -> tuple[Floats, Floats, Floats, NDArray[np.int8], int]:
    """P, Q, V and phase of all that is measured, a three-phase house as three, and how many houses are fresh."""
    usable = houses.fresh & np.isfinite(houses.p)
    phase = np.where(usable, houses.phase, np.int8(-1))
    fresh = int(np.count_nonzero(usable))
    if not len(three_phase.p):
        return houses.p, houses.q, houses.v, phase, fresh
    whole = np.logical_and.reduce(np.isfinite(three_phase.p), axis=1)
    return (
        np.concatenate((houses.p, three_phase.p.ravel())),
        np.concatenate((houses.q, three_phase.q.ravel())),
        np.concatenate((houses.v, three_phase.v.ravel())),
        np.concatenate((phase, np.where(whole[:, np.newaxis], _EACH_PHASE, np.int8(-1)).ravel())),
        fresh + int(np.count_nonzero(whole)),
    )


def _rows(p: Floats, q: Floats, live_v: Floats) -> Floats:
    """What is summed per phase (6, n): P, Q, export, houses, live V, houses with a live V; zero where unknown."""
    live = np.isfinite(live_v)
    rows = np.empty((6, len(p)))
    rows[0] = known_p = np.where(np.isfinite(p), p, 0.0)
    rows[1] = np.where(np.isfinite(q), q, 0.0)
    rows[2] = np.maximum(-known_p, 0.0)
    rows[3] = 1.0
    rows[4] = np.where(live, live_v, 0.0)
    rows[5] = live
    return rows


def _head_by_meter(reading: ThreePhaseReading, p: Floats, current: Complexes, v: Floats, nominal_v: float) -> _Head:
    """The head as the transformer's meter has it; a phase or value that it did not send is taken from the houses'
    (3,).
    """
    measured_p = np.array(reading.p)
    measured = three_phase_currents(measured_p, np.array(reading.q), np.array(reading.v), nominal_v)
    sent = np.isfinite(measured_p)
    current = np.where(sent, measured, current)
    return _Head(
        p=np.where(sent, measured_p, p),
        i=_prefer(reading.i, np.abs(current)),
        v=_prefer(reading.v, v),
        i_n=float(neutral_current(current)) if math.isnan(reading.i_n) else reading.i_n,
        vuf=_known(float(vuf_from_line_voltages_pct(np.array(reading.v_ll)))),
    )


def _prefer(measured: Triple, otherwise: Floats) -> Floats:
    values = np.array(measured)
    return np.where(np.isfinite(values), values, otherwise)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _voltages(*columns: Floats) -> list[list[float | None]]:
    return [[_known(x) for x in column.tolist()] for column in columns]
