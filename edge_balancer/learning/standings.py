"""What the closed loop says of each advisor: paired comparisons with the blend, and who wins. Pure."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from edge_balancer.benchmark.results import half_interval

BLEND: Final = "blend"
SAME_BUDGET: Final = 2.0
_FARTHEST: Final = math.log(4.0)


@dataclass(frozen=True, slots=True)
class LoopRow:
    """One advisor on one feeder at one budget. `model`: first digits of the file's hash, empty for what has none.
    `part`: 0 for the whole judged time, else the day, where a single site's days are what is compared."""

    advisor: str
    model: str
    feeder: str
    budget: float
    part: int
    mean_a: float
    p95_a: float
    operations: float


@dataclass(frozen=True, slots=True)
class Standing:
    """An advisor against the blend over all feeders (or days) and budgets: `change` of the mean neutral current, as a
    fraction, and half of its 95 % interval (None of fewer than two pairs); `by_budget`: the same of each budget."""

    advisor: str
    pairs: int
    change: float
    half: float | None
    by_budget: dict[float, tuple[float, float | None]]
    saved: tuple[float, float | None] | None
    """Fraction of the operations saved at the current that the blend has at two, and half its interval."""

    @property
    def wins(self) -> bool:
        return self.half is not None and self.change + self.half < 0.0


def standings(rows: Sequence[LoopRow]) -> list[Standing]:
    """All advisors but the blend, in the order in which they first come."""
    by_key = {(row.advisor, row.feeder, row.part, row.budget): row for row in rows}
    out = []
    for name in dict.fromkeys(row.advisor for row in rows):
        if name == BLEND:
            continue
        pairs: dict[float, list[float]] = {}
        places: dict[tuple[str, int], list[float]] = {}
        for row in rows:
            base = by_key.get((BLEND, row.feeder, row.part, row.budget))
            if row.advisor == name and base is not None:
                ratio = math.log(max(row.mean_a, 1e-9) / max(base.mean_a, 1e-9))
                pairs.setdefault(row.budget, []).append(ratio)
                places.setdefault((row.feeder, row.part), []).append(ratio)
        if not places:
            continue
        # A feeder's budgets share its loads: the feeder is what counts once.
        change, half = _interval([float(np.mean(one)) for one in places.values()])
        budgets = {budget: _interval(ratios) for budget, ratios in sorted(pairs.items())}
        out.append(Standing(name, len(places), change, half, budgets, _saved(rows, name)))
    return out


def winner(all_of_them: Iterable[Standing], candidates: Iterable[str]) -> str:
    """The best of those whose interval excludes nought, or the blend."""
    some = set(candidates)
    winning = [one for one in all_of_them if one.advisor in some and one.wins]
    return min(winning, key=lambda one: one.change).advisor if winning else BLEND


def _interval(logs: Sequence[float]) -> tuple[float, float | None]:
    """Of logarithms of ratios: the mean as a relative change, and half of its interval."""
    mean = float(np.mean(logs))
    half = half_interval(logs)
    return math.expm1(mean), None if half is None else math.exp(mean) * math.sinh(half)


def _saved(rows: Sequence[LoopRow], name: str) -> tuple[float, float | None] | None:
    """From each feeder's curve of current over operations (logarithms, straight between budgets and beyond)."""
    logs = []
    for place in dict.fromkeys((row.feeder, row.part) for row in rows):
        own = sorted(
            (math.log(max(r.operations, 1e-9)), math.log(max(r.mean_a, 1e-9)))
            for r in rows
            if r.advisor == name and (r.feeder, r.part) == place
        )
        base = [r for r in rows if r.advisor == BLEND and (r.feeder, r.part) == place and r.budget == SAME_BUDGET]
        if len(own) < 2 or not base:
            continue
        wanted = math.log(max(base[0].mean_a, 1e-9))
        slope, level = np.polyfit([x for x, _ in own], [y for _, y in own], 1)
        if slope < -1e-3:
            apart = (wanted - level) / slope - math.log(max(base[0].operations, 1e-9))
            # Far beyond the budgets that were tried a straight line says nothing.
            logs.append(min(max(apart, -_FARTHEST), _FARTHEST))
    if not logs:
        return None
    change, half = _interval(logs)
    return -change, half


def as_csv(rows: Iterable[LoopRow]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([field.name for field in fields(LoopRow)])
    for row in rows:
        writer.writerow([getattr(row, field.name) for field in fields(LoopRow)])
    return out.getvalue()


def from_csv(text: str) -> list[LoopRow]:
    """What `as_csv` wrote. Raises ValueError or KeyError for something else."""
    return [
        LoopRow(
            one["advisor"], one["model"], one["feeder"], float(one["budget"]), int(one["part"]),
            float(one["mean_a"]), float(one["p95_a"]), float(one["operations"]),
        )
        for one in csv.DictReader(io.StringIO(text))
    ]  # fmt: skip
