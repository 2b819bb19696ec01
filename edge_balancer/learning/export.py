"""From what was fitted to a file that the daemon may ask, and proof that the file says what the trainer says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from edge_balancer.forecast.features import FEATURES
from edge_balancer.forecast.horizon import BLOCK_MINUTES
from edge_balancer.forecast.interface import (
    CORRECTION,
    LARGEST_BYTES,
    PRICE_FACTOR,
    SPREAD,
    ModelCard,
    Outputs,
    metadata_of,
)
from edge_balancer.learning.candidates import Forecaster, Singles
from edge_balancer.learning.errors import LearningError
from edge_balancer.learning.graph import Graph
from edge_balancer.learning.policy import Policy
from edge_balancer.models.runtime import OnnxModel
from edge_balancer.output import write_whole

PARITY: Final = 1e-4
"""kW, and for a factor on the price 1: most that file and trainer may differ by anywhere on the test set."""
_BATCH: Final = 16_384
Answer = Callable[[Singles], Outputs]


def drawn(forecaster: Forecaster | None, policy: Policy | None, card: ModelCard) -> bytes:
    """The file's bytes. Without a forecaster the correction is nought. The same parts and card give the same bytes."""
    graph = Graph()
    outputs: dict[str, int | None] = {CORRECTION: len(BLOCK_MINUTES)}
    spread = None
    if forecaster is None:
        nothing = graph.columns("features", [0] * len(BLOCK_MINUTES))
        graph.add("Mul", [nothing, graph.constant(np.zeros(1, dtype=np.float32))], CORRECTION)
    else:
        correction, spread = forecaster.draw(graph, "features")
        graph.add("Identity", [correction], CORRECTION)
    if spread is not None:
        graph.add("Identity", [spread], SPREAD)
        outputs[SPREAD] = len(BLOCK_MINUTES)
    if policy is not None:
        graph.add("Identity", [policy.draw(graph, "features")], PRICE_FACTOR)
        outputs[PRICE_FACTOR] = None
    return graph.model(len(FEATURES), outputs, metadata_of(card))


def answers(model: bytes) -> Answer:
    """What the file says, asked as the daemon asks it. Raises ModelRefusedError where the daemon would refuse it."""
    asked = OnnxModel("candidate", "", model)

    def answer(inputs: Singles) -> Outputs:
        parts = [asked(np.ascontiguousarray(inputs[k : k + _BATCH])) for k in range(0, len(inputs), _BATCH)]
        spread = [one.spread for one in parts if one.spread is not None]
        factor = [np.ravel(one.price_factor) for one in parts if one.price_factor is not None]
        return Outputs(
            np.concatenate([one.correction for one in parts]),
            np.concatenate(spread) if spread else None,
            np.concatenate(factor) if factor else None,
        )

    return answer


def card_in(model: bytes) -> ModelCard:
    """Raises ModelRefusedError where it is not of this program's interface."""
    return OnnxModel("candidate", "", model).card


def with_card(model: bytes, card: ModelCard) -> bytes:
    """The same model with another card."""
    import onnx

    proto = onnx.load_model_from_string(model)
    del proto.metadata_props[:]
    for key, value in sorted(metadata_of(card).items()):
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, value
    return bytes(proto.SerializeToString(deterministic=True))


def check_parity(model: bytes, forecaster: Forecaster | None, policy: Policy | None, inputs: Singles) -> float:
    """The largest difference between file and trainer on these inputs. Raises LearningError beyond `PARITY`, and for
    a file that is too large."""
    if len(model) > LARGEST_BYTES:
        raise LearningError(
            f"the model takes {len(model)} bytes, at most {LARGEST_BYTES} are taken: train a smaller one"
        )
    told = answers(model)(inputs)
    worst = 0.0
    if forecaster is not None:
        pairs = [(told.correction, forecaster.correction(inputs)), (told.spread, forecaster.spread(inputs))]
        worst = max(_apart(ours, theirs) for ours, theirs in pairs)
    if policy is not None:
        worst = max(worst, _apart(told.price_factor, policy.price_factor(inputs)))
    if not worst <= PARITY:
        raise LearningError(
            f"the exported model differs from the trainer by {worst:g} on the test set, at most {PARITY:g} is allowed: "
            "it is not written; this is a fault of the export, please report it"
        )
    return worst


def _apart(ours: Any, theirs: Any) -> float:
    if ours is None or theirs is None:
        return 0.0 if ours is theirs else float("inf")
    return float(np.max(np.abs(np.asarray(ours, dtype=np.float64) - theirs), initial=0.0))


def write(path: Path, data: bytes) -> None:
    """Whole or not at all, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data)
