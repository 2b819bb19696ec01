"""The study as one page of HTML with its plots inside: opens anywhere, loads nothing, prints well. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np

from edge_balancer.planning.figures import Figures
from edge_balancer.planning.history import History, Phases
from edge_balancer.planning.sentences import sentences
from edge_balancer.planning.siting import Siting
from edge_balancer.planning.static import StaticPlan
from edge_balancer.planning.study import Study
from edge_balancer.planning.svg import Line, line_chart
from edge_balancer.planning.tables import Table, numeric_columns, shown, tables

_BLUE: Final = "#2f6f9f"
_GREY: Final = "#9aa5ad"
_GREEN: Final = "#4b8f5a"
_HOUR_S: Final = 3600.0
_HOURS: Final = 24

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; color: #25313a; background: #fbfcfc; max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; font-weight: 600; }
h2 { font-size: 1.1rem; font-weight: 600; margin-top: 2rem; }
p.lead { margin: .2rem 0; }
svg { width: 100%; max-width: 44rem; background: #fff; border: 1px solid #e3e8ea; border-radius: 6px; }
.grid { stroke: #e9eef0; } .tick { font-size: 11px; fill: #5c6b75; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; }
th { text-align: left; font-weight: 600; color: #5c6b75; border-bottom: 1px solid #cfd8dc; padding: .25rem .6rem; }
td { border-bottom: 1px solid #edf1f2; padding: .2rem .6rem; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
@media print { body { margin: 0; max-width: none; } h2 { break-after: avoid; } svg { break-inside: avoid; } }
"""


def page(study: Study, feeder: str) -> str:
    """The whole document."""
    plan = study.static
    shown_tables = {table.name: table for table in tables(study)}
    sections = [
        _section(shown_tables["work-order"].title, [_table(shown_tables["work-order"]), _day_chart(plan)]),
        _section(shown_tables["changes"].title, [_curve_chart(plan), _table(shown_tables["changes"])]),
    ]
    if study.siting is not None:
        sections += [
            _section(
                shown_tables["switch-sets"].title, [_siting_chart(study.siting), _table(shown_tables["switch-sets"])]
            ),
            _section(shown_tables["switch-houses"].title, [_table(shown_tables["switch-houses"])]),
        ]
    title = escape(f"Phase plan of {feeder}")
    lead = "\n".join(f'<p class="lead">{escape(line)}</p>' for line in sentences(study))
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en">',
            '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title>",
            f"<style>{_STYLE}</style></head>",
            f"<body><h1>{title}</h1>",
            lead,
            *sections,
            _NOTES,
            "</body></html>",
            "",
        )
    )


_NOTES: Final = """<section><h2>How to read this</h2>
<p>The neutral current is the magnitude of the sum of all houses' complex currents, from active and reactive power and
the measured voltage. What no house meter shows is not in it. "None below" is a proven limit: no set of so many changes
has a lower mean on the days planned on; "proven" sets were found by trying all. Voltages after changes are estimates
from how the phases' voltages followed their loads, not a power flow.</p>
<p>A switch's worth is the house's share of what all switches together gained on the days on which they were chosen
(Shapley value of its moves). The sets were grown from it, each candidate judged by the controller itself, within its
budget of operations; the controller began each run without having learned anything. Another season may rank
otherwise.</p>
</section>"""


def _section(title: str, parts: Sequence[str]) -> str:
    return "\n".join((f"<section><h2>{escape(title)}</h2>", *parts, "</section>"))


def _table(table: Table) -> str:
    classes = [' class="n"' if numeric else "" for numeric in numeric_columns(table)]
    head = "".join(f"<th{c}>{escape(name.capitalize())}</th>" for c, name in zip(classes, table.heads, strict=True))
    rows = [
        "<tr>" + "".join(f"<td{c}>{escape(shown(cell))}</td>" for c, cell in zip(classes, row, strict=True)) + "</tr>"
        for row in table.rows
    ]
    return "\n".join(
        (f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>', *rows, "</tbody></table></div>")
    )


def _curve_chart(plan: StaticPlan) -> str:
    x = [float(point.size) for point in plan.curve]
    lines = [
        Line("mean", _BLUE, x, [point.seen.mean_a for point in plan.curve], dots=True),
        Line("95th percentile", _GREY, x, [point.seen.p95_a for point in plan.curve], dots=True),
    ]
    rest: list[Figures] = [point.rest for point in plan.curve if point.rest is not None]
    if rest:
        lines += [
            Line("mean, held back", _BLUE, x, [figures.mean_a for figures in rest], dashed=True),
            Line("95th, held back", _GREY, x, [figures.p95_a for figures in rest], dashed=True),
        ]
    every = max(1, round(len(x) / 10))
    return line_chart(
        "Neutral current over the number of changes", "changes", "neutral current, A", lines, x_ticks=x[::every]
    )


def _day_chart(plan: StaticPlan) -> str:
    """Over all of the history, so that it is a picture of the feeder; the figures tell planned and held back apart."""
    hours = [k + 0.5 for k in range(_HOURS)]
    before = _by_hour(plan.seen, plan.rest, plan.seen.now)
    after = _by_hour(plan.seen, plan.rest, plan.phase)
    lines = [Line("as it is", _GREY, hours, before), Line("after the work order", _GREEN, hours, after)]
    return line_chart(
        "Mean neutral current by hour of the day, as it is and after the work order",
        "hour of the day (UTC)",
        "neutral current, A",
        lines,
        x_ticks=list(range(0, _HOURS + 1, 3)),
    )


def _by_hour(seen: History, rest: History, phase: Phases) -> list[float]:
    magnitude = np.abs(np.concatenate([part.neutral(phase) for part in (seen, rest)]))
    hour = (np.concatenate([seen.t, rest.t]) // _HOUR_S % _HOURS).astype(np.intp)
    count = np.bincount(hour, minlength=_HOURS)
    total = np.bincount(hour, weights=magnitude, minlength=_HOURS)
    return [t / c if c else 0.0 for t, c in zip(total.tolist(), count.tolist(), strict=True)]


def _siting_chart(siting: Siting) -> str:
    x = [0.0, *(float(item.size) for item in siting.curve)]
    y = [0.0, *(100.0 * item.share for item in siting.curve)]
    return line_chart(
        "Share of the full dynamic gain over the number of switches",
        "switches",
        "share of the full gain, %",
        [Line("chosen sets", _GREEN, x, y, dots=True)],
        x_ticks=x,
    )
