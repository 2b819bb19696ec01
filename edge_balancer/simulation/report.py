"""The result as tables, JSON and CSV text: one definition of each figure. Writes nothing."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from edge_balancer.simulation.outcome import Figures
from edge_balancer.simulation.simulate import OURS, STATIC, Result
from edge_balancer.twin.grid.model import Floats

_ROWS: Final = (
    ("neutral_mean_a", "neutral current, mean", "A", 2),
    ("neutral_p95_a", "neutral current, 95th percentile", "A", 2),
    ("neutral_rms_a", "neutral current, root mean square", "A", 2),
    ("neutral_max_a", "neutral current, highest", "A", 1),
    ("phase_max_a", "phase current, highest", "A", 1),
    ("v_min", "lowest voltage of a house (10 min)", "V", 1),
    ("v_max", "highest voltage of a house (10 min)", "V", 1),
    ("over_voltage_min", "over-voltage", "house-min", 0),
    ("under_voltage_min", "under-voltage", "house-min", 0),
    ("vuf_mean_pct", "V2/V1 at the worst watched bus, mean", "%", 3),
    ("vuf_p95_pct", "V2/V1 at the worst watched bus, 95th percentile", "%", 3),
    ("loss_kwh", "losses of lines and transformer", "kWh", 1),
    ("pv_kwh", "solar energy fed in", "kWh", 1),
    ("pv_lost_kwh", "solar energy lost by moves", "kWh", 2),
)  # fmt: skip
_SERIES: Final = ("neutral_a", "l1_a", "l2_a", "l3_a", "v_min", "v_max", "vuf_pct", "loss_w", "net_w", "pv_w",
                  "pv_lost_w")  # fmt: skip


def conduct_figures(result: Result) -> dict[str, float | None]:
    """What the controller did, in numbers; None for the mean of nothing. Readings are those of the whole run."""
    c, run = result.conduct, result.world.scenario.run
    counts = np.array(list(c.per_house().values()), dtype=np.float64)
    mean = float(counts.mean()) if len(counts) else 0.0
    return {
        "operations": len(c.operations),
        "operations_per_house_day": mean / run.days,
        "operations_of_the_busiest": float(counts.max(initial=0.0)),
        "wear_max_to_mean": float(counts.max()) / mean if mean else 1.0,
        "commands": c.commands,
        "failed": c.failed,
        "timed_out": c.timed_out,
        "lock_outs": c.lock_outs,
        "verified": c.verified,
        "verified_by_voltage_or_transformer": c.verified_by_witness,
        "cap_violations": c.cap_violations,
        "dwell_violations": c.dwell_violations,
        "oscillations": c.oscillations,
        **{f"returns_within_{hours}_h": count for hours, count in c.returns.items()},
        "wrong_positions": c.wrong_episodes,
        "wrong_position_house_h": float(c.wrong_s.sum()) / 3600.0,
        "doubts": c.doubts,
        "doubts_wrong": c.doubts_wrong,
        "doubt_after_h_mean": float(np.mean(c.doubt_after_s)) / 3600.0 if c.doubt_after_s else None,
        "halted_h": c.halted_s / 3600.0,
        "blind_h": c.blind_s / 3600.0,
        "readings_lost": result.readings_lost,
        "readings_refused": result.readings_refused,
    }


def summary(result: Result) -> dict[str, Any]:
    """Everything in numbers, as JSON types."""
    run = result.world.scenario.run
    figures = {name: outcome.figures() for name, outcome in result.outcomes.items()}
    out: dict[str, Any] = {
        "name": result.world.scenario.name,
        "houses": len(result.world.names),
        "switchable_houses": int(result.world.switchable.sum()),
        "history_days": run.history_days,
        "days": run.days,
        "seed": run.seed,
        "controllers": {name: _rounded(asdict(one)) for name, one in figures.items()},
        "conduct": _rounded(conduct_figures(result)),
        "forecast": result.forecast,
        "scenario": result.world.scenario.model_dump(mode="json"),
    }
    if STATIC in figures:
        out["static_changes"] = result.fixed_changes
    return out


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in values.items()}


def summary_json(result: Result) -> str:
    return json.dumps(summary(result), indent=2, ensure_ascii=False) + "\n"


def table(result: Result) -> str:
    """For the terminal: the controllers side by side, then what ours did."""
    figures = {name: outcome.figures() for name, outcome in result.outcomes.items()}
    names = [name for name in figures if name != OURS] + [OURS]
    run = result.world.scenario.run
    title = (
        f"{result.world.scenario.name}: {len(result.world.names)} houses, {run.days} days judged after "
        f"{run.history_days} of history, seed {run.seed}"
    )
    rows = [["", *names, ""]]
    rows += [
        [words, *(f"{getattr(figures[name], key):.{digits}f}" for name in names), unit]
        for key, words, unit, digits in _ROWS
    ]
    lines = [title, "", *_aligned(rows), "", *_did(result, figures)]
    return "\n".join(lines)


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    for row in rows:
        cells = [f"{row[0]:<{widths[0]}}", *(f"{cell:>{w}}" for cell, w in zip(row[1:-1], widths[1:-1], strict=True))]
        yield "  ".join([*cells, row[-1]]).rstrip()


def _did(result: Result, figures: dict[str, Figures]) -> Iterable[str]:
    c = conduct_figures(result)
    cap = result.world.config.decision.max_operations_per_house_day
    budget = result.world.config.decision.operations_per_house_day
    yield (
        f"{c['operations']:.0f} operations, {c['operations_per_house_day']:.2f} per switchable house and day "
        f"(budget {budget:g}); busiest switch {c['wear_max_to_mean']:.2f} times the mean"
    )
    yield (
        f"{c['failed']:.0f} commands failed, {c['timed_out']:.0f} timed out, {c['lock_outs']:.0f} lock-outs; "
        f"{c['verified_by_voltage_or_transformer']:.0f} of {c['verified']:.0f} moves verified by voltage or transformer"
    )
    yield (
        f"{c['cap_violations']:.0f} operations above the cap of {cap} in 24 h; {c['oscillations']:.0f} returns within "
        f"the dwell, {c['returns_within_1_h']:.0f} within an hour, {c['returns_within_4_h']:.0f} within four"
    )
    after = f" (after {c['doubt_after_h_mean']:.1f} h)" if c["doubts"] else ""
    yield (
        f"houses believed on a wrong phase: {c['wrong_position_house_h']:.1f} house-hours; {c['doubts']:.0f} records "
        f"doubted rightly{after}, {c['doubts_wrong']:.0f} wrongly"
    )
    yield from _unheard(result, c)
    if told := result.forecast:
        fault = f": {told['fault']}" if told["fault"] else ""
        yield f"learned forecast {told['name']} {told['version']}, asked {told['calls']} times: {told['use']}{fault}"
    if STATIC in figures and figures[STATIC].neutral_mean_a:
        less = 100.0 * (1.0 - figures[OURS].neutral_mean_a / figures[STATIC].neutral_mean_a)
        yield (
            f"against static ({result.fixed_changes} houses changed once): mean neutral current "
            f"{abs(less):.1f} % {'lower' if less >= 0.0 else 'higher'}"
        )


def _unheard(result: Result, c: dict[str, float | None]) -> Iterable[str]:
    telemetry, least = result.world.config.telemetry, result.world.config.decision.min_coverage
    if c["readings_refused"]:
        yield (
            f"{c['readings_refused']:.0f} readings, history included, were refused for their time stamps, as by the "
            f"daemon: more than future_s = {telemetry.future_s:g} s ahead, or more than max_age_s = "
            f"{telemetry.max_age_s:g} s old"
        )
    if c["blind_h"]:
        yield (
            f"for {c['blind_h']:.1f} h fewer than {least:.0%} of the houses had a fresh reading, so nothing was moved "
            "(min_coverage)"
        )


def operations_csv(result: Result) -> str:
    rows = ((f"{o.at:.3f}", o.house, o.origin, o.target, o.reason) for o in result.conduct.operations)
    return _csv(("t", "house", "from", "to", "reason"), rows)


def troubles_csv(result: Result) -> str:
    rows = ((f"{t.at:.3f}", t.house, t.kind, t.reason) for t in result.conduct.troubles)
    return _csv(("t", "house", "kind", "reason"), rows)


def houses_csv(result: Result) -> str:
    """Where each house was, is, and how often it moved."""
    world, counts = result.world, result.conduct.per_house()
    wrong_h = result.conduct.wrong_s / 3600.0

    def rows() -> Iterable[Sequence[object]]:
        for h, name in enumerate(world.names):
            if world.three_phase[h]:
                continue
            static = "" if result.fixed is None else f"L{result.fixed[h] + 1}"
            yield name, f"L{world.phases[h] + 1}", static, counts.get(name, ""), f"{wrong_h[h]:.3f}"

    return _csv(("house", "phase", "static_phase", "operations", "wrong_position_h"), rows())


def series_csv(result: Result) -> str:
    """One row a slot, the controllers one after the other; V2/V1 at the bus where it is greatest at the time."""

    def rows() -> Iterable[Sequence[object]]:
        world = result.world
        for name, outcome in result.outcomes.items():
            s = outcome.series()
            vuf = s.vuf_pct.max(axis=1) if s.vuf_pct.shape[1] else np.zeros(len(s.neutral_a))
            columns: list[Floats] = [s.neutral_a, *s.phase_a.T, s.v_min, s.v_max, vuf, s.loss_w, s.net_w, s.pv_w,
                                     s.pv_lost_w]  # fmt: skip
            for k, values in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
                t = world.judged_from + k * world.scenario.run.series_step_s
                yield utc(t), name, *(f"{value:.3f}" for value in values)

    return _csv(("utc", "controller", *_SERIES), rows())


def utc(t: float) -> str:
    return dt.datetime.fromtimestamp(t, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return out.getvalue()
