"""The safety guard: it has the last word on every move, automatic or asked for by a person, and says why.

The rules stand in one table in the order of judgement. House rules forbid any move of a house; target rules forbid one
of its targets; joint rules look at all moves that would be under way together. It proposes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.phases.window import SURE
from edge_balancer.settings.root import Configuration
from edge_balancer.switching.roster import Roster
from edge_balancer.types.decisions import Move, Veto, VetoReason
from edge_balancer.types.switching import Mode

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

HOUSE_RULES: Final = (
    VetoReason.HALTED,
    VetoReason.THREE_PHASE,
    VetoReason.NOT_SWITCHABLE,
    VetoReason.CRITICAL,
    VetoReason.LOCKED,
    VetoReason.POSITION_UNKNOWN,
    VetoReason.WRONG_RECORD,
    VetoReason.SWITCH_OFFLINE,
    VetoReason.IN_FLIGHT,
    VetoReason.STALE,
    VetoReason.NO_SUPPLY,
    VetoReason.COVERAGE,
    VetoReason.OUTAGE,
    VetoReason.PV_RECONNECT,
    VetoReason.DWELL,
    VetoReason.DAILY_CAP,
    VetoReason.FEEDER_CAP,
)


TARGET_RULES: Final = (VetoReason.TARGET_DARK, VetoReason.TARGET_VOLTAGE, VetoReason.TARGET_HEADROOM)


@dataclass(frozen=True, slots=True)
class Situation:
    """What the guard judges by. Arrays over houses, shape [houses]; over phases, shape [3] (NaN where not measured)."""

    now: float
    mode: Mode
    fresh: Bools
    age_s: Floats
    coverage: float
    outage_until: float
    load_va: NDArray[np.complex128]
    """Present net load of each house, W + j var."""
    returning_va: NDArray[np.complex128]
    """What each house's load will change by when its inverter, tripped by a move, is back, W + j var; else zero."""
    phase_current_a: NDArray[np.complex128]
    """Sum of the single-phase houses' currents on each phase, each in its own phase's frame, A."""
    head_current_a: NDArray[np.complex128]
    """Current of each phase at the transformer: all houses, or what its own meter shows where that is more, A."""
    heard: Bools
    """Houses of which a load is known, be it an old one."""
    no_supply: Bools
    """Houses whose meter reports that their supply is gone."""
    dark: Bools
    """Phases, shape [3], that show no supply, or of whose houses too few report to judge them."""
    v_min: Floats
    v_max: Floats
    stale_after_s: Floats
    """The age at which each house's reading is stale."""


class Guard:
    """Judges moves by the configuration, the roster and the situation."""

    def __init__(self, config: Configuration, roster: Roster) -> None:
        self._config = config
        self._roster = roster

    def houses(self, s: Situation, *, manual: bool = False) -> NDArray[np.int8]:
        """For each house the index into `HOUSE_RULES` of the first rule that forbids moving it, or -1. The mode is
        not judged here. A person may move a house whose record is in doubt: that is how contacts are tried."""
        r, d = self._roster, self._config.decision
        everywhere = np.ones(len(r), dtype=bool)
        since = s.now - r.last_move
        masks = (
            everywhere & bool(r.halted),
            r.three_phase,
            ~r.switchable,
            r.critical,
            r.locked,
            ~r.known | (r.phase < 0),
            (r.doubt > 0) & (not manual),
            r.offline,
            r.in_flight,
            ~s.fresh,
            s.no_supply,
            everywhere & (s.coverage < d.min_coverage),
            everywhere & (s.now < s.outage_until),
            (r.pv_w > 0) & (since < d.pv_reconnect_s),
            since < d.dwell_s,
            r.operations_day >= d.max_operations_per_house_day,
            everywhere & (r.operations_hour >= d.max_operations_per_feeder_hour),
        )
        verdict = np.full(len(r), -1, dtype=np.int8)
        for rule in range(len(masks) - 1, -1, -1):
            verdict[masks[rule]] = rule
        return verdict

    def targets(self, house: NDArray[np.intp], target: NDArray[np.int8], s: Situation) -> NDArray[np.int8]:
        """For each move house[k] -> target[k] the index into `TARGET_RULES` of the first rule that forbids it, or -1.

        A moved load P shifts the far voltages of its new phase by about -Z P / V. Where the target's voltage is not
        measured it cannot be judged, and the rule does not apply.
        """
        feeder = self._config.feeder
        load = s.load_va[house]
        voltage = self._outside(self._shift_v(load), target, s)
        head = (s.head_current_a + self._per_phase(np.conj(s.returning_va) / feeder.nominal_voltage_v))[target]
        before = np.abs(head)
        after = np.abs(head + np.conj(load) / feeder.nominal_voltage_v)
        headroom = (after > feeder.phase_limit_pct / 100.0 * feeder.rated_current_a) & (after > before)
        verdict = np.full(len(house), -1, dtype=np.int8)
        for rule, mask in reversed(list(enumerate((s.dark[target], voltage, headroom)))):
            verdict[mask] = rule
        return verdict

    def veto(self, move: Move, s: Situation, *, manual: bool) -> Veto | None:
        """The first rule that forbids this move now, with the value seen and the limit held against it; None where
        it may go."""
        if s.mode is Mode.HOLD or (manual and s.mode is Mode.ADVISE):
            return Veto(move, VetoReason.MODE)
        house = self._roster.index[move.house]
        rule = int(self.houses(s, manual=manual)[house])
        if rule >= 0:
            return self.explain(move, HOUSE_RULES[rule], s)
        if self._roster.phase[house] == int(move.target):
            return Veto(move, VetoReason.ALREADY_THERE)
        if self._roster.phase[house] != int(move.origin):
            return Veto(move, VetoReason.POSITION_UNKNOWN)
        rule = int(self.targets(np.array([house]), np.array([int(move.target)], dtype=np.int8), s)[0])
        return self.explain(move, TARGET_RULES[rule], s) if rule >= 0 else None

    def judge(self, moves: Sequence[Move], s: Situation, *, manual: bool = False) -> list[Veto]:
        """The last word on moves that would be commanded together: each by itself, then what they do jointly."""
        vetoes = [veto for move in moves if (veto := self.veto(move, s, manual=manual)) is not None]
        forbidden = {veto.move for veto in vetoes}
        free = self._config.switching.max_in_flight - int(self._roster.in_flight.sum())
        left = self._config.decision.max_operations_per_feeder_hour - self._roster.operations_hour
        passed: list[Move] = []
        for move in moves:
            if move in forbidden:
                continue
            if free <= 0 or any(move.house == other.house for other in passed):
                vetoes.append(Veto(move, VetoReason.IN_FLIGHT, limit=float(self._config.switching.max_in_flight)))
            elif left <= 0:
                vetoes.append(self.explain(move, VetoReason.FEEDER_CAP, s))
            elif (joint := self._joint(move, passed, s)) is not None:
                vetoes.append(joint)
            else:
                free, left = free - 1, left - 1
                passed.append(move)
        return vetoes

    def _joint(self, move: Move, passed: Sequence[Move], s: Situation) -> Veto | None:
        """Voltage and headroom of a target that `move` shares with moves that already passed."""
        return self._joint_voltage(move, passed, s) or self._joint_overload([*passed, move], move, s)

    def _joint_voltage(self, move: Move, passed: Sequence[Move], s: Situation) -> Veto | None:
        own = float(self._shift_v(s.load_va[self._roster.index[move.house]]))
        # Only what pushes the same way counts: the other moves may come late or fail. Moves of earlier decisions that
        # are under way have not reached the meters either.
        target = int(move.target)
        others = [self._roster.index[other.house] for other in passed if other.target == move.target]
        others += np.flatnonzero(self._roster.in_flight & (self._roster.phase == target)).tolist()
        coming = self._shift_v(s.load_va + s.returning_va)
        shift = own + sum(volts for k in others if (volts := float(coming[k])) * own > 0)
        if not self._outside(np.array([shift]), np.array([target], dtype=np.int8), s)[0]:
            return None
        return self._voltage_veto(move, shift, s)

    def _shift_v(self, load_va: Any) -> Any:
        """By how much loads (VA) shift the far voltages of the phase they come to, V."""
        feeder = self._config.feeder
        return -feeder.source_impedance_ohm * np.real(load_va) / feeder.nominal_voltage_v

    def _outside(self, shift_v: Floats, target: NDArray[np.int8], s: Situation) -> Bools:
        """Which shifts bring their target beyond a limit, or further beyond it."""
        feeder = self._config.feeder
        high, low = feeder.volts(feeder.limits.high_pct), feeder.volts(feeder.limits.low_pct)
        highest = s.v_max + self._rise_v(s)
        with np.errstate(invalid="ignore"):  # comparisons with NaN are false: not measured, not judged
            over = (shift_v > 0) & (highest[target] + shift_v > high)
            return np.asarray(over | ((shift_v < 0) & (s.v_min[target] + shift_v < low)))

    def _rise_v(self, s: Situation) -> Floats:
        """By how much inverters that are away will raise each phase when they are back, V, [3]."""
        return np.asarray(self._per_phase(np.maximum(0.0, self._shift_v(s.returning_va))))

    def _per_phase(self, values: Any) -> Any:
        """Sums over the houses on each phase, [3]."""
        on = self._roster.phase[:, None] == np.arange(3)
        return values @ on

    def _voltage_veto(self, move: Move, shift_v: float, s: Situation) -> Veto:
        """`value` is the voltage expected after the move."""
        feeder = self._config.feeder
        up = shift_v > 0
        value = float((s.v_max + self._rise_v(s) if up else s.v_min)[int(move.target)]) + shift_v
        limit = feeder.volts(feeder.limits.high_pct if up else feeder.limits.low_pct)
        return Veto(move, VetoReason.TARGET_VOLTAGE, value, limit)

    def _joint_overload(self, moves: Sequence[Move], move: Move, s: Situation) -> Veto | None:
        feeder = self._config.feeder
        returning = self._per_phase(np.conj(s.returning_va) / feeder.nominal_voltage_v)
        current = (s.head_current_a + returning)[int(move.target)]
        before = abs(current)
        for other in moves:
            load = np.conj(s.load_va[self._roster.index[other.house]]) / feeder.nominal_voltage_v
            if other.target == move.target:
                current = current + load
            if other.origin == move.target:
                current = current - load
        limit = feeder.phase_limit_pct / 100.0 * feeder.rated_current_a
        if abs(current) > limit and abs(current) > before:
            return Veto(move, VetoReason.TARGET_HEADROOM, float(abs(current)), limit)
        return None

    def explain(self, move: Move, reason: VetoReason, s: Situation) -> Veto:
        """A veto with the value seen and the limit, in the rule's own unit (s, operations, V, A, fraction)."""
        r, d, feeder = self._roster, self._config.decision, self._config.feeder
        house, target = r.index[move.house], int(move.target)
        value: float | None = None
        limit: float | None = None
        match reason:
            case VetoReason.WRONG_RECORD:
                value, limit = float(r.doubt[house]), SURE
            case VetoReason.STALE:
                value = float(s.age_s[house]) if np.isfinite(s.age_s[house]) else None
                limit = float(s.stale_after_s[house])
            case VetoReason.COVERAGE:
                value, limit = s.coverage, d.min_coverage
            case VetoReason.OUTAGE:
                value, limit = s.outage_until - s.now, d.outage_cooldown_s
            case VetoReason.PV_RECONNECT:
                value, limit = s.now - float(r.last_move[house]), d.pv_reconnect_s
            case VetoReason.DWELL:
                value, limit = s.now - float(r.last_move[house]), d.dwell_s
            case VetoReason.DAILY_CAP:
                value, limit = float(r.operations_day[house]), float(d.max_operations_per_house_day)
            case VetoReason.FEEDER_CAP:
                value, limit = float(r.operations_hour), float(d.max_operations_per_feeder_hour)
            case VetoReason.TARGET_VOLTAGE:
                return self._voltage_veto(move, float(self._shift_v(s.load_va[house])), s)
            case VetoReason.TARGET_HEADROOM:
                load = np.conj(s.load_va[house]) / feeder.nominal_voltage_v
                value = float(abs(s.head_current_a[target] + load))
                limit = feeder.phase_limit_pct / 100.0 * feeder.rated_current_a
            case _:
                pass
        return Veto(move, reason, value, limit)
