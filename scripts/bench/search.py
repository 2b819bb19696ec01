"""How far the search for moves is from the best set of three, and how long it takes, on instances drawn from the twin.

The search for squares is measured by trying all triples, at 200 and 1000 houses. The search for the least expected
current, by which the controller chooses its moves, is measured at 200 houses by trying all triples too, and at both
sizes by HiGHS, which proves a bound without trying all. Gaps are shares of the best set's worth. Times are of the
search alone; `decide` has the whole decision.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from edge_balancer.decision.search import least_current, real
from edge_balancer.decision.squares import Found, Indices, Vectors, best_moves
from scripts.bench.common import machine, percentile, verdict
from scripts.bench.search_instances import MOST, Instance, instances
from scripts.bench.search_proof import CLOSE, Proof, best_current, best_squares, proven

TARGET_GAP: Final = 1.0
TARGET_MS: Final = {200: 10.0, 1000: 100.0}
REPEATS: Final = 3
NEGLIGIBLE: Final = 1e-3
"""A worth below this, A min, is none: its share would be rounding."""


def searched(it: Instance) -> Found:
    return least_current(it.cost, it.n, it.d, it.price, it.group, MOST)


def squares_of(it: Instance) -> tuple[Vectors, Vectors, Vectors, Indices]:
    """The squares that the first search for the least current works on."""
    before = np.abs(it.n) ** 2
    root = np.sqrt(it.cost.secant(before, np.zeros_like(before)))
    return real(it.n * root), real(it.d * root), it.price.astype(np.float32), it.group


def gap(best: float, found: float) -> float:
    """Percent of the best set's worth that the found one lacks."""
    return max(0.0, 100.0 * (best - found) / best) if best > NEGLIGIBLE else 0.0


def told(what: str, gaps: Sequence[float]) -> None:
    optimal = sum(one <= 100.0 * CLOSE for one in gaps)
    print(f"  {what}: mean gap {statistics.mean(gaps):.3f} %, most {max(gaps):.2f} %, best in {optimal} of {len(gaps)}")
    sys.stdout.flush()


def by_trying(cases: Sequence[Instance], *, current: bool) -> list[float]:
    """Prints the gaps of the search for squares, and gives those of the search for the least current if asked for."""
    squares = [squares_of(it) for it in cases]
    told("squares, all triples tried", [gap(best_squares(*one), best_moves(*one, MOST).worth) for one in squares])
    if not current:
        return []
    gaps = [gap(best_current(it), searched(it).worth) for it in cases]
    told("expected current, all triples tried", gaps)
    return gaps


def by_proof(cases: Sequence[Instance], seconds: float) -> list[float]:
    """Gaps to what HiGHS has proven, and what it had no time for: there the bound counts as if a set reached it."""
    proofs: list[tuple[Proof, Found]] = []
    for it in cases:
        found = searched(it)
        proofs.append((proven(it, found.chosen, seconds), found))
    closed = [gap(proof.worth, found.worth) for proof, found in proofs if proof.closed]
    open_ = [gap(proof.bound, found.worth) for proof, found in proofs if not proof.closed]
    if closed:
        told(f"expected current, proven by HiGHS in {len(closed)} of {len(proofs)}", closed)
    if open_:
        print(
            f"  not proven within {seconds:g} s: {len(open_)}; their gaps are at most {', '.join(map(_percent, open_))}"
        )
    return closed + open_


def _percent(value: float) -> str:
    return f"{value:.2f} %"


def times(cases: Sequence[Instance]) -> tuple[float, float]:
    """Prints median and 99th percentile of both searches; gives the 99th of the least current, ms of wall and CPU."""
    wall, cpu, squares = [], [], []
    for it in cases:
        one = squares_of(it)
        for _ in range(REPEATS):
            began, worked = time.perf_counter(), time.process_time()
            searched(it)
            wall.append(1000.0 * (time.perf_counter() - began))
            cpu.append(1000.0 * (time.process_time() - worked))
            worked = time.process_time()
            best_moves(*one, MOST)
            squares.append(1000.0 * (time.process_time() - worked))
    for name, ms in (("least current, wall", wall), ("least current, processor", cpu), ("squares, processor", squares)):
        print(f"  {name:25s} median {statistics.median(ms):7.2f} ms, p99 {percentile(ms, 99):7.2f} ms")
    sys.stdout.flush()
    return percentile(wall, 99), percentile(cpu, 99)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=90, help="of 55 and of 200 houses (default: %(default)s)")
    parser.add_argument("--large", type=int, default=30, help="of 1000 houses (default: %(default)s)")
    parser.add_argument("--tried", type=int, default=2, help="of them with all triples tried (default: %(default)s)")
    parser.add_argument("--proofs", type=int, default=10, help="for HiGHS at 200 houses (default: %(default)s)")
    parser.add_argument("--large-proofs", type=int, default=3, help="and at 1000 (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="for a proof (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=301, help="of the first feeder (default: %(default)s)")
    args = parser.parse_args()
    prover = importlib.util.find_spec("highspy") is not None
    print(machine())
    missed = 0
    sizes = ((55, args.instances, args.instances, 0), (200, args.instances, args.instances, args.proofs))
    for houses, count, tried, proofs in (*sizes, (1000, args.large, args.tried, args.large_proofs)):
        cases = list(instances(houses, max(1, count), args.seed))
        print(f"{houses} houses, {len(cases)} instances:")
        wall, _ = times(cases)
        if houses in TARGET_MS:
            missed += verdict(f"p99 of the search at {houses} houses", wall, TARGET_MS[houses], "ms")
        # Those of one feeder resemble each other: spread what is proven over all of them.
        gaps = by_trying(_spread(cases, tried), current=houses <= 200) if tried else []
        if proofs and prover:
            gaps += by_proof(_spread(cases, proofs), args.seconds)
        if gaps:
            missed += verdict(f"mean gap at {houses} houses", statistics.mean(gaps), TARGET_GAP, "%")
    if not prover:
        print("HiGHS (highspy) is not installed: nothing was proven by it")
    return 1 if missed else 0


def _spread(cases: Sequence[Instance], count: int) -> list[Instance]:
    return [cases[int(k)] for k in np.linspace(0, len(cases) - 1, min(count, len(cases)))]


if __name__ == "__main__":
    sys.exit(main())
