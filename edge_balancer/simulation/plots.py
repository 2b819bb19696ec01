"""Plots of a result with matplotlib (the extra `plots`), as PNG and SVG. No figure is worked out here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_balancer.simulation.outcome import Outcome
from edge_balancer.simulation.simulate import NONE, OURS, STATIC, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS: Final = {OURS: "#1f5fa8", STATIC: "#7a7a7a", NONE: "#c9a227"}
_ORDER: Final = (NONE, STATIC, OURS)
_DAY_S: Final = 86_400


def write_plots(result: Result, folder: Path) -> list[Path]:
    """Gives the files written. Raises ModuleNotFoundError where matplotlib is missing."""
    # Not pyplot: nothing here needs a screen or a state that all share.
    import matplotlib as mpl
    from matplotlib.figure import Figure

    written = []
    # Without a date and with fixed names inside, the same result gives the same file.
    with mpl.rc_context({"svg.hashsalt": "edge-balancer", "svg.fonttype": "none", "font.size": 9}):
        for name, draw in (
            ("neutral-day", _day),
            ("neutral-duration", _duration),
            ("voltages", _voltages),
            ("unbalance", _unbalance),
            ("losses", _losses),
            ("compared", _compared),
            ("operations", _operations),
        ):
            figure = Figure(figsize=(7.2, 3.6), layout="constrained")
            draw(result, figure)
            for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
                path = folder / f"{name}.{kind}"
                figure.savefig(path, dpi=150, metadata=metadata)
                written.append(path)
    return written


def _ordered(result: Result) -> list[tuple[str, Outcome]]:
    return [(name, result.outcomes[name]) for name in _ORDER if name in result.outcomes]


def _axes(figure: Figure, title: str, x: str, y: str) -> Axes:
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, axis="y", linewidth=0.4, alpha=0.5)
    return axes


def _day(result: Result, figure: Figure) -> None:
    """The judged day whose mean under no control is the middle one."""
    run = result.world.scenario.run
    per = _DAY_S // run.step_s
    first = _ordered(result)[0][1].neutral().reshape(-1, per).mean(axis=1)
    day = int(np.argsort(first, kind="stable")[len(first) // 2])
    axes = _axes(figure, f"{result.world.scenario.name}: neutral current, day {day + 1}", "local time, h", "A")
    hours = np.arange(per) * run.step_s / 3600.0
    for name, outcome in _ordered(result):
        values = outcome.neutral()[day * per : (day + 1) * per]
        axes.plot(hours, values, color=_COLOURS[name], linewidth=0.8, label=name)
    axes.set_xlim(0.0, 24.0)
    axes.set_xticks(range(0, 25, 3))
    axes.set_ylim(bottom=0.0)
    axes.legend(frameon=False)


def _duration(result: Result, figure: Figure) -> None:
    axes = _axes(figure, "Neutral current: for how much of the time it is exceeded", "% of the time", "A")
    share = np.linspace(0.0, 100.0, 501)
    for name, outcome in _ordered(result):
        axes.plot(share, np.percentile(outcome.neutral(), 100.0 - share), color=_COLOURS[name], label=name)
    axes.set_xlim(0.0, 100.0)
    axes.set_ylim(bottom=0.0)
    axes.legend(frameon=False)


def _voltages(result: Result, figure: Figure) -> None:
    """The band from the lowest to the highest house, over the judged days."""
    limits, nominal = result.world.config.feeder.limits, result.world.nominal_v
    axes = _axes(figure, "Voltages: from the lowest house to the highest", "days", "V")
    for name, outcome in _ordered(result):
        series = outcome.series()
        days = np.arange(len(series.v_min)) * result.world.scenario.run.series_step_s / _DAY_S
        axes.fill_between(days, series.v_min, series.v_max, color=_COLOURS[name], alpha=0.3, linewidth=0, label=name)
    for pct in (limits.low_pct, limits.high_pct):
        axes.axhline(nominal * (1.0 + pct / 100.0), color="#a03030", linewidth=0.8, linestyle="--")
    axes.set_xlim(left=0.0)
    axes.legend(frameon=False)


def _unbalance(result: Result, figure: Figure) -> None:
    axes = _axes(figure, "V2/V1 at the bus that is worst at the time: how long it is exceeded", "% of the time", "%")
    share = np.linspace(0.0, 100.0, 501)
    for name, outcome in _ordered(result):
        vuf = outcome.series().vuf_pct
        if vuf.shape[1]:
            axes.plot(share, np.percentile(vuf.max(axis=1), 100.0 - share), color=_COLOURS[name], label=name)
    axes.set_xlim(0.0, 100.0)
    axes.set_ylim(bottom=0.0)
    axes.legend(frameon=False)


def _losses(result: Result, figure: Figure) -> None:
    """Of lines and transformer, by the time of day."""
    step_s = result.world.scenario.run.series_step_s
    per = _DAY_S // step_s
    axes = _axes(figure, "Losses over the day, mean of the judged days", "local time, h", "kW")
    hours = (np.arange(per) + 0.5) * step_s / 3600.0
    for name, outcome in _ordered(result):
        loss = outcome.series().loss_w.reshape(-1, per).mean(axis=0)
        axes.plot(hours, loss / 1000.0, color=_COLOURS[name], linewidth=0.8, label=name)
    axes.set_xlim(0.0, 24.0)
    axes.set_xticks(range(0, 25, 3))
    axes.set_ylim(bottom=0.0)
    axes.legend(frameon=False)


def _compared(result: Result, figure: Figure) -> None:
    """What the whole of the judged days comes to, beside the baselines."""
    figures = [(name, outcome.figures()) for name, outcome in _ordered(result)]
    panels = (
        ("losses, kWh", [f.loss_kwh for _, f in figures]),
        ("over-voltage,\nhouse-minutes", [f.over_voltage_min for _, f in figures]),
        ("under-voltage,\nhouse-minutes", [f.under_voltage_min for _, f in figures]),
        ("solar energy lost\nby moves, kWh", [f.pv_lost_kwh for _, f in figures]),
    )
    for axes, (title, values) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        bars = axes.bar([name for name, _ in figures], values, color=[_COLOURS[name] for name, _ in figures])
        axes.bar_label(bars, fmt="%.3g", fontsize=7)
        axes.set_title(title, loc="left", fontsize=9)
        axes.set_ylim(0.0, 1.15 * max(values) or 1.0)
        axes.spines[["top", "right"]].set_visible(False)


def _operations(result: Result, figure: Figure) -> None:
    counts = sorted(result.conduct.per_house().values(), reverse=True)
    axes = _axes(figure, "Operations of each switch", "switches, the busiest first", "operations")
    axes.bar(np.arange(1, len(counts) + 1), counts, color=_COLOURS[OURS], width=0.8)
    if counts:
        axes.axhline(float(np.mean(counts)), color="#404040", linewidth=0.8, linestyle="--", label="mean")
        axes.legend(frameon=False)
