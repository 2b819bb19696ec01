"""What whoever carries out the work order must know of each step before he touches it. Pure; short enough for a table.

The law behind it: a plan made from records is no leave to trust them. What the voltages do not confirm is said.
"""

from __future__ import annotations

from collections.abc import Mapping

from edge_balancer.planning.doubts import PhaseCheck, Standing
from edge_balancer.planning.static import StaticPlan

# A gain that is shown as 0.0 A.
_NO_GAIN_A = 0.05
_NO_HOURS = 0.05


def step_notes(plan: StaticPlan, checks: Mapping[str, PhaseCheck]) -> list[str]:
    """One for each step of the work order; empty where there is nothing to heed."""
    switched = {member.id for member in plan.seen.members if member.switchable}
    notes = []
    before_a = plan.curve[0].seen.mean_a
    for step in plan.order:
        said = []
        doubt = _doubt(checks.get(step.change.house))
        if doubt:
            said.append(doubt)
        if step.change.house in switched:
            said.append("by its phase switch, not rewired")
        if before_a - step.seen.mean_a < _NO_GAIN_A:
            said.append("pays only with the steps after it")
        if step.worse_h > _NO_HOURS:
            said.append(f"voltage limits: {step.worse_h:.1f} house-hours worse until later steps are done")
        before_a = step.seen.mean_a
        notes.append("; ".join(said))
    return notes


def _doubt(check: PhaseCheck | None) -> str:
    if check is None or check.standing is Standing.CONFIRMED:
        return ""
    if check.standing is Standing.UNTOLD:
        return "phase not confirmed by its voltage: measure first"
    return f"RECORD IN DOUBT: its voltage says {check.likely}: measure first"


def phase_told(check: PhaseCheck | None) -> str:
    """Whether the record of a house's phase is confirmed, as a cell of a table."""
    return "not checked" if check is None else check.standing.value
