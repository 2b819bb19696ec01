"""The study as one page of HTML with its plots inside: opens anywhere, loads nothing, prints on one sheet of A4. Pure.

The sheet holds what is carried out of the house: figures, warnings, the work order, where switches pay. All else
stands below it on the screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from edge_balancer.planning.charts import curve_chart, day_chart, siting_chart
from edge_balancer.planning.confidence import Gain
from edge_balancer.planning.page_style import STYLE
from edge_balancer.planning.sentences import (
    carried_sentences,
    exhausted_sentences,
    sentences,
    siting_sentences,
    warnings,
)
from edge_balancer.planning.study import Study
from edge_balancer.planning.tables import Table, numeric_columns, shown, siting_tables, static_tables

_ORDER: Final = (
    "step", "house", "from", "to", "phase_by_voltage", "gain_a", "mean_a", "p95_a", "heldback_mean_a", "note",
)  # fmt: skip
_SETS: Final = ("switches", "which", "best_a", "best_within_a", "best_share_pct")
_ASKED: Final = ("controller_a", "controller_within_a")
_HOUSES: Final = ("rank", "house", "further_a", "further_within_a", "as_good")
_HOUSES_SHOWN: Final = 10
_UNITS: Final = frozenset("AVH")


def page(study: Study, feeder: str) -> str:
    """The whole document."""
    title = escape(f"Phase plan of {feeder}")
    sections = [_head(study, title), _work_order(study), _charts(study), _switches(study), _details(study)]
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en">',
            '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title>",
            f"<style>{STYLE}</style></head>",
            "<body>",
            *(section for section in sections if section),
            "</body></html>",
            "",
        )
    )


def _head(study: Study, title: str) -> str:
    history, plan, zone = study.history, study.static, study.zone
    begin, end = (zone.moment(t) for t in (float(history.t[0]), float(history.t[-1]) + history.step_s))
    basis = (
        f"{history.hours / 24.0:.1f} days from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} ({zone.name}), "
        f"{len(history.members)} connections"
    )
    none, last = plan.curve[0].seen, plan.order[-1].seen if plan.order else plan.curve[0].seen
    tiles = [
        ("Neutral current as it is", f"{none.mean_a:.1f} A", f"95 % of the time below {none.p95_a:.1f} A"),
        (
            f"After {len(plan.order)} change{'' if len(plan.order) == 1 else 's'}",
            f"{last.mean_a:.1f} A",
            f"95 % of the time below {last.p95_a:.1f} A",
        ),
    ]
    if study.carried is not None:
        carried = study.carried
        better = f"better on {carried.better} of {carried.days} day{'' if carried.days == 1 else 's'}"
        tiles.append(("Gain on days not planned on", _told(carried.gain), better))
    if study.siting is not None:
        whole = study.siting.whole
        tiles.append((f"Switches in all {whole.size} houses add", f"≤ {_told(whole.best)}", _span(whole.best)))
    return "\n".join(
        (
            f'<header><h1>{title}</h1><p class="basis">{escape(basis)}</p>',
            '<div class="tiles">',
            *(f"<div><h3>{escape(a)}</h3><b>{escape(b)}</b><small>{escape(c)}</small></div>" for a, b, c in tiles),
            "</div>",
            *(f'<p class="warning">{escape(line)}</p>' for line in _alarming(study)),
            "</header>",
        )
    )


def _told(gain: Gain) -> str:
    return f"{gain.mean_a:.1f} A"


def _span(gain: Gain) -> str:
    return "too few days for an interval" if gain.within_a is None else f"± {gain.within_a:.1f} A over the days"


def _alarming(study: Study) -> list[str]:
    """Sentences that somebody must have read before he acts."""
    calm = "recorded phases are confirmed by voltages."
    lines = [line for line in warnings(study) if not line.endswith(calm)]
    lines += [line for line in carried_sentences(study) if "ecord longer" in line]
    return lines + (exhausted_sentences(study) if study.static.order else [])


def _work_order(study: Study) -> str:
    table = static_tables(study)[0]
    if not table.rows:
        return "<section><h2>Work order</h2><p>No change makes it better: there is nothing to do.</p></section>"
    return "\n".join(
        (
            "<section><h2>Work order</h2>",
            _table(table, _ORDER, box="Done"),
            f'<p class="safety">{_SAFETY}</p></section>',
        )
    )


def _charts(study: Study) -> str:
    return "\n".join(
        (
            '<section class="pair">',
            _figure("Mean neutral current over the day", day_chart(study.static, study.zone)),
            _figure("What more changes bring", curve_chart(study.static)),
            "</section>",
        )
    )


def _switches(study: Study) -> str:
    if study.siting is None:
        return ""
    sets, houses = siting_tables(study.siting)
    asked = any(item.controller is not None for item in study.siting.curve)
    return "\n".join(
        (
            '<section><h2>Phase switches on top of the work order</h2><div class="pair">',
            f"<div>{_table(sets, (*_SETS, *_ASKED) if asked else _SETS)}{siting_chart(study.siting)}</div>",
            f"<div>{_table(houses, _HOUSES, rows=_HOUSES_SHOWN)}</div></div>",
            f'<p class="key">{_KEY}</p></section>',
        )
    )


def _details(study: Study) -> str:
    lines = "\n".join(f"<p>{escape(line)}</p>" for line in (*sentences(study), *siting_sentences(study)))
    curve = static_tables(study)[1]
    parts = [f"<h2>In words</h2>{lines}", f"<h2>{escape(curve.title)}</h2>", _table(curve, curve.columns)]
    if study.siting is not None:
        for table in siting_tables(study.siting):
            parts += [f"<h2>{escape(table.title)}</h2>", _table(table, table.columns)]
    return "\n".join(('<section class="details">', *parts, _NOTES, "</section>"))


_SAFETY: Final = """In this order; it may be ended after any step. Measure which phase a house is on before it is
moved: where that is not the one under "From", leave it and tell who planned. Three-phase and critical houses are not
in this list and stay where they are. Afterwards enter the new phases in the house table of the controller."""

_KEY: Final = """At best: with the future known. ±: 95 % interval over days. As good: houses that these days cannot tell
from the one at that place."""

_NOTES: Final = """<h2>How to read this</h2>
<p>The neutral current is the magnitude of the sum of all houses' complex currents, from active and reactive power and
the measured voltage. What no house meter shows is not in it. "None below" is a proven limit: no set of so many changes
has a lower mean on the days planned on; "proven" sets were found by trying all. Voltages after changes are estimates
from how the phases' voltages followed their loads, not a power flow.</p>
<p>Switches are ordered with the recorded days before the eyes: each next one goes where it takes most off the neutral
current beside those before it, its operations priced so that the budget is met. The controller sees a minute only when
it is over, so it reaches a part of that; it learned from the day before and was judged on means of the same days.
Inverters that trip at a move are not reckoned with. Another season may rank otherwise.</p>"""


def _figure(title: str, chart: str) -> str:
    return f"<div><h2>{escape(title)}</h2>{chart}</div>"


def _table(table: Table, columns: Sequence[str], *, rows: int | None = None, box: str = "") -> str:
    """Some columns of a table; `box` heads a last column of empty boxes to tick."""
    picked = [table.columns.index(name) for name in columns]
    numeric = numeric_columns(table)
    classes = [
        ' class="n"' if numeric[k] else ' class="t"' if columns[i] in _LONG else "" for i, k in enumerate(picked)
    ]
    head = "".join(f"<th{c}>{escape(_capitalised(table.heads[k]))}</th>" for c, k in zip(classes, picked, strict=True))
    tick = '<td class="box">☐</td>' if box else ""
    body = [
        "<tr>"
        + "".join(f"<td{c}>{escape(shown(row[k], table.decimals))}</td>" for c, k in zip(classes, picked, strict=True))
        + f"{tick}</tr>"
        for row in table.rows[:rows]
    ]
    last = f"<th>{escape(box)}</th>" if box else ""
    return "\n".join(
        (f'<div class="wide"><table><thead><tr>{head}{last}</tr></thead><tbody>', *body, "</tbody></table></div>")
    )


_LONG: Final = frozenset(("houses", "note", "as_good"))


def _capitalised(head: str) -> str:
    """`MEAN A` to `Mean, A`: units keep their case and are set off."""
    words = head.split()
    if len(words) > 1 and words[-1] in _UNITS:
        unit = "h" if words[-1] == "H" else words[-1]
        return f"{' '.join(words[:-1]).capitalize()}, {unit}"
    return head.capitalize()
