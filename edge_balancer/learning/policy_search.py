"""Where a policy is learned: feeders that serve nothing else, with the best forecaster at work on them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from edge_balancer.benchmark.scenarios import scenario
from edge_balancer.learning.export import write
from edge_balancer.learning.feeders import Asked, Ready, twin_loop
from edge_balancer.learning.imitation import examples, imitating
from edge_balancer.learning.loop import Advice, run_loop
from edge_balancer.learning.options import TrainOptions
from edge_balancer.learning.policy import COLUMNS, INPUTS, Floats, Policy, improved

IMITATION: Final = "imitation"
POLICY: Final = "policy"
POLICY_FILE: Final = "policy.json"
POLICY_DAYS: Final = 4
POLICY_BUDGET: Final = 2.0
_ELASTICITY: Final = 0.17
"""By this power of the operations the neutral current falls, between one and four a day, on simulated feeders."""


def policies_of(options: TrainOptions, version: str, upon: Asked, said: Callable[[str], None]) -> dict[str, Policy]:
    """By name. Not learned again where the folder has those of this version."""
    place = options.out / POLICY_FILE
    if place.exists():
        had = json.loads(place.read_text(encoding="utf-8"))
        if had.get("version") == version:
            return {name: Policy(tuple(had[name])) for name in (IMITATION, POLICY)}
    first, last = learned_policies(options, upon, said)
    found = {IMITATION: first, POLICY: last}
    told = {name: policy.weights for name, policy in found.items()}
    content = {"version": version, "upon": upon.name, "inputs": INPUTS, **told}
    write(place, (json.dumps(content, indent=1) + "\n").encode())
    return found


def learned_policies(options: TrainOptions, upon: Asked, said: Callable[[str], None]) -> tuple[Policy, Policy]:
    """By imitation alone, and improved in simulation."""
    feeders: list[tuple[Ready, Advice]] = []
    for what in options.loops.scenarios:
        for seed in options.policy_seeds:
            tell = _telling(said, f"policy, {what}, seed {seed}")
            ready = twin_loop(scenario(what), seed, POLICY_DAYS, [upon], tell, COLUMNS)
            feeders.append((ready, ready.advice[0]))
    tell = _telling(said, "policy, imitation")
    first = imitating([examples(ready, advice.correction_w, POLICY_BUDGET, tell) for ready, advice in feeders])
    rng = np.random.default_rng([options.seed, 43])
    last = improved(first, lambda some: _cost(feeders, some), options.generations, options.brood, rng, said)
    return first, last


def _telling(said: Callable[[str], None], what: str) -> Callable[[str], None]:
    return lambda text: said(f"{what}: {text.strip()}")


def _cost(feeders: Sequence[tuple[Ready, Advice]], policies: Sequence[Policy]) -> Floats:
    """Mean logarithm of the neutral current over the feeders, corrected for operations that were not meant."""
    total = np.zeros(len(policies))
    for ready, base in feeders:
        advice = [
            Advice(str(k), base.correction_w, base.error_va, policy.factor_of(ready.kept))
            for k, policy in enumerate(policies)
        ]
        results = run_loop(ready.feeder, advice, POLICY_BUDGET)
        spent = [max(one.operations, 0.1) / POLICY_BUDGET for one in results]
        total += [np.log(one.mean_a) + _ELASTICITY * np.log(n) for one, n in zip(results, spent, strict=True)]
    return total / max(len(feeders), 1)
