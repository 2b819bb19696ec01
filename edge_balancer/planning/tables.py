"""The study as tables: one definition of each, for the terminal and for CSV files. Pure."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Final

from edge_balancer.planning.figures import Figures
from edge_balancer.planning.siting import Siting, SwitchSet
from edge_balancer.planning.static import Point, StaticPlan
from edge_balancer.planning.study import Study

Cell = str | int | float | None
_RIGHT: Final = (int, float)


@dataclass(frozen=True, slots=True)
class Table:
    """`name` is also that of its CSV file. A float is shown with one decimal and written with three."""

    name: str
    title: str
    columns: tuple[str, ...]
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def tables(study: Study) -> list[Table]:
    """All tables of the study, in the order in which people want to read them."""
    static = [_work_order(study.static), _curve(study.static)]
    return static if study.siting is None else [*static, _switch_sets(study.siting), _switch_houses(study.siting)]


def _rest(figures: Figures | None) -> tuple[float | None, float | None]:
    return (None, None) if figures is None else (figures.mean_a, figures.p95_a)


def _work_order(plan: StaticPlan) -> Table:
    before = plan.curve[0].seen.mean_a
    rows = []
    for number, step in enumerate(plan.order, start=1):
        gain, before = before - step.seen.mean_a, step.seen.mean_a
        change = step.change
        rows.append(
            (
                number,
                change.house,
                str(change.origin),
                str(change.target),
                gain,
                step.seen.mean_a,
                step.seen.p95_a,
                *_rest(step.rest),
            )
        )
    return Table(
        "work-order",
        "Work order: neutral current after each step",
        ("step", "house", "from", "to", "gain_a", "mean_a", "p95_a", "heldback_mean_a", "heldback_p95_a"),
        ("STEP", "HOUSE", "FROM", "TO", "GAIN A", "MEAN A", "P95 A", "HELD BACK: MEAN A", "P95 A"),
        tuple(rows),
    )


def _curve(plan: StaticPlan) -> Table:
    none = plan.curve[0]
    return Table(
        "changes",
        "The best set of each size: what every further change brings",
        ("changes", "mean_a", "gain_a", "further_a", "p95_a", "bound_a", "proven", "heldback_mean_a", "heldback_p95_a",
         "lowest_v", "highest_v", "beyond_limits_h", "houses"),
        ("CHANGES", "MEAN A", "GAIN A", "FURTHER A", "P95 A", "NONE BELOW A", "PROVEN", "HELD BACK: MEAN A", "P95 A",
         "LOWEST V", "HIGHEST V", "BEYOND LIMITS H", "HOUSES"),
        tuple(
            _curve_row(none, plan.curve[max(0, index - 1)], point) for index, point in enumerate(plan.curve)
        ),
    )  # fmt: skip


def _curve_row(none: Point, before: Point, point: Point) -> tuple[Cell, ...]:
    volts = point.voltages
    return (
        point.size,
        point.seen.mean_a,
        none.seen.mean_a - point.seen.mean_a,
        before.seen.mean_a - point.seen.mean_a,
        point.seen.p95_a,
        point.bound_a,
        "yes" if point.proven else "",
        *_rest(point.rest),
        *((None, None, None) if volts is None else (volts.lowest_v, volts.highest_v, volts.beyond_h)),
        " ".join(f"{change.house}:{change.target}" for change in point.changes),
    )


def _switch_sets(siting: Siting) -> Table:
    rows = [_switch_row(item, "all" if item.everywhere else "chosen") for item in siting.curve]
    if siting.today is not None:
        rows.append(_switch_row(siting.today, "today's"))
    return Table(
        "switch-sets",
        "Dynamic switching on top of the work order: so many switches, this share of the full dynamic gain",
        ("switches", "which", "share_pct", "mean_a", "p95_a", "operations_per_switch_day", "houses"),
        ("SWITCHES", "WHICH", "SHARE %", "MEAN A", "P95 A", "OPERATIONS PER SWITCH AND DAY", "HOUSES"),
        tuple(rows),
    )


def _switch_row(item: SwitchSet, which: str) -> tuple[Cell, ...]:
    houses = "" if item.everywhere else " ".join(item.houses)
    per_switch = item.operations_per_day / max(1, item.size)
    return (item.size, which, 100.0 * item.share, item.neutral.mean_a, item.neutral.p95_a, per_switch, houses)


def _switch_houses(siting: Siting) -> Table:
    whole = sum(worth.gain_a for worth in siting.worth)
    return Table(
        "switch-houses",
        "What a switch in each house is worth",
        ("rank", "house", "gain_a", "share_pct", "operations_per_day", "first_in_set_of", "switch_today"),
        ("RANK", "HOUSE", "GAIN A", "SHARE %", "OPERATIONS A DAY", "FIRST IN SET OF", "SWITCH TODAY"),
        tuple(
            (
                rank,
                worth.house,
                worth.gain_a,
                100.0 * worth.gain_a / whole if whole > 0.0 else 0.0,
                worth.operations_per_day,
                worth.first_in,
                "yes" if worth.switchable else "",
            )
            for rank, worth in enumerate(siting.worth, start=1)
        ),
    )


def as_csv(table: Table) -> str:
    """The table as CSV, values that are not known left empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.rows:
        writer.writerow([f"{cell:.3f}" if isinstance(cell, float) else cell for cell in row])
    return out.getvalue()


def shown(cell: Cell) -> str:
    """A cell as people read it."""
    if cell is None:
        return "-"
    # -0.0 is nothing gained, not something lost.
    return f"{cell + 0.0 if abs(cell) >= 0.05 else 0.0:.1f}" if isinstance(cell, float) else str(cell)


def as_text(table: Table, *, most_rows: int | None = None, columns: int | None = None) -> str:
    """The table with aligned columns, at most so many rows and columns of it."""
    rows = table.rows if most_rows is None else table.rows[:most_rows]
    grid = [list(table.heads[:columns]), *([shown(cell) for cell in row[:columns]] for row in rows)]
    widths = [max(len(row[column]) for row in grid) for column in range(len(grid[0]))]
    right = numeric_columns(table)
    lines = [table.title]
    for row in grid:
        parts = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=False)
        ]
        lines.append(("  " + "  ".join(parts)).rstrip())
    if len(rows) < len(table.rows):
        lines.append(f"  and {len(table.rows) - len(rows)} more in {table.name}.csv (--out)")
    return "\n".join(lines)


def numeric_columns(table: Table) -> list[bool]:
    """Which columns hold numbers."""
    return [
        any(isinstance(row[column], _RIGHT) for row in table.rows)
        or (bool(table.rows) and all(row[column] is None for row in table.rows))
        for column in range(len(table.columns))
    ]
