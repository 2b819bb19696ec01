"""The study as tables: one definition of each, for the terminal and for CSV files. Pure."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Final

from edge_balancer.planning.confidence import Gain
from edge_balancer.planning.figures import Figures
from edge_balancer.planning.notes import phase_told, step_notes
from edge_balancer.planning.siting import Siting, SwitchSet
from edge_balancer.planning.static import Point, StaticPlan
from edge_balancer.planning.study import Study

Cell = str | int | float | None
_RIGHT: Final = (int, float)


@dataclass(frozen=True, slots=True)
class Table:
    """`name` is also that of its CSV file. A float is shown with `decimals` and written with three."""

    name: str
    title: str
    columns: tuple[str, ...]
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    decimals: int = 1


def static_tables(study: Study) -> list[Table]:
    """Of the fixed plan, in the order in which people want to read them."""
    return [_work_order(study), _curve(study.static)]


def siting_tables(siting: Siting) -> list[Table]:
    """Of what switches would add, and where."""
    return [_switch_sets(siting), _switch_houses(siting)]


def _rest(figures: Figures | None) -> tuple[float | None, float | None]:
    return (None, None) if figures is None else (figures.mean_a, figures.p95_a)


def _work_order(study: Study) -> Table:
    plan = study.static
    before = plan.curve[0].seen.mean_a
    rows = []
    notes = step_notes(plan, study.checks)
    for number, (step, note) in enumerate(zip(plan.order, notes, strict=True), start=1):
        gain, before = before - step.seen.mean_a, step.seen.mean_a
        change = step.change
        rows.append(
            (
                number,
                change.house,
                str(change.origin),
                str(change.target),
                phase_told(study.checks.get(change.house)),
                gain,
                step.seen.mean_a,
                step.seen.p95_a,
                *_rest(step.rest),
                note,
            )
        )
    return Table(
        "work-order",
        "Work order: neutral current after each step",
        ("step", "house", "from", "to", "phase_by_voltage", "gain_a", "mean_a", "p95_a", "heldback_mean_a",
         "heldback_p95_a", "note"),
        ("STEP", "HOUSE", "FROM", "TO", "FROM, BY VOLTAGE", "GAIN A", "MEAN A", "P95 A", "HELD BACK: MEAN A", "P95 A",
         "NOTE"),
        tuple(rows),
    )  # fmt: skip


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
    whole = siting.whole.best.mean_a
    return Table(
        "switch-sets",
        "Dynamic switching on top of the work order: what so many switches take off the mean",
        ("switches", "which", "best_a", "best_within_a", "best_share_pct", "controller_a", "controller_within_a",
         "mean_a", "p95_a", "operations_per_switch_day", "houses"),
        ("SWITCHES", "WHICH", "AT BEST A", "±", "% OF ALL", "CONTROLLER A", "±", "MEAN A", "P95 A",
         "OPERATIONS PER SWITCH AND DAY", "HOUSES"),
        tuple(_switch_row(item, whole) for item in siting.curve),
    )  # fmt: skip


def _switch_row(item: SwitchSet, whole_a: float) -> tuple[Cell, ...]:
    asked = item.controller
    return (
        item.size,
        "all" if item.everywhere else "today's" if item.today else "first in order",
        item.best.mean_a,
        item.best.within_a,
        100.0 * item.best.mean_a / whole_a if whole_a > 0.0 else None,
        *((None,) * 5 if asked is None else (
            asked.gain.mean_a, asked.gain.within_a, asked.neutral.mean_a, asked.neutral.p95_a,
            asked.operations_per_switch_day,
        )),
        "" if item.everywhere else " ".join(item.houses),
    )  # fmt: skip


def _switch_houses(siting: Siting) -> Table:
    return Table(
        "switch-houses",
        "Where switches pay: the order in which to buy them",
        ("rank", "house", "further_a", "further_within_a", "as_good", "alone_a", "alone_within_a",
         "operations_per_day", "switch_today"),
        ("RANK", "HOUSE", "ADDS A", "±", "AS GOOD", "ALONE A", "±", "OPERATIONS A DAY", "SWITCH TODAY"),
        tuple(
            (
                rank,
                item.house,
                *_gain(item.further),
                " ".join(item.as_good),
                *_gain(item.alone),
                item.operations_per_day,
                "yes" if item.switchable else "",
            )
            for rank, item in enumerate(siting.placed, start=1)
        ),
        decimals=2,
    )  # fmt: skip


def _gain(gain: Gain | None) -> tuple[float | None, float | None]:
    return (None, None) if gain is None else (gain.mean_a, gain.within_a)


def as_csv(table: Table) -> str:
    """The table as CSV, values that are not known left empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.rows:
        writer.writerow([f"{cell:.3f}" if isinstance(cell, float) else cell for cell in row])
    return out.getvalue()


def shown(cell: Cell, decimals: int = 1) -> str:
    """A cell as people read it."""
    if cell is None:
        return "-"
    if not isinstance(cell, float):
        return str(cell)
    # -0.0 is nothing gained, not something lost.
    return f"{cell if abs(cell) >= 0.5 * 10.0**-decimals else 0.0:.{decimals}f}"


def as_text(table: Table, *, most_rows: int | None = None, columns: int | None = None) -> str:
    """The table with aligned columns, at most so many rows and columns of it."""
    rows = table.rows if most_rows is None else table.rows[:most_rows]
    grid = [list(table.heads[:columns]), *([shown(cell, table.decimals) for cell in row[:columns]] for row in rows)]
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
