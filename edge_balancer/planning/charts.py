"""The page's three charts, from the study's figures to lines. Pure; how a line is drawn is in `svg`."""

from __future__ import annotations

from typing import Final

import numpy as np

from edge_balancer.planning.figures import Figures
from edge_balancer.planning.history import History, Phases
from edge_balancer.planning.local_time import LocalTime
from edge_balancer.planning.siting import Siting
from edge_balancer.planning.static import StaticPlan
from edge_balancer.planning.svg import Line, line_chart

_BLUE: Final = "#2f6f9f"
_GREY: Final = "#8a969e"
_GREEN: Final = "#4b8f5a"
_TICKS_APART: Final = 0.045
"""Of the axis."""
_HOUR_S: Final = 3600.0
_HOURS: Final = 24


def curve_chart(plan: StaticPlan) -> str:
    """What more changes bring."""
    x = [float(point.size) for point in plan.curve]
    lines = [
        Line("mean", _BLUE, x, [point.seen.mean_a for point in plan.curve], dots=True),
        Line("P95", _GREY, x, [point.seen.p95_a for point in plan.curve], dots=True),
    ]
    rest: list[Figures] = [point.rest for point in plan.curve if point.rest is not None]
    if rest:
        lines += [
            Line("mean, held back", _BLUE, x, [figures.mean_a for figures in rest], dashed=True),
            Line("P95, held back", _GREY, x, [figures.p95_a for figures in rest], dashed=True),
        ]
    every = max(1, round(len(x) / 10))
    return line_chart("Neutral current over the number of changes", "number of changes", "A", lines, x_ticks=x[::every])


def day_chart(plan: StaticPlan, zone: LocalTime) -> str:
    """Over all of the history, so that it is a picture of the feeder; the figures tell planned and held back apart."""
    hours = [k + 0.5 for k in range(_HOURS)]
    lines = [
        Line("as it is", _GREY, hours, _by_hour(plan.seen, plan.rest, plan.seen.now, zone)),
        Line("after the work order", _GREEN, hours, _by_hour(plan.seen, plan.rest, plan.phase, zone)),
    ]
    return line_chart(
        "Mean neutral current by hour of the day, as it is and after the work order",
        f"hour of the day ({zone.name})",
        "A",
        lines,
        x_ticks=list(range(0, _HOURS + 1, 3)),
    )


def _by_hour(seen: History, rest: History, phase: Phases, zone: LocalTime) -> list[float]:
    """NaN where nothing is on record."""
    magnitude = np.abs(np.concatenate([part.neutral(phase) for part in (seen, rest)]))
    hour = (zone.of(np.concatenate([seen.t, rest.t])) // _HOUR_S % _HOURS).astype(np.intp)
    count = np.bincount(hour, minlength=_HOURS)
    total = np.bincount(hour, weights=magnitude, minlength=_HOURS)
    return [t / c if c else float("nan") for t, c in zip(total.tolist(), count.tolist(), strict=True)]


def siting_chart(siting: Siting) -> str:
    """What more switches bring: at best, and by the controller as far as it was asked."""
    sets = [item for item in siting.curve if not item.today]
    lines = [
        Line("at best", _GREEN, [0.0, *(float(s.size) for s in sets)], [0.0, *(s.best.mean_a for s in sets)], dots=True)
    ]
    asked = [(float(s.size), s.controller.gain.mean_a) for s in sets if s.controller is not None]
    if asked:
        lines.append(
            Line("the controller", _BLUE, [0.0, *(x for x, _ in asked)], [0.0, *(y for _, y in asked)], dots=True)
        )
    return line_chart(
        "Gain of dynamic switching over the number of switches",
        "number of switches",
        "A off the mean",
        lines,
        x_ticks=_apart([0.0, *(float(s.size) for s in sets)]),
    )


def _apart(ticks: list[float]) -> list[float]:
    """Without those whose labels would run into the next one's; the last is always kept."""
    kept = ticks[-1:]
    for tick in reversed(ticks[:-1]):
        if kept[0] - tick >= _TICKS_APART * ticks[-1]:
            kept.insert(0, tick)
    return kept
