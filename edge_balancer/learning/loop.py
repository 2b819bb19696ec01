"""The closed loop in small: one feeder's days decided minute by minute, with several advisors side by side. Pure.

The bench drives the whole engine in slots of ten seconds, which takes minutes of processor for each feeder and budget.
Here objective, horizon and price of a move are the controller's own; the moves of an instant are chosen one after the
other instead of jointly, readings are minute means, and of the guard's rules only dwell, daily cap and inverters that
trip are kept. That is good enough to choose between advisors, for all suffer the same; what is reported comes from the
bench.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.benchmark.ours import cap_of
from edge_balancer.decision.price import PriceOfMove
from edge_balancer.decision.wear import WearAccounts
from edge_balancer.forecast.horizon import horizon, patience_for
from edge_balancer.learning.recordings import DAY_S
from edge_balancer.settings.policy import DecisionSettings
from edge_balancer.types.phases import ROTATION

Singles = NDArray[np.float32]
Complexes = NDArray[np.complex64]

STEP_S: Final = 60.0
PRIOR_W: Final = 1300.0
MOST_MOVES: Final = 3
_CAP_EVERY: Final = 15
_POLICY: Final = DecisionSettings()


@dataclass(frozen=True, slots=True)
class LoopFeeder:
    """A stretch of minutes of one feeder, or all of them: `load` (T, H) true mean P + jQ and `pv_w` (T, H) what the
    roofs give; `forecast` (T, H, B) by the blend, W and var, `error_va` (T, B) and `unrest` (T,) of the feeder;
    `initial` (H,) phases. Decisions begin at `begin`, the judgement at `judged`, both indices of the feeder's minutes,
    of which `first` is the first one here; `last`: whether no stretch comes after this one."""

    name: str
    load: Complexes
    pv_w: Singles
    roof_w: NDArray[np.float64]
    initial: NDArray[np.int8]
    forecast: Complexes
    error_va: Singles
    unrest: Singles
    begin: int
    judged: int
    nominal_v: float = 230.0
    first: int = 0
    last: bool = True


@dataclass(frozen=True, slots=True)
class Advice:
    """What an advisor says on a feeder: `correction_w` (T, H, B) upon the blend, `error_va` (T, B) in place of the
    blend's, `price_factor` (T, H); None leaves things as they are."""

    name: str
    correction_w: Singles | None = None
    error_va: Singles | None = None
    price_factor: Singles | None = None


@dataclass(frozen=True, slots=True)
class LoopResult:
    """Mean and 95th percentile of the neutral current, A, and operations per house and day, in the judged minutes;
    `daily_a` the mean of each whole day."""

    advisor: str
    mean_a: float
    p95_a: float
    operations: float
    daily_a: tuple[float, ...] = ()


def run_loop(feeder: LoopFeeder, advice: Sequence[Advice], budget: float) -> list[LoopResult]:
    """One result for each advisor, all on the same minutes, which come whole."""
    return run_stretches([(feeder, advice)], [budget])[budget]


def run_stretches(
    stretches: Iterable[tuple[LoopFeeder, Sequence[Advice]]], budgets: Sequence[float]
) -> dict[float, list[LoopResult]]:
    """The same at several budgets side by side, over stretches that follow one another: no more than one of them need
    be in memory. Raises ValueError where none comes."""
    loops: dict[float, _Loop] = {}
    for feeder, advice in stretches:
        loops = loops or {budget: _Loop(feeder, advice, budget) for budget in budgets}
        for loop in loops.values():
            loop.take(feeder, advice)
    if not loops:
        raise ValueError("no minutes to decide on")
    return {budget: loop.results() for budget, loop in loops.items()}


class _Loop:
    def __init__(self, feeder: LoopFeeder, advice: Sequence[Advice], budget: float) -> None:
        self._feeder, self._advice = feeder, advice
        self._names = [one.name for one in advice]
        houses, count = feeder.load.shape[1], len(advice)
        self._budget = budget
        self._horizon = horizon(patience_for(budget))
        self._minutes = float(self._horizon.weights_min.sum())
        solar = (0.35 * feeder.roof_w) ** 2
        prior_a2 = float((PRIOR_W**2 + solar.mean()) / feeder.nominal_v**2)
        self._price = [PriceOfMove(budget, houses, prior_a2) for _ in advice]
        self._wear = [WearAccounts(budget, houses) for _ in advice]
        self._phase = np.repeat(feeder.initial[np.newaxis].astype(np.intp), count, axis=0)
        self._last = np.full((count, houses), -np.inf)
        self._away_until = np.zeros((count, houses))
        self._cap = cap_of(budget)
        self._today = np.zeros((count, houses), dtype=np.int32)
        self._moves: list[deque[tuple[float, int]]] = [deque() for _ in advice]
        self._neutral: list[Singles] = []
        """[advisors, minutes] of each stretch."""
        self._operations = np.zeros(count)
        self._own = np.zeros((0, houses), dtype=np.complex64)
        length = self._horizon.ends_s - self._horizon.starts_s
        away = np.clip(_POLICY.pv_reconnect_s - self._horizon.starts_s, 0.0, length) / length
        self._away_share = away.astype(np.float32)
        self._rotation = ROTATION.astype(np.complex64)

    def take(self, feeder: LoopFeeder, advice: Sequence[Advice]) -> None:
        """Decide the minutes of a stretch."""
        self._feeder, self._advice = feeder, advice
        self._own = (np.conj(feeder.load) / np.float32(feeder.nominal_v)).astype(np.complex64)
        self._neutral.append(np.zeros((len(advice), len(feeder.load)), dtype=np.float32))
        end = len(feeder.load)
        for row in range(max(feeder.begin - feeder.first, 0), end):
            self._measure(row)
            # Of the feeder's last minute nothing comes after it.
            if row < end - 1 or not feeder.last:
                self._decide(row)

    def _measure(self, row: int) -> None:
        away = self._away_until > (self._feeder.first + row) * STEP_S
        lost = (self._feeder.pv_w[row] / np.float32(self._feeder.nominal_v))[np.newaxis] * away
        amps = (self._own[row] + lost) * self._rotation[self._phase]
        self._neutral[-1][:, row] = np.abs(amps.sum(axis=1))

    def _decide(self, row: int) -> None:
        """By what was known at the minute's end; a house is on its new phase from the next minute on."""
        f, minute = self._feeder, self._feeder.first + row
        now = minute * STEP_S
        load = f.load[row]
        square = float(np.mean(np.abs(self._own[row]) ** 2))
        for one in self._price:
            one.advance(now, square)
        for account in self._wear:
            account.advance(now)
        forecast, error = self._outlook(row)
        looking = horizon(patience_for(self._budget, float(f.unrest[row]), STEP_S))
        weights = looking.weights_min.astype(np.float32)
        exports = (load.real < 0.0) & (f.roof_w > 0.0)
        lost_sun = np.where(exports, -load.real, 0.0) * (_POLICY.pv_energy_price * _POLICY.pv_reconnect_s / 3600.0)
        if minute % _CAP_EVERY == 0:
            self._forget(now)
        free = (now - self._last >= _POLICY.dwell_s) & (self._today < self._cap)
        target = (self._phase[:, :, np.newaxis] + np.array([1, 2])) % 3
        arrive = self._rotation[target]
        turn = arrive - self._rotation[self._phase][:, :, np.newaxis]
        share = exports[:, np.newaxis] * self._away_share
        change = forecast[:, :, np.newaxis, :] * (
            turn[..., np.newaxis] - share[np.newaxis, :, np.newaxis, :] * arrive[..., np.newaxis]
        )
        neutral = (forecast * self._rotation[self._phase][:, :, np.newaxis]).sum(axis=1)
        price = self._prices(row)[:, :, np.newaxis] + lost_sun[np.newaxis, :, np.newaxis]
        for _ in range(MOST_MOVES):
            worth = np.where(free[:, :, np.newaxis], _gain(neutral, change, error, weights) - price, -np.inf)
            flat = worth.reshape(len(worth), -1)
            best = flat.argmax(axis=1)
            going = np.flatnonzero(flat[np.arange(len(flat)), best] > 0.0)
            if not len(going):
                return
            for k in going.tolist():
                house, way = divmod(int(best[k]), 2)
                neutral[k] += change[k, house, way]
                free[k, house] = False
                self._move(k, house, int(target[k, house, way]), minute, trips=bool(exports[house]))

    def _outlook(self, row: int) -> tuple[Complexes, Singles]:
        """Forecast currents [advisors, houses, blocks] and squared errors [advisors, blocks], A and A^2."""
        f = self._feeder
        base, error = f.forecast[row], f.error_va[row]
        told = [base if one.correction_w is None else base + one.correction_w[row] for one in self._advice]
        errors = [error if one.error_va is None else one.error_va[row] for one in self._advice]
        volts = np.float32(f.nominal_v)
        current = (np.conj(np.stack(told)) / volts).astype(np.complex64)
        return current, ((np.stack(errors) / volts) ** 2).astype(np.float32)

    def _prices(self, row: int) -> NDArray[np.float64]:
        price = [one.price(self._minutes) * wear.factor() for one, wear in zip(self._price, self._wear, strict=True)]
        factors = [1.0 if one.price_factor is None else one.price_factor[row] for one in self._advice]
        return np.stack([p * f for p, f in zip(price, factors, strict=True)])

    def _move(self, k: int, house: int, target: int, minute: int, *, trips: bool) -> None:
        now = minute * STEP_S
        self._phase[k, house] = target
        self._last[k, house] = now
        self._today[k, house] += 1
        self._moves[k].append((now, house))
        self._price[k].spend(1)
        self._wear[k].spend(house)
        if trips:
            self._away_until[k, house] = now + STEP_S + _POLICY.pv_reconnect_s
        self._operations[k] += minute >= self._feeder.judged

    def _forget(self, now: float) -> None:
        for k, moves in enumerate(self._moves):
            while moves and moves[0][0] <= now - DAY_S:
                self._today[k, moves.popleft()[1]] -= 1

    def results(self) -> list[LoopResult]:
        judged = np.concatenate(self._neutral, axis=1)[:, self._feeder.judged :].astype(np.float64)
        house_days = self._phase.shape[1] * judged.shape[1] * STEP_S / DAY_S
        return [
            LoopResult(name, float(a.mean()), float(np.percentile(a, 95)), float(n / house_days), _daily(a))
            for name, a, n in zip(self._names, judged, self._operations, strict=True)
        ]


def _gain(neutral: Complexes, change: Complexes, error2: Singles, weights: Singles) -> Singles:
    """[advisors, houses, 2] what each move takes off the expected current, A min."""
    before = np.sqrt(np.abs(neutral) ** 2 + error2) @ weights
    then = neutral[:, np.newaxis, np.newaxis, :] + change
    after = np.sqrt(then.real**2 + then.imag**2 + error2[:, np.newaxis, np.newaxis, :]) @ weights
    return np.asarray(before[:, np.newaxis, np.newaxis] - after)


def _daily(amps: NDArray[np.float64]) -> tuple[float, ...]:
    minutes = int(DAY_S / STEP_S)
    whole = len(amps) // minutes * minutes
    return tuple(amps[:whole].reshape(-1, minutes).mean(axis=1).tolist())
