"""From the feeder's present and its forecast to the moves worth making. It proposes; the guard judges.

What is minimised is the expected neutral current of the transformer over the coming hours (`objective`), as complex
currents, plus what voltages outside their limits cost, plus a price for every move. Where the houses' distances along
the feeder are known, the same current with each house weighted by its distance counts as well: that is what makes
the far end's voltages unequal and heats the lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.decision.guard import HOUSE_RULES, TARGET_RULES, Guard, Situation
from edge_balancer.decision.objective import ExpectedCurrent
from edge_balancer.decision.search import least_current
from edge_balancer.decision.squares import NOTHING, Found
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
    `now_a` [houses]: the same at present; `fixed_a` complex: current in the neutral that no move changes, A;
    `error_a` [blocks]: standard error of the forecast neutral current, A; `price` of a move, A min; `price_factor`
    [houses]: by which its wear, or a learned policy, makes moving a house dearer or cheaper; `distance` [houses]: of
    each house along the feeder over the typical one, None where not known."""

    horizon: Horizon
    forecast_a: Complex
    now_a: Complex
    fixed_a: complex
    error_a: Floats
    price: float
    price_factor: Floats
    distance: Floats | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    moves: tuple[Move, ...]
    gain: float
    neutral_before_a: float
    neutral_after_a: float
    candidates: tuple[Candidate, ...]
    vetoes: tuple[Veto, ...]
    blocks: tuple[BlockForecast, ...]
    asked: float
    """What the moves ask together, A min: the price of each with its wear and the sun that it loses, less what it does
    for voltages outside of their limits."""


@dataclass(frozen=True, slots=True)
class _Table:
    """All single moves: house and target index and price, each of length [k], and what they change, [k, dims]."""

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
        cost, n = self._cost(outlook), self._imbalance(outlook)
        gains = float(cost.of(n)) - cost.of(n + table.change)
        verdict = self._guard.houses(s)
        at_target = self._guard.targets(table.house, table.target, s)
        open_ = (verdict[table.house] < 0) & (at_target < 0)
        vetoes = self._forbidden(table, gains, verdict, at_target, s)
        chosen: list[int] = []
        passed: list[int] = []
        found = NOTHING
        for _ in range(ROUNDS):
            rows = np.flatnonzero(open_)
            found = least_current(cost, n, table.change[rows], table.price[rows], table.house[rows], self._most())
            chosen = [int(rows[k]) for k in found.chosen]
            refused = self._refused([self._move(table, k) for k in chosen], s)
            if not refused:
                break
            vetoes = [*refused.values(), *vetoes]
            open_[[k for k in chosen if self._move(table, k) in refused]] = False
            passed = [k for k in chosen if self._move(table, k) not in refused]
            chosen, found = [], NOTHING
            if all(veto.reason is VetoReason.MODE for veto in refused.values()):
                break
        else:
            # Many houses are alike, and each search met one too many: what passed of the last set may still pay.
            found = _whole(cost, n, table, passed)
            chosen = list(found.chosen)
        return self._proposal(outlook, table, gains, open_, chosen, found.gain, vetoes)

    def _refused(self, moves: list[Move], s: Situation) -> dict[Move, Veto]:
        """Which of these moves, made together, the guard forbids."""
        return {veto.move: veto for veto in self._guard.judge(moves, s)} if moves else {}

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
        """Forecast neutral current of each block, shape [blocks]."""
        return self._sum(outlook.forecast_a) + outlook.fixed_a

    def _imbalance(self, outlook: Outlook) -> Complex:
        """The neutral current of each block; and once more with every house weighted by its distance."""
        neutral = self._neutral(outlook)
        if outlook.distance is None:
            return neutral
        far = self._sum(outlook.forecast_a * outlook.distance[:, None]) + outlook.fixed_a
        return np.concatenate([neutral, far])

    def _cost(self, outlook: Outlook) -> ExpectedCurrent:
        weights, error = outlook.horizon.weights_min, outlook.error_a
        share = self._config.decision.distance_weight
        if outlook.distance is None:
            return ExpectedCurrent(weights, error)
        spread = float(np.sqrt(np.mean(outlook.distance**2)))
        # The weights sum up as before, so that the price keeps its meaning.
        both = np.concatenate([(1.0 - share) * weights, share * weights])
        return ExpectedCurrent(both, np.concatenate([error, spread * error]))

    def _table(self, outlook: Outlook, s: Situation) -> _Table:
        house = self._pair_house
        origin = self._roster.phase[house]
        target = ((origin + self._pair_step) % 3).astype(np.int8)
        turn = (ROTATION[target] - ROTATION[origin])[:, None]
        # Where an inverter trips with the move, nothing reaches the new phase until it is back.
        turn = turn - self._missing(house, outlook.horizon, s) * ROTATION[target][:, None]
        change = outlook.forecast_a[house] * turn
        if outlook.distance is not None:
            change = np.concatenate([change, change * outlook.distance[house][:, None]], axis=1)
        own = outlook.price * outlook.price_factor[house]
        price = own + self._lost_solar(house, s) - self._voltage_relief(house, origin, target, outlook, s)
        return _Table(house, target, change, price)

    def _missing(self, house: NDArray[np.intp], horizon: Horizon, s: Situation) -> Floats:
        """[k, blocks] share of each block in which the inverter of an exporting house is away after a move."""
        length_s = horizon.ends_s - horizon.starts_s
        away_s = np.clip(self._config.decision.pv_reconnect_s - horizon.starts_s, 0.0, length_s)
        exports = (self._roster.pv_w[house] > 0.0) & (s.load_va.real[house] < 0.0)
        return np.asarray(exports[:, None] * (away_s / length_s)[None, :])

    def _lost_solar(self, house: NDArray[np.intp], s: Situation) -> Floats:
        """Price of the energy an exporting house loses while its inverter reconnects, A min."""
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
        """What a move is worth for the volts by which it brings phases back within the limits, A min; negative if
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
        gains: Floats,
        open_: NDArray[np.bool_],
        chosen: list[int],
        gain: float,
        vetoes: list[Veto],
    ) -> Proposal:
        before = self.neutral_now(outlook)
        if not chosen:
            return Proposal((), 0.0, abs(before), abs(before), (), tuple(vetoes[:SHOWN]), (), 0.0)
        rows = np.flatnonzero(open_)
        rows = rows[np.argsort(-(gains[rows] - table.price[rows]), kind="stable")[:SHOWN]]
        candidates = tuple(
            Candidate(self._move(table, k), float(gains[k]), float(table.price[k])) for k in rows.tolist()
        )
        house, target = table.house[chosen], table.target[chosen]
        turn = ROTATION[target] - ROTATION[self._roster.phase[house]]
        # As it will be once inverters are back, which is what the move is for; the blocks tell the way there.
        after = before + complex((outlook.now_a[house] * turn).sum())
        neutral = self._neutral(outlook)
        then = neutral + table.change[chosen, : len(neutral)].sum(axis=0)
        blocks = tuple(
            BlockForecast(float(minutes), float(weight), float(abs(a)), float(abs(b)))
            for minutes, weight, a, b in zip(
                outlook.horizon.minutes, outlook.horizon.weights_min, neutral, then, strict=True
            )
        )
        moves = tuple(self._move(table, k) for k in chosen)
        asked = float(table.price[chosen].sum())
        return Proposal(moves, gain, abs(before), abs(after), candidates, tuple(vetoes[:SHOWN]), blocks, asked)


def _whole(cost: ExpectedCurrent, n: Complex, table: _Table, chosen: list[int]) -> Found:
    """This very set of moves, or nothing where it does not pay."""
    gain = float(cost.of(n) - cost.of(n + table.change[chosen].sum(axis=0)))
    worth = gain - float(table.price[chosen].sum())
    return Found(tuple(chosen), gain, worth) if worth > 0.0 else NOTHING
