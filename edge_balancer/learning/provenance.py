"""What a model came from: the code that its numbers hang on, and what was measured of it, written on its card."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_balancer.forecast.interface import ModelCard
from edge_balancer.learning.export import card_in, with_card
from edge_balancer.learning.standings import BLEND

if TYPE_CHECKING:
    from edge_balancer.learning.training import Report

_MADE_BY: Final = ("candidates", "graph", "splits")
"""The modules that a model's numbers come from, beside its data."""
_POLICY_BY: Final = ("imitation", "policy", "policy_search", "loop")
"""And a policy's."""


def made_by(*, policy: bool = False) -> str:
    """Of the code that a model's numbers come from; words about it may change."""
    digest = hashlib.sha256()
    for name in (*_MADE_BY, *(_POLICY_BY if policy else ())):
        tree = ast.parse((Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Expr)
                and isinstance(node.value, ast.Constant)
                and isinstance(node.value.value, str)
            ):
                node.value.value = ""
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()


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
