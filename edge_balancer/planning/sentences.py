"""The study in sentences: what it rests on and what it says, its reservations included. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from edge_balancer.planning.figures import Figures
from edge_balancer.planning.static import StaticPlan
from edge_balancer.planning.study import Study
from edge_balancer.storage.timespan import iso


def sentences(study: Study) -> list[str]:
    """What the history is, what changes bring, what becomes of voltages, what switches would add."""
    return [*_basis(study), *_static_sentences(study.static), *_voltage_sentences(study), *_siting_sentences(study)]


def _basis(study: Study) -> list[str]:
    history, plan = study.history, study.static
    begin, end = iso(float(history.t[0])), iso(float(history.t[-1]) + history.step_s)
    left_out = history.slots - len(history.t)
    lines = [
        f"{study.record.source}: {history.hours / 24.0:.1f} days from {begin} to {end}.",
    ]
    lines.append(
        f"{len(history.members)} connections in slots of {history.step_s:g} s; on average {history.coverage:.1%} of "
        f"them were known. {left_out} of {history.slots} slots were left out because too few were."
    )
    if len(plan.rest.t):
        lines.append(
            f"Planned on the first {plan.seen.hours / 24.0:.1f} days; the last {plan.rest.hours / 24.0:.1f} days were "
            "held back and show what carries over."
        )
    else:
        lines.append("Nothing was held back: the gain is told on the days that the plan was made of.")
    if study.record.silent:
        lines.append(f"Never heard, and so left out: {_some(study.record.silent)}.")
    lines += [
        f"{count} rows passed over: {reason}, e.g. {study.record.refused_samples.get(reason, '')}"
        for reason, count in sorted(study.record.refused.items())
    ]
    return lines


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _static_sentences(plan: StaticPlan) -> list[str]:
    none, most = plan.curve[0], plan.curve[-1]
    lines = [f"Neutral current as it is: {_told(none.seen)}" + _rest_told(none.rest)]
    brought = [
        f"{size}: {none.seen.mean_a - plan.curve[size].seen.mean_a:.1f} A"
        for size in sorted({3, 5, 10, most.size})
        if 0 < size <= most.size
    ]
    if brought:
        lines.append(f"So many changes take so much off the mean: {'; '.join(brought)}.")
    if plan.order:
        last = plan.order[-1]
        lines.append(f"After the work order's {len(plan.order)} changes: {_told(last.seen)}" + _rest_told(last.rest))
    else:
        lines.append("No change makes it better: there is nothing to do.")
    return lines


def _told(figures: Figures) -> str:
    return f"mean {figures.mean_a:.1f} A, 95th percentile {figures.p95_a:.1f} A"


def _rest_told(figures: Figures | None) -> str:
    return "." if figures is None else f"; held back: {_told(figures)}."


def _voltage_sentences(study: Study) -> list[str]:
    extremes, plan = study.extremes, study.static
    if extremes is None:
        return [
            "No voltages were measured: currents are taken at nominal voltage, and what becomes of voltages is open."
        ]
    source = "learned from the record" if plan.z_learned else "as configured: the record does not show it"
    measured = f"Voltages measured: {extremes[0]:.1f} to {extremes[1]:.1f} V."
    lines = [f"{measured} Those after changes are estimates ({plan.z_ohm:.3f} ohm, {source})."]
    if plan.forbidden:
        named = ", ".join(f"{house} to {phase}" for house, phase in plan.forbidden)
        lines.append(f"Left out because more voltages would leave the limits: {named}.")
    return lines


def _siting_sentences(study: Study) -> list[str]:
    siting = study.siting
    if siting is None:
        return []
    whole = siting.curve[-1]
    how = "held back" if len(study.static.rest.t) else "also chosen on"
    gain = siting.fixed.mean_a - whole.neutral.mean_a
    where = f"Dynamic switching in all {whole.size} houses, over {siting.hours / 24.0:.1f} days ({how})"
    lines = [f"{where}: the work order alone {_told(siting.fixed)}; with switches {_told(whole.neutral)}."]
    if gain <= 0.0:
        lines.append("On this history switches add nothing to the work order.")
    return lines
