"""A decision in one English sentence that an engineer can check. No judgement is made here."""

from __future__ import annotations

from edge_balancer.decision.planner import Proposal
from edge_balancer.types.decisions import Trigger, Veto, VetoReason
from edge_balancer.types.switching import SwitchRequest

_TRIGGERS = {
    Trigger.IMBALANCE: "neutral current {value:.0f} A (looked at above {limit:.0f} A)",
    Trigger.VOLTAGE: "voltage {value:.1f} V outside the limit of {limit:.1f} V",
    Trigger.INJECTION: "uneven solar: one phase exports {value:.1f} kW more than another (limit {limit:.1f} kW)",
    Trigger.REQUEST: "asked for by an operator",
}

VETO_WORDS = {
    VetoReason.MODE: "the mode forbids it",
    VetoReason.HALTED: "switching is halted: several switches failed one after another",
    VetoReason.NOT_SWITCHABLE: "it has no phase switch",
    VetoReason.THREE_PHASE: "it is a three-phase house",
    VetoReason.CRITICAL: "it is critical",
    VetoReason.LOCKED: "it is locked out",
    VetoReason.POSITION_UNKNOWN: "its switch has not said where it stands",
    VetoReason.WRONG_RECORD: "by its voltage it is not on the phase where the records have it",
    VetoReason.SWITCH_OFFLINE: "its switch is offline",
    VetoReason.IN_FLIGHT: "too many moves are under way",
    VetoReason.ALREADY_THERE: "it is already there",
    VetoReason.STALE: "its meter is silent",
    VetoReason.NO_SUPPLY: "it has no supply",
    VetoReason.COVERAGE: "too few houses report",
    VetoReason.OUTAGE: "supply has only just come back",
    VetoReason.DWELL: "it moved a short while ago",
    VetoReason.DAILY_CAP: "it has had its operations for the day",
    VetoReason.FEEDER_CAP: "the feeder has had its operations for the hour",
    VetoReason.PV_RECONNECT: "its inverter is reconnecting",
    VetoReason.TARGET_DARK: "the target phase shows no supply, or too few of its houses report",
    VetoReason.TARGET_VOLTAGE: "the target phase's voltage would leave the limits",
    VetoReason.TARGET_HEADROOM: "the target phase has no headroom",
}


_UNITS = {
    VetoReason.STALE: " s",
    VetoReason.OUTAGE: " s",
    VetoReason.DWELL: " s",
    VetoReason.PV_RECONNECT: " s",
    VetoReason.DAILY_CAP: " operations",
    VetoReason.FEEDER_CAP: " operations",
    VetoReason.TARGET_VOLTAGE: " V",
    VetoReason.TARGET_HEADROOM: " A",
}


def veto_text(veto: Veto) -> str:
    """Why the guard forbade a move, with the value it saw and the limit it held against it."""
    words = VETO_WORDS[veto.reason]
    if veto.value is None or veto.limit is None:
        return words
    return f"{words} ({veto.value:.4g}{_UNITS.get(veto.reason, '')}, limit {veto.limit:.4g})"


def sentence(trigger: Trigger, value: float, limit: float, proposal: Proposal, advice: str) -> str:
    """What was done and why: `Move h12 L1->L3: ...`. `gain` and `asked` of the proposal in A min."""
    moves = ", ".join(f"{move.house} {move.origin}->{move.target}" for move in proposal.moves)
    scale = 1000.0 if trigger is Trigger.INJECTION else 1.0
    why = _TRIGGERS[trigger].format(value=value / scale, limit=limit / scale)
    before, after = proposal.neutral_before_a, proposal.neutral_after_a
    text = (
        f"Move {moves}: {why}; brings the neutral from {before:.0f} A to {after:.0f} A now and gains "
        f"{proposal.gain:.0f} A min over the coming hours ({advice}), {_asked(proposal.asked)}."
    )
    if proposal.vetoes:
        veto = proposal.vetoes[0]
        move = f"{veto.move.house} {veto.move.origin}->{veto.move.target}"
        text += f" Not {move}: {VETO_WORDS[veto.reason]}."
    return text


def _asked(asked: float) -> str:
    """What the moves cost; what they mend of the voltages may be worth more than that."""
    whole = round(asked)
    if whole >= 0:
        return f"at a price of {whole} A min"
    return f"and mends voltages, which counts for {-whole} A min beyond the price"


def wish_sentence(wish: SwitchRequest, proposal: Proposal) -> str:
    """What became of an operator's wish, and why."""
    asked = f"{wish.operator or 'An operator'} asked for {wish.house} on {wish.phase}" + (
        f" ({wish.reason})" if wish.reason else ""
    )
    if not proposal.vetoes:
        before, after = proposal.neutral_before_a, proposal.neutral_after_a
        return f"{asked}: granted; the neutral goes from {before:.0f} A to {after:.0f} A now."
    veto = proposal.vetoes[0]
    return f"{asked}: refused, {veto_text(veto)}."
