"""A model's card: what it is, what it was trained on, how it was judged, and what it must not be used for. Pure."""

from __future__ import annotations

import hashlib
from typing import Any

from edge_balancer.forecast.horizon import BLOCK_MINUTES
from edge_balancer.forecast.interface import ModelCard
from edge_balancer.learning.export import card_in, with_card
from edge_balancer.learning.standings import BLEND
from edge_balancer.learning.training import Report

_LIMITS = (
    "It corrects the survival blend and is supervised by it: where it is worse for a week, drifts or fails, the blend "
    "takes over. It was judged on simulated feeders, or on the site that it was trained on, and on nothing else."
)


def model_card(name: str, onnx: bytes, report: Report, winner: str | None = None) -> dict[str, Any]:
    """As JSON types, without a date, so that the same training gives the same card. `winner`: where this is not it."""
    inside = card_in(onnx)
    standings = {
        one.advisor: {
            "feeders_or_days": one.pairs,
            "neutral_current_change": round(one.change, 5),
            "interval_95": None if one.half is None else round(one.half, 5),
        }
        for one in report.standings
    }
    return {
        "name": name,
        "kind": inside.kind,
        "version": inside.version,
        "licence": inside.licence,
        "data_sha256": inside.data_sha256,
        "sha256": hashlib.sha256(onnx).hexdigest(),
        "blocks_min": list(BLOCK_MINUTES),
        "metrics": dict(inside.metrics),
        "against": BLEND,
        "winner": report.best if winner is None else winner,
        "closed_loop": standings,
        "rmse_w": {one.name: [round(value, 1) for value in one.blocks] for one in report.errors},
        "limits": _LIMITS,
    }


def stamped(model: bytes, report: Report) -> bytes:
    """The model with what was measured of it on its card."""
    card = card_in(model)
    own = next((one for one in report.standings if one.advisor == report.best), None)
    blocks = next((one.blocks for one in report.errors if one.name == report.best), None)
    metrics: dict[str, object] = {}
    if blocks is not None:
        metrics["rmse_w"] = [round(value, 1) for value in blocks]
        base = next(one.blocks for one in report.errors if one.name == BLEND)
        metrics["blend_rmse_w"] = [round(value, 1) for value in base]
    if own is not None:
        metrics["neutral_current_change"] = round(own.change, 5)
        metrics["neutral_current_interval"] = None if own.half is None else round(own.half, 5)
    kind = card.kind
    return with_card(
        model, ModelCard(card.version, kind, card.data_sha256, metrics, card.created, card.licence, card.ranges)
    )
