"""The study in sentences: what it rests on and what it says, its reservations included. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edge_balancer.planning.confidence import Gain
from edge_balancer.planning.doubts import Standing
from edge_balancer.planning.figures import Figures
from edge_balancer.planning.siting import SwitchSet
from edge_balancer.planning.study import Study
from edge_balancer.replay.readings_file import passed_over

_STILL: Final = 0.02
"""Of what is left: a last change that takes off more is not the last that pays."""
_MOST_DAYS: Final = 0.75
"""Of the days held back must have become better, or the plan fits the days that it was made of alone."""
_MOST: Final = 0.5
"""The fewest switches that bring this share of what all could are told of."""


def sentences(study: Study) -> list[str]:
    """What the history is, what changes bring, what becomes of voltages, which records are in doubt."""
    return [*_basis(study), *_static_sentences(study), *_voltage_sentences(study), *warnings(study)]


def warnings(study: Study) -> list[str]:
    """What must be cleared up before anybody acts on the plan."""
    lines = [
        f"THE RECORD IS WRONG: {check.house} is on record on {check.recorded}, its voltage says {check.likely} "
        f"(probability {min(check.confidence, 0.9999):.4f}). It is left where it is; measure there, correct the "
        "configuration and plan again: the plan counts it on the recorded phase."
        for check in study.wrong
    ]
    doubtful = [c.house for c in study.checks.values() if c.standing is Standing.PERHAPS_WRONG]
    if doubtful:
        lines.append(f"Perhaps recorded on the wrong phase, by their voltages: {_some(doubtful)}.")
    if not study.checks:
        lines.append("No phase could be checked against voltages: measure at each house before it is moved.")
    else:
        untold = sum(c.standing is Standing.UNTOLD for c in study.checks.values())
        confirmed = sum(c.standing is Standing.CONFIRMED for c in study.checks.values())
        told = f", of {untold} nothing could be told" if untold else ""
        lines.append(f"{confirmed} of {len(study.checks)} recorded phases are confirmed by voltages{told}.")
    return lines


def _basis(study: Study) -> list[str]:
    history, plan = study.history, study.static
    begin, end = (
        study.zone.moment(t).isoformat(timespec="minutes")
        for t in (float(history.t[0]), float(history.t[-1]) + history.step_s)
    )
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
        passed_over(count, reason, study.record.refused_samples.get(reason, ""))
        for reason, count in sorted(study.record.refused.items())
    ]
    return lines


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _static_sentences(study: Study) -> list[str]:
    plan = study.static
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
        lines += carried_sentences(study)
        lines += exhausted_sentences(study)
    else:
        lines.append("No change makes it better: there is nothing to do.")
    return lines


def exhausted_sentences(study: Study) -> list[str]:
    """Whether more changes than were looked at would still pay: then switches must not be bought for it."""
    plan = study.static
    movable = sum(member.movable for member in plan.seen.members)
    most, last = plan.curve[-1], plan.curve[-2]
    further = last.seen.mean_a - most.seen.mean_a
    if most.size >= movable or further < _STILL * most.seen.mean_a:
        return []
    line = f"NOT EXHAUSTED: change {most.size} still takes {further:.1f} A off. Look at more with --changes before"
    return [f"{line} switches are bought: a part of what they gain is what more changes would."]


def carried_sentences(study: Study) -> list[str]:
    """The gain on days that the plan has not seen, beside that on days that it was made of."""
    carried, plan = study.carried, study.static
    none = plan.curve[0]
    if carried is None or none.rest is None or not plan.order:
        return []
    last = plan.order[-1]
    promised = none.seen.mean_a - last.seen.mean_a
    kept = f"{_gain(carried.gain)} ({_share(carried.gain.mean_a, none.rest)})"
    line = (
        f"Gain on the days planned on {promised:.1f} A ({_share(promised, none.seen)}), on those held back {kept}, "
        f"better on {carried.better} of {carried.days} day{'' if carried.days == 1 else 's'}"
    )
    if carried.gain.mean_a <= 0.0:
        return [f"{line}: IT DOES NOT CARRY OVER. Do not carry it out; record longer."]
    if carried.better < _MOST_DAYS * carried.days:
        return [f"{line}: on too many days it makes things worse. Record longer."]
    return [f"{line}."]


def _share(gain_a: float, before: Figures) -> str:
    return f"{gain_a / before.mean_a:.0%}" if before.mean_a > 0.0 else "0%"


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


def siting_sentences(study: Study) -> list[str]:
    """What switches would add to the work order, and how far that can be trusted; nothing where nobody looked."""
    siting = study.siting
    if siting is None:
        return []
    whole = siting.whole
    how = "held back" if siting.held_back else "the same that they were ordered on"
    lines = [
        f"Dynamic switching over {siting.days:.1f} days ({how}): the work order alone has {_told(siting.fixed)}.",
        (
            f"Switches in all {whole.size} houses at {siting.budget:g} operations a day each take "
            f"{_gain(whole.best)} off the mean at best, with the future known{_asked(whole)}."
        ),
    ]
    some = next((item for item in siting.curve if item.best.mean_a >= _MOST * whole.best.mean_a), whole)
    if whole.best.mean_a > 0.0 and not some.everywhere and not some.today:
        share = some.best.mean_a / whole.best.mean_a
        lines.append(f"{some.size} switches take {_gain(some.best)} at best, {share:.0%} of that{_asked(some)}.")
    if whole.best.mean_a <= 0.0:
        lines.append("On this history switches add nothing to the work order.")
    lines.append(
        f"Switches were ordered on {siting.chosen_days:.1f} days, the same for every house. ± is the 95 % interval "
        "over days; houses that are named as as good cannot be told from the one at that place."
    )
    return lines


def _asked(item: SwitchSet) -> str:
    return "" if item.controller is None else f"; the controller took {_gain(item.controller.gain)}"


def _gain(gain: Gain) -> str:
    return f"{gain.mean_a:.1f} A" if gain.within_a is None else f"{gain.mean_a:.1f} ± {gain.within_a:.1f} A"
