"""From a data set to a judged, exported model, step by step; each step is on disk before the next begins, so that a run
that was broken off goes on where it was. One seed and one data set give one result, to the byte.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from edge_balancer.benchmark.scenarios import scenario
from edge_balancer.forecast.interface import ModelCard, ModelRefusedError, Outputs
from edge_balancer.learning.baselines import BASELINES
from edge_balancer.learning.candidates import Forecaster, Singles, fit
from edge_balancer.learning.errors import LearningError
from edge_balancer.learning.export import Answer, answers, card_in, check_parity, drawn, write
from edge_balancer.learning.feeders import Asked, Ready, twin_loop
from edge_balancer.learning.loop import run_stretches
from edge_balancer.learning.options import TrainOptions
from edge_balancer.learning.policy import Policy
from edge_balancer.learning.policy_search import IMITATION, POLICY, policies_of
from edge_balancer.learning.provenance import made_by
from edge_balancer.learning.scores import Errors, errors
from edge_balancer.learning.shards import DataSet
from edge_balancer.learning.splits import Table, tables
from edge_balancer.learning.standings import BLEND, LoopRow, Standing, as_csv, from_csv, standings, winner

Said = Callable[[str], None]
LOOP_FILE: Final = "loop.csv"
ERRORS_FILE: Final = "errors.json"
LICENCE: Final = "Apache-2.0"
_LEAST_ROWS: Final = (500, 50)
"""To train on, and to test on."""
_TAIL: Final = 0.001
_FINALISTS: Final = 2


@dataclass(frozen=True, slots=True)
class Report:
    """What came out. `models`: each candidate's file; `best`: the winner's name, or `blend`."""

    errors: list[Errors]
    rows: list[LoopRow]
    standings: list[Standing]
    models: dict[str, bytes]
    best: str


class Training:
    """One run in the folder `options.out`. `own` gives the feeder to judge on, stretch by stretch, in the twin's
    place."""

    def __init__(
        self, options: TrainOptions, said: Said, own: Callable[[list[Asked]], Iterable[Ready]] | None = None
    ) -> None:
        self._options, self._said, self._own = options, said, own
        self._data = DataSet(options.data)
        self._models: dict[str, bytes] = {}
        self._table: tuple[Table, Table] | None = None
        self._rows: list[LoopRow] = []
        self._finalists: list[str] = []
        self._upon = BLEND

    def run(self) -> Report:
        """Raises LearningError where the data set does not suffice."""
        found = self._fitted()
        table = self._contest()
        if self._options.generations and self._own is None:
            self._learn_policy(self._best(table))
            table = self._contest()
        return Report(found, self._rows, table, dict(self._models), winner(table, self._finalists))

    def _contest(self) -> list[Standing]:
        """Everybody is judged on the feeders of the first seed; the best few of them, and the blend, on those of the
        others, which alone decide: whoever is chosen for his luck on one feeder has none of it on the next."""
        loops = self._options.loops
        everybody = [BLEND, *(name for name in BASELINES if name != BLEND), *self._models]
        first = self._judged(everybody, loops.seeds[:1])
        qualified = standings(first)
        rest = loops.seeds[1:]
        if self._own is not None or not rest:
            self._rows, self._finalists = first, list(self._models)
            return qualified
        best = sorted((one for one in qualified if one.advisor in self._models), key=lambda one: one.change)[
            :_FINALISTS
        ]
        self._finalists = [one.advisor for one in best]
        deciding = self._judged([BLEND, *self._finalists], rest)
        self._rows = [*first, *deciding]
        decided = standings(deciding)
        return [*decided, *(one for one in qualified if one.advisor not in {other.advisor for other in decided})]

    def _best(self, table: list[Standing]) -> str:
        """What a policy is put upon: the best finalist, be its lead certain or not, or the blend where none leads."""
        leading = [one for one in table if one.advisor in self._finalists and one.change < 0.0]
        return min(leading, key=lambda one: one.change).advisor if leading else BLEND

    # The forecasters.

    def _tables(self) -> tuple[Table, Table]:
        if self._table is None:
            self._said("reading the data set")
            self._table = tables(self._data, self._options.rows, self._options.seed)
            counts = tuple(len(one) for one in self._table)
            if any(count < least for count, least in zip(counts, _LEAST_ROWS, strict=True)):
                raise LearningError(
                    f"{self._data.folder}: {counts[0]} rows to train on and {counts[1]} to test on, at least "
                    f"{_LEAST_ROWS[0]} and {_LEAST_ROWS[1]} are needed: more days, more houses, or a smaller --every"
                )
        return self._table

    def _fitted(self) -> list[Errors]:
        place = self._options.out / ERRORS_FILE
        for name in self._options.candidates:
            self._models[name] = self._known(name) or self._fit(name)
        key = hashlib.sha256(b"".join(self._models.values())).hexdigest()
        if place.exists():
            said = json.loads(place.read_text(encoding="utf-8"))
            if said["key"] == key:
                return [Errors(one["name"], tuple(one["blocks"]), one["kinds"]) for one in said["errors"]]
        _, test = self._tables()
        told = {name: forecaster(test.inputs) for name, forecaster in BASELINES.items()}
        told |= {name: answers(model)(test.inputs).correction for name, model in self._models.items()}
        found = errors(test, told)
        write(place, (json.dumps({"key": key, "errors": [asdict(one) for one in found]}, indent=1) + "\n").encode())
        return found

    def _fit(self, name: str) -> bytes:
        train, test = self._tables()
        self._said(f"training {name} on {len(train)} rows")
        forecaster = fit(name, train, self._options.seed, self._said)
        model = self._exported(name, forecaster, None, train.inputs)
        check_parity(model, forecaster, None, test.inputs)
        write(self._place(name), model)
        return model

    def _exported(self, name: str, forecaster: Forecaster | None, policy: Policy | None, inputs: Singles) -> bytes:
        ranges = np.quantile(inputs, [_TAIL, 1.0 - _TAIL], axis=0).T.astype(np.float64)
        return drawn(forecaster, policy, self._card(name, ranges))

    def _card(self, kind: str, ranges: np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None) -> ModelCard:
        """Without a date: the same training gives the same file."""
        return ModelCard(self._version(kind), kind, self._data.sha256, {}, "", LICENCE, ranges)

    def _version(self, kind: str) -> str:
        o = self._options
        policy = kind in (POLICY, IMITATION)
        parts = [self._data.sha256, made_by(policy=policy), kind, o.seed, o.rows]
        if policy:
            parts += [o.generations, o.brood, o.policy_seeds, o.loops.scenarios, self._upon]
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]

    def _place(self, name: str) -> Path:
        return self._options.out / "candidates" / f"{name}.onnx"

    def _known(self, name: str) -> bytes | None:
        """A candidate of an earlier, broken off run, if it is the same training."""
        place = self._place(name)
        if not place.exists():
            return None
        model = place.read_bytes()
        try:
            return model if card_in(model).version == self._version(name) else None
        except ModelRefusedError:
            return None

    # The closed loop.

    def _judged(self, names: Sequence[str], seeds: Sequence[int]) -> list[LoopRow]:
        """These advisors on the feeders of these seeds, at all budgets; what `loop.csv` has is not run again."""
        place = self._options.out / LOOP_FILE
        had = from_csv(place.read_text(encoding="utf-8")) if place.exists() else []
        hashes = {name: self._hash(name) for name in names}
        loops = self._options.loops
        feeders = [("own", 0)] if self._own else [(what, seed) for what in loops.scenarios for seed in seeds]
        for what, seed in feeders:
            label = self._data.sha256[:12] if self._own else f"{what}-{seed}-{loops.days}"
            here = [row for row in had if row.feeder == label and hashes.get(row.advisor) == row.model]
            done = {(row.advisor, row.budget) for row in here}
            todo = [name for name in names if any((name, budget) not in done for budget in loops.budgets)]
            if not todo:
                continue
            asked = [Asked(name, self._answer(name)) for name in todo]
            tell = self._telling(f"judging on {what}, seed {seed}")
            readies = self._own(asked) if self._own else [twin_loop(scenario(what), seed, loops.days, asked, tell)]
            tell("closed loop")
            found = run_stretches(((one.feeder, one.advice) for one in readies), loops.budgets)
            fresh: list[LoopRow] = []
            for budget, results in found.items():
                for one in results:
                    parts = list(enumerate(one.daily_a, start=1)) if self._own else [(0, one.mean_a)]
                    fresh += [
                        LoopRow(one.advisor, hashes[one.advisor], label, budget, part, mean, one.p95_a, one.operations)
                        for part, mean in parts
                    ]
            had = [row for row in had if (row.feeder, row.advisor) not in {(label, name) for name in todo}] + fresh
            write(place, as_csv(had).encode())
        labels = {self._data.sha256[:12]} if self._own else {f"{w}-{s}-{loops.days}" for w, s in feeders}
        order = {name: k for k, name in enumerate(names)}
        wanted = [
            row for row in had
            if row.feeder in labels and row.advisor in order and row.budget in loops.budgets
        ]  # fmt: skip
        return sorted(wanted, key=lambda row: (order[row.advisor], row.feeder, row.budget, row.part))

    def _telling(self, what: str) -> Said:
        return lambda text: self._said(f"{what}: {text.strip()}")

    def _hash(self, name: str) -> str:
        return hashlib.sha256(self._models[name]).hexdigest()[:12] if name in self._models else ""

    def _answer(self, name: str) -> Answer | None:
        if name == BLEND:
            return None
        if name in self._models:
            return answers(self._models[name])
        plain = BASELINES[name]
        return lambda inputs: Outputs(plain(inputs))

    # The policy.

    def _learn_policy(self, forecaster: str) -> None:
        """Those that say anything at all join the candidates: one that says nothing is the forecaster again."""
        self._upon = forecaster
        model: Forecaster | None = None
        upon = Asked(forecaster, self._answer(forecaster))
        for name, policy in policies_of(self._options, self._version(POLICY), upon, self._said).items():
            if not any(policy.weights):
                continue
            known = self._known(name)
            if known is None:
                train, test = self._tables()
                if model is None and forecaster != BLEND:
                    model = fit(forecaster, train, self._options.seed, self._said)
                known = self._exported(name, model, policy, train.inputs)
                check_parity(known, model, policy, test.inputs)
                write(self._place(name), known)
            self._models[name] = known
