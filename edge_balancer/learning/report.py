"""What a training found, as Markdown for people. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from edge_balancer.forecast.horizon import BLOCK_MINUTES
from edge_balancer.learning.recordings import KINDS
from edge_balancer.learning.scores import Errors
from edge_balancer.learning.standings import BLEND, LoopRow, Standing
from edge_balancer.learning.training import Report


def as_markdown(report: Report) -> str:
    parts = [
        "## Errors of the forecast",
        "Root mean square in W, on houses and days that no model was trained on.",
        _errors(report.errors),
        "The same over the first half hour, by kind of house.",
        _kinds(report.errors),
        "## Closed loop",
        "Mean neutral current, A (operations per house and day), on held-out feeders, minute by minute.",
        _loop(report.rows),
        "Against the blend, with 95 % intervals over feeders or days; operations saved at its current with two.",
        _standings(report.standings),
        f"Winner: **{report.best}**." + ("" if report.best != BLEND else " No candidate beats the blend for certain."),
    ]
    return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " --: |" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _errors(found: Sequence[Errors]) -> str:
    head = ["forecast", *(f"{minutes:g} min" for minutes in BLOCK_MINUTES)]
    return _table(head, [[one.name, *(f"{value:.0f}" for value in one.blocks)] for one in found])


def _kinds(found: Sequence[Errors]) -> str:
    kinds = [kind for kind in KINDS if any(kind in one.kinds for one in found)]
    return _table(["forecast", *kinds], [[one.name, *(f"{one.kinds[kind]:.0f}" for kind in kinds)] for one in found])


def _loop(rows: Sequence[LoopRow]) -> str:
    budgets = sorted({row.budget for row in rows})
    feeders = list(dict.fromkeys(row.feeder for row in rows))
    out = []
    for name in dict.fromkeys(row.advisor for row in rows):
        cells = []
        for feeder in feeders:
            for budget in budgets:
                own = [r for r in rows if (r.advisor, r.feeder, r.budget) == (name, feeder, budget)]
                mean = sum(r.mean_a for r in own) / max(len(own), 1)
                cells.append(f"{mean:.2f} ({own[0].operations:.2f})" if own else "")
        out.append([name, *cells])
    return _table(["advisor", *(f"{feeder}, {budget:g}" for feeder in feeders for budget in budgets)], out)


def _standings(found: Sequence[Standing]) -> str:
    budgets = sorted({budget for one in found for budget in one.by_budget})
    rows = []
    for one in found:
        cells = [_percent(one.by_budget.get(budget)) for budget in budgets]
        rows.append([one.advisor, str(one.pairs), _percent((one.change, one.half)), *cells, _percent(one.saved)])
    head = ["advisor", "feeders", "all budgets", *(f"at {budget:g}" for budget in budgets), "operations saved"]
    return _table(head, rows)


def _percent(value: tuple[float, float | None] | None) -> str:
    if value is None:
        return ""
    mean, half = value
    return f"{100.0 * mean:+.1f} %" + ("" if half is None else f" ± {100.0 * half:.1f}")
