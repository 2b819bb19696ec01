"""From the feeder's present and its forecast to the moves worth making. It proposes; the guard judges.

What is minimised is the square of the transformer's neutral current over the coming hours, as complex currents, plus
what
voltages outside their limits cost, plus a price for every move.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.decision.guard import HOUSE_RULES, TARGET_RULES, Guard, Situation
from edge_balancer.decision.search import NOTHING, Found, best_moves
from edge_balancer.forecast.horizon import Horizon
from edge_balancer.settings.root import Configuration
from edge_balancer.switching.roster import Roster
from edge_balancer.types.decisions import BlockForecast, Candidate, Move, Veto, VetoReason
from edge_balancer.types.phases import ROTATION, Phase

Floats = NDArray[np.float64]
Complex = NDArray[np.complex128]

SHOWN: Final = 5
"""How many candidates and vetoes a decision's record carries: enough to see the choice, not the whole table."""
ROUNDS: Final = 4
"""Most searches for one decision, each without the moves that the guard forbade jointly in the one before."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the planner works on. `forecast_a` [houses, blocks]: current of each house in its own phase's frame, A;
    `now_a` [houses]: the same at present; `fixed_a` complex: current in the neutral that no move changes, A."""

    horizon: Horizon
    forecast_a: Complex
    now_a: Complex
    fixed_a: complex
    price: float


@dataclass(frozen=True, slots=True)
class Proposal:
    moves: tuple[Move, ...]
    gain: float
    neutral_before_a: float
    neutral_after_a: float
    candidates: tuple[Candidate, ...]
    vetoes: tuple[Veto, ...]
    blocks: tuple[BlockForecast, ...]


@dataclass(frozen=True, slots=True)
class _Table:
    """All single moves: house and target index, change of the weighted neutral current, and price, each of length
    [k]."""

    house: NDArray[np.intp]
    target: NDArray[np.int8]
    change: Complex
    price: Floats


class Planner:
    """Finds the best moves for one feeder."""

    def __init__(self, config: Configuration, roster: Roster, guard: Guard) -> None:
        self._config = config
        self._roster = roster
        self._guard = guard
        single = np.flatnonzero(~roster.three_phase)
        self._pair_house = np.repeat(single, 2)
        self._pair_step = np.tile(np.array([1, 2], dtype=np.int8), len(single))

    def propose(self, outlook: Outlook, s: Situation) -> Proposal:
        """The best moves that the guard lets pass; with none, the proposal still says what was weighed and
        forbidden."""
        table = self._table(outlook, s)
        neutral = self._neutral(outlook)
        n = _real(neutral)
        d = _real(table.change)
        gains = -(2.0 * (d @ n) + np.einsum("kb,kb->k", d, d))
        verdict = self._guard.houses(s)
        at_target = self._guard.targets(table.house, table.target, s)
        open_ = (verdict[table.house] < 0) & (at_target < 0)
        vetoes = self._forbidden(table, gains, verdict, at_target, s)
        moves: tuple[Move, ...] = ()
        passed: list[int] = []
        found = NOTHING
        for _ in range(ROUNDS):
            rows = np.flatnonzero(open_)
            price = table.price[rows].astype(np.float32)
            found = best_moves(n, d[rows], price, table.house[rows], self._most())
            chosen = [int(rows[k]) for k in found.chosen]
            moves = tuple(self._move(table, k) for k in chosen)
            refused = {veto.move: veto for veto in self._guard.judge(moves, s)} if moves else {}
            if not refused:
                break
            vetoes = [*refused.values(), *vetoes]
            open_[[k for k in chosen if self._move(table, k) in refused]] = False
            passed = [k for k in chosen if self._move(table, k) not in refused]
            moves, found = (), NOTHING
            if all(veto.reason is VetoReason.MODE for veto in refused.values()):
                break
        else:
            # Many houses are alike, and each search met one too many: what passed of the last set may still pay.
            found = _whole(n, d, table.price, passed)
            moves = tuple(self._move(table, k) for k in found.chosen)
        return self._proposal(outlook, table, neutral, gains, open_, moves, found.gain, vetoes)

    def neutral_now(self, outlook: Outlook) -> complex:
        """The neutral current at present, A."""
        return complex(self._sum(outlook.now_a)) + outlook.fixed_a

    def _most(self) -> int:
        free = self._config.switching.max_in_flight - int(self._roster.in_flight.sum())
        return max(1, min(self._config.decision.max_moves, free))

    def _sum(self, current: Complex) -> Complex:
        """Sum over houses of currents [houses, ...] turned into the transformer's frame."""
        phase = self._roster.phase
        turned = np.where(phase >= 0, ROTATION[phase], 0.0)
        return np.asarray(turned @ current)

    def _neutral(self, outlook: Outlook) -> Complex:
        """Weighted neutral current of each block, shape [blocks]."""
        return (self._sum(outlook.forecast_a) + outlook.fixed_a) * np.sqrt(outlook.horizon.weights_min)

    def _table(self, outlook: Outlook, s: Situation) -> _Table:
        house = self._pair_house
        origin = self._roster.phase[house]
        target = ((origin + self._pair_step) % 3).astype(np.int8)
        weighted = outlook.forecast_a * np.sqrt(outlook.horizon.weights_min)
        change = weighted[house] * (ROTATION[target] - ROTATION[origin])[:, None]
        price = outlook.price + self._lost_solar(house, s) - self._voltage_relief(house, origin, target, outlook, s)
        return _Table(house, target, change, price)

    def _lost_solar(self, house: NDArray[np.intp], s: Situation) -> Floats:
        """Price of the energy an exporting house loses while its inverter reconnects, A^2 min."""
        d = self._config.decision
        export = np.maximum(0.0, -s.load_va.real)[house]
        return np.asarray(d.pv_energy_price * export * d.pv_reconnect_s / 3600.0)

    def _voltage_relief(
        self,
        house: NDArray[np.intp],
        origin: NDArray[np.int8],
        target: NDArray[np.int8],
        outlook: Outlook,
        s: Situation,
    ) -> Floats:
        """What a move is worth for the volts by which it brings phases back within the limits, A^2 min; negative if
        it does harm."""
        feeder = self._config.feeder
        high, low = feeder.volts(feeder.limits.high_pct), feeder.volts(feeder.limits.low_pct)
        v_max = np.nan_to_num(s.v_max, nan=feeder.nominal_voltage_v)
        v_min = np.nan_to_num(s.v_min, nan=feeder.nominal_voltage_v)
        drop = feeder.source_impedance_ohm * s.load_va.real[house] / feeder.nominal_voltage_v

        def outside(phase: NDArray[np.int8], shift: Floats) -> Floats:
            over = np.maximum(0.0, v_max[phase] + shift - high)
            under = np.maximum(0.0, low - v_min[phase] - shift)
            return np.asarray(over + under)

        still = np.zeros_like(drop)
        relief = outside(origin, still) - outside(origin, drop) + outside(target, still) - outside(target, -drop)
        return self._config.decision.voltage_weight * float(outlook.horizon.weights_min.sum()) * relief

    def _move(self, table: _Table, k: int) -> Move:
        house = int(table.house[k])
        return Move(self._roster.ids[house], Phase(int(self._roster.phase[house])), Phase(int(table.target[k])))

    def _forbidden(
        self,
        table: _Table,
        gains: Floats,
        verdict: NDArray[np.int8],
        at_target: NDArray[np.int8],
        s: Situation,
    ) -> list[Veto]:
        """The best of the moves that would have paid and were forbidden."""
        forbidden = (verdict[table.house] >= 0) | (at_target >= 0)
        rows = np.flatnonzero(forbidden & (gains > table.price))
        rows = rows[np.argsort(-gains[rows], kind="stable")[:SHOWN]]
        vetoes = []
        for k in rows.tolist():
            rule = int(verdict[table.house[k]])
            if rule >= 0:
                reason = HOUSE_RULES[rule]
            else:
                reason = TARGET_RULES[int(at_target[k])]
            vetoes.append(self._guard.explain(self._move(table, k), reason, s))
        return vetoes

    def _proposal(
        self,
        outlook: Outlook,
        table: _Table,
        neutral: Complex,
        gains: Floats,
        open_: NDArray[np.bool_],
        moves: tuple[Move, ...],
        gain: float,
        vetoes: list[Veto],
    ) -> Proposal:
        before = self.neutral_now(outlook)
        if not moves:
            return Proposal((), 0.0, abs(before), abs(before), (), tuple(vetoes[:SHOWN]), ())
        rows = np.flatnonzero(open_)
        rows = rows[np.argsort(-(gains[rows] - table.price[rows]), kind="stable")[:SHOWN]]
        candidates = tuple(
            Candidate(self._move(table, k), float(gains[k]), float(table.price[k])) for k in rows.tolist()
        )
        index = np.array([self._roster.index[move.house] for move in moves])
        turn = np.array([ROTATION[move.target] - ROTATION[move.origin] for move in moves])
        after = before + complex((outlook.now_a[index] * turn).sum())
        root = np.sqrt(outlook.horizon.weights_min)
        then = neutral + (outlook.forecast_a[index] * turn[:, None]).sum(axis=0) * root
        blocks = tuple(
            BlockForecast(float(minutes), float(weight), float(abs(a) / r), float(abs(b) / r))
            for minutes, weight, a, b, r in zip(
                outlook.horizon.minutes, outlook.horizon.weights_min, neutral, then, root, strict=True
            )
        )
        return Proposal(moves, gain, abs(before), abs(after), candidates, tuple(vetoes[:SHOWN]), blocks)


def _whole(n: NDArray[np.float32], d: NDArray[np.float32], price: Floats, chosen: list[int]) -> Found:
    """This very set of moves, or nothing where it does not pay."""
    step = d[chosen].sum(axis=0)
    gain = -float(2.0 * (step @ n) + step @ step)
    worth = gain - float(price[chosen].sum())
    return Found(tuple(chosen), gain, worth) if worth > 0.0 else NOTHING


def _real(values: Complex) -> NDArray[np.float32]:
    """Complex [..., blocks] as real float32 [..., 2 blocks]: |z| is kept, and the search works on real vectors."""
    return np.concatenate([values.real, values.imag], axis=-1).astype(np.float32)
