"""Results as text for people, as CSV for programs, and the Pareto front as points and as a drawing. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge_balancer.benchmark.results import FORESIGHT, STATIC, Result
from edge_balancer.planning.svg import Line, line_chart
from edge_balancer.planning.tables import Cell, Table

_COLUMNS: Final = (
    ("controller", "CONTROLLER"),
    ("budget", "BUDGET"),
    ("mean_a", "MEAN A"),
    ("p95_a", "P95 A"),
    ("rms_a", "RMS A"),
    ("still_a", "NO TRIPS A"),
    ("operations_per_house_day", "OPERATIONS PER HOUSE-DAY"),
    ("of_budget", "OF BUDGET"),
    ("gain", "G"),
    ("gain_ci", "+/-"),
    ("foresight_operations", "FORESIGHT'S OPERATIONS"),
    ("p95_ratio", "P95 OF STATIC"),
    ("worse", "WORSE THAN STATIC"),
    ("bound_a", "NO TRIPS, NONE BELOW A"),
    ("pairs_pct", "PAIRS TRIED %"),
    ("wear_max_over_mean", "WEAR"),
    ("pv_lost_kwh", "PV LOST KWH"),
    ("vuf_pct", "VUF %"),
    ("loss_pct", "LOSS %"),
    ("over_voltage_pct", "OVER-VOLTAGE %"),
    ("lowest_v", "LOWEST V"),
    ("highest_v", "HIGHEST V"),
    ("failed", "FAILED"),
    ("lock_outs", "LOCK-OUTS"),
)
_STYLE: Final = (
    "<style>text{font:11px system-ui,sans-serif;fill:#333}.grid{stroke:#ddd}svg{background:#fff}</style>"
    '<rect width="100%" height="100%" fill="#fff"/>'
)
_COLOURS: Final = {
    "ours": "#1f6f8b",
    "greedy": "#c27d0e",
    FORESIGHT: "#2f7d32",
    "bound": "#888",
    "threshold": "#b03a48",
    "threshold-minute": "#d98a92",
    "oracle": "#7fb2c4",
    "static": "#555",
}
_CURRENT: Final = "_a"
"""How the columns of currents end."""
_LOW: Final = 0.9
_OVER: Final = 1.02
"""Of the budget: a day's saved operations may be spent in the judged days, and a little more is no promise broken."""
_LEVELS: Final = (STATIC, "threshold", "threshold-minute")
"""Drawn as levels: they have no budget, and operations that would leave no room for the curves."""


@dataclass(frozen=True, slots=True)
class Point:
    """One controller at one budget on the plane of operations per house and day and mean neutral current."""

    scenario: str
    controller: str
    budget: float | None
    operations: float
    mean_a: float


def results_table(name: str, title: str, results: Sequence[Result], *, seeds: bool) -> Table:
    """One row for each result. `seeds`: whether rows are single seeds (a column says which) or means over them."""
    second = ("seed", "SEED") if seeds else ("seeds", "SEEDS")
    columns = (("scenario", "SCENARIO"), second, *_COLUMNS)
    return Table(
        name,
        title,
        tuple(key for key, _ in columns),
        tuple(head for _, head in columns),
        tuple(_row(one) for one in results),
    )


def _row(r: Result) -> tuple[Cell, ...]:
    return (
        r.scenario,
        int(r.seed),
        r.controller,
        None if r.budget is None else f"{r.budget:g}",
        r.mean_a,
        r.p95_a,
        r.rms_a,
        r.still_a,
        r.operations,
        _of_budget(r),
        r.gain,
        r.gain_ci,
        r.best_operations,
        r.p95_ratio,
        _worse(r),
        r.bound_a,
        r.pairs_pct,
        r.wear,
        r.pv_lost_kwh,
        r.vuf_pct,
        r.loss_pct,
        r.over_voltage_pct,
        r.lowest_v,
        r.highest_v,
        r.failed,
        r.lock_outs,
    )


def _of_budget(r: Result) -> str | None:
    """What of the budget was used, marked where another figure at the same budget had clearly more operations."""
    if r.budget is None:
        return None
    used = r.operations / r.budget
    mark = " LOW" if used < _LOW else " OVER" if used > _OVER else ""
    return f"{used:.0%}{mark}"


def _worse(r: Result) -> str | None:
    """Said only where it is so: of means, in how many of the seeds."""
    if not r.worse or r.controller in ("none", STATIC):
        return None
    return "yes" if r.worse >= 1.0 else f"in {r.worse:.0%}"


def as_markdown(table: Table) -> str:
    """The table for a page of documentation, columns that are empty throughout left out."""
    used = _used(table)
    lines = [f"**{table.title}**", "", "| " + " | ".join(table.heads[k].lower() for k in used) + " |"]
    numbers = [all(not isinstance(row[k], str) or _number(row[k]) for row in table.rows) for k in used]
    lines.append("| " + " | ".join("--:" if number else "---" for number in numbers) + " |")
    lines += [
        "| " + " | ".join("" if row[k] is None else _shown(row[k], table.columns[k]) for k in used) + " |"
        for row in table.rows
    ]
    return "\n".join(lines)


def _used(table: Table) -> list[int]:
    """Columns that are not empty throughout."""
    return [k for k in range(len(table.heads)) if any(row[k] is not None for row in table.rows)]


def as_text(table: Table) -> str:
    """Aligned columns, numbers with two decimals or more, what is not known as a dash; columns without any left out."""
    used = _used(table)
    rows = [[_shown(row[k], table.columns[k]) for k in used] for row in table.rows]
    grid = [[table.heads[k] for k in used], *rows]
    widths = [max(len(row[place]) for row in grid) for place in range(len(used))]
    words = [any(isinstance(row[k], str) and not _number(row[k]) for row in table.rows) for k in used]
    lines = [table.title]
    for row in grid:
        cells = (c.ljust(w) if word else c.rjust(w) for c, w, word in zip(row, widths, words, strict=True))
        lines.append(("  " + "  ".join(cells)).rstrip())
    return "\n".join(lines)


def _shown(cell: Cell, column: str) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        # Two decimals, and as many as two figures need; three of a current, for on a mini-grid all are of some 0.1 A.
        figures = 3 if column.endswith(_CURRENT) else 2
        digits = 2 if cell == 0.0 else min(6, max(2, figures - 1 - math.floor(math.log10(abs(cell)))))
        return f"{cell:.{digits}f}"
    return str(cell)


def _number(cell: Cell) -> bool:
    return isinstance(cell, str) and cell.replace(".", "", 1).rstrip("%").isdigit()


def pareto(results: Sequence[Result]) -> list[Point]:
    """The points of every controller, and the certified bounds as points of their own, in a settled order."""
    points = [Point(r.scenario, r.controller, r.budget, r.operations, r.mean_a) for r in results]
    points += [
        Point(r.scenario, "bound", r.budget, r.budget or 0.0, r.bound_a) for r in results if r.bound_a is not None
    ]
    return sorted(points, key=lambda p: (p.scenario, p.controller, p.operations))


def pareto_table(points: Sequence[Point]) -> Table:
    return Table(
        "pareto",
        "Mean neutral current over operations",
        ("scenario", "controller", "budget", "operations_per_house_day", "mean_a"),
        ("SCENARIO", "CONTROLLER", "BUDGET", "OPERATIONS PER HOUSE-DAY", "MEAN A"),
        tuple(
            (p.scenario, p.controller, None if p.budget is None else f"{p.budget:g}", p.operations, p.mean_a)
            for p in points
        ),
    )


def pareto_svg(title: str, points: Sequence[Point]) -> str:
    """The front of one scenario as an SVG file: curves by budget, static and the threshold rule as levels."""
    curves: dict[str, list[Point]] = {}
    for point in points:
        curves.setdefault(point.controller, []).append(point)
    right = max([1.0, *(p.operations for p in points if p.controller not in ("none", *_LEVELS))])
    lines = []
    for name, colour in _COLOURS.items():
        group = curves.get(name, [])
        if name in _LEVELS and group:
            level = group[0].mean_a
            shown = name if name == STATIC else f"{name} ({group[0].operations:.0f} a day)"
            lines.append(Line(shown, colour, (0.0, right), (level, level), dashed=True))
        elif group:
            xs, ys = [p.operations for p in group], [p.mean_a for p in group]
            # Proven for inverters that never trip; all other points are with those that do.
            shown = "bound without trips" if name == "bound" else name
            lines.append(Line(shown, colour, xs, ys, dashed=name == "bound", dots=True))
    ticks = [float(k) for k in range(0, math.floor(right) + 1, 1 if right <= 6 else 2)]
    chart = line_chart(
        f"{title}: mean neutral current over operations per house and day",
        "operations per house and day",
        "A",
        lines,
        x_ticks=ticks,
    )
    head, _, rest = chart.partition(">")
    return head.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + ">" + _STYLE + rest + "\n"
