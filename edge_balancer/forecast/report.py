"""How a learned forecast stands, as it is shown in the diagnostics. Nothing is judged."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from edge_balancer.forecast.interface import MissingModel
from edge_balancer.forecast.learned import LearnedAdvisor
from edge_balancer.forecast.score import WEEK

NAMED: Final = 3
"""Houses that the model serves worst, by name."""


def report(advisor: LearnedAdvisor) -> dict[str, Any]:
    """JSON types. Ratios are root mean square errors over the blend's: below 1 the model is better."""
    model, score, drift = advisor.model, advisor.score, advisor.drift
    content: dict[str, Any] = {
        "name": model.name,
        "use": "set aside" if advisor.fault else "shadow" if advisor.shadow else "advises",
        "fault": advisor.fault,
        "blame": None if advisor.demotion is None else str(advisor.demotion.blame),
        "fault_since": advisor.fault_wall,
    }
    if isinstance(model, MissingModel):
        return content
    longest = max(advisor.durations_s, default=None)
    name, share = drift.most
    content |= {
        "version": model.card.version,
        "kind": model.card.kind,
        "identity": model.identity,
        "calls": advisor.calls,
        "late": advisor.late,
        "longest_ms": None if longest is None else round(1000.0 * longest, 3),
        "houses_unlike_training": advisor.strange,
        "drift": {"share": round(drift.share, 4), "feature": name, "feature_share": round(share, 4)}
        if drift.judged
        else None,
        "score": {
            "days": score.days,
            "samples_today": score.samples,
            "neutral_day": _rounded(score.ratio(1)),
            "neutral": _rounded(score.ratio(min(score.days, WEEK))),
            "houses": _rounded(score.ratio(min(score.days, WEEK), neutral=False)),
            "worst_houses": _worst(advisor),
        },
    }
    return content


def _rounded(ratio: float | None) -> float | None:
    return None if ratio is None else round(ratio, 4)


def _worst(advisor: LearnedAdvisor) -> dict[str, float]:
    """Houses on which the model is worse than the blend, the worst first."""
    model, blend = advisor.score.of_house.T
    ratio = np.sqrt(np.divide(model, blend, out=np.ones_like(model), where=blend > 0.0))
    order = np.argsort(-ratio, kind="stable")[:NAMED]
    return {advisor.houses[k]: round(float(ratio[k]), 3) for k in order.tolist() if ratio[k] > 1.0}
