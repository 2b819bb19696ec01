"""How long a decision takes: the whole step of the engine on a triggering reading, the planner with the full guard in
it, and as the baseline of the same run the dense pair search alone, which no exact method can do without."""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
import uuid

import numpy as np

from edge_balancer.decision.guard import Situation
from edge_balancer.decision.planner import Outlook, Planner, Proposal
from edge_balancer.engine import Engine
from edge_balancer.types.phases import Phase
from edge_balancer.types.ports import Inputs, Restored
from edge_balancer.types.readings import Reading
from edge_balancer.types.switching import SwitchReport, SwitchResult
from scripts.bench.common import configuration, loads, machine, names, spread, verdict

WALL = 1_795_348_800.0
TARGET_MS = 10.0


class Searches:
    """Times every search of every planner while it is entered."""

    def __init__(self) -> None:
        self.ms: list[float] = []
        self.moves = 0
        self._propose = Planner.propose

    def __enter__(self) -> Searches:
        def timed(planner: Planner, outlook: Outlook, s: Situation) -> Proposal:
            began = time.perf_counter()
            proposal = self._propose(planner, outlook, s)
            self.ms.append((time.perf_counter() - began) * 1000.0)
            self.moves += len(proposal.moves)
            return proposal

        Planner.propose = timed  # type: ignore[method-assign,assignment]
        return self

    def __exit__(self, *_: object) -> None:
        Planner.propose = self._propose  # type: ignore[method-assign]


def prepared(houses: int) -> Engine:
    """An engine that knows every switch's position and every house's load, and may move them all."""
    decision = {"dwell_s": 0, "smoothing_s": 0, "outage_cooldown_s": 0, "max_operations_per_house_day": 200}
    decision |= {"max_operations_per_feeder_hour": 10_000, "operations_per_house_day": 8}
    feeder = {"transformer_kva": 4.0 * houses + 100.0}
    config = configuration(houses, decision=decision, feeder=feeder, switching={"max_in_flight": 20})
    engine = Engine(config, uuid.UUID(int=1), Restored(WALL), 0.0)
    reports = [SwitchReport(name, Phase(k % 3), 0.0) for k, name in enumerate(names(houses))]
    engine.step(0.0, Inputs(WALL, reports=reports))
    return engine


def measure(houses: int, rounds: int, chance: random.Random) -> tuple[list[float], list[float], int]:
    """Milliseconds of each step that decided and of the search in it, and how many moves were chosen."""
    engine, now = prepared(houses), 0.0
    steps: list[float] = []
    with Searches() as timed:
        _drive(engine, now, houses, rounds, chance, timed, steps)
    return steps, timed.ms, timed.moves


def _drive(
    engine: Engine, now: float, houses: int, rounds: int, chance: random.Random, timed: Searches, steps: list[float]
) -> None:
    """Rounds of readings until so many of them have made the planner search."""
    while len(steps) < rounds:
        now += 60.0
        fresh = loads(houses, chance)
        readings = [Reading(name, now, p, 0.2 * abs(p), 230.0) for name, p in zip(names(houses), fresh, strict=True)]
        searches = len(timed.ms)
        began = time.perf_counter()
        outputs = engine.step(now, Inputs(WALL + now, readings=readings))
        elapsed = (time.perf_counter() - began) * 1000.0
        if len(timed.ms) > searches:
            steps.append(elapsed)
        # Every switch does at once what it was told, so that the next round may move every house again.
        sent = [command.id for command in outputs.commands]
        reports = [SwitchReport(c.house, c.phase, now + 0.5, c.id, SwitchResult.DONE) for c in outputs.commands]
        engine.step(now + 0.5, Inputs(WALL + now + 0.5, sent=sent, reports=reports))


def pair_search(houses: int, rounds: int) -> float:
    """Median milliseconds of one dense pair search over as many candidates, without houses, guard or record."""
    rng = np.random.default_rng(1)
    d = rng.normal(size=(2 * houses, 12)).astype(np.float32)
    n = rng.normal(size=12).astype(np.float32)
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        gram = d @ d.T
        cost = 2.0 * (d @ n) + np.diagonal(gram)
        int(np.argmin(cost[:, None] + cost[None, :] + 2.0 * gram))
        took.append((time.perf_counter() - began) * 1000.0)
    return statistics.median(took)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="decisions for each size (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    print(machine())
    missed = 0
    for houses in (55, 200, 1000):
        rounds = args.rounds if houses <= 200 else max(20, args.rounds // 5)
        steps, searches, moves = measure(houses, rounds, random.Random(args.seed))
        base = pair_search(houses, rounds)
        median = statistics.median(searches)
        print(f"{houses} houses, {len(searches)} decisions, {moves / len(searches):.1f} moves each, ms:")
        print(f"  one dense pair search (baseline)   median {base:.2f}")
        print(f"  planner with the full guard        {spread(searches)}; {median / base:.1f} times the baseline")
        print(f"  whole engine step, record included {spread(steps)}; {statistics.median(steps) / base:.1f} times")
        if houses == 200:
            missed += verdict("median decision at 200 houses", median, TARGET_MS, "ms")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
