"""The model in the package: that it is what its card says, and that the card says how it was judged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge_balancer.forecast.features import FEATURES
from edge_balancer.forecast.horizon import BLOCK_MINUTES
from edge_balancer.forecast.interface import LARGEST_BYTES
from edge_balancer.learning.candidates import MOST_LEAVES, MOST_TREES
from edge_balancer.learning.standings import BLEND
from edge_balancer.models.registry import PACKAGED, Registry
from edge_balancer.models.runtime import OnnxModel
from edge_balancer.settings.forecast import DEFAULT
from tests.learning.learning_cases import forests_of

ROWS = Path(__file__).parents[2] / "docs" / "learning" / "data-card.json"


def test_the_packaged_model_is_small_and_of_this_interface_and_its_card_agrees() -> None:
    file = Registry(PACKAGED.parent / "none").read(DEFAULT)
    assert len(file.onnx) <= LARGEST_BYTES
    model = OnnxModel(DEFAULT, "", file.onnx)
    assert (model.card.kind, model.card.version) == (file.card["kind"], file.card["version"])
    assert model.card.data_sha256 == file.card["data_sha256"]
    assert model.card.created == ""
    assert model.card.ranges is not None
    low, high = model.card.ranges.T
    told = model(np.random.default_rng(1).uniform(low, high, (55, len(FEATURES))).astype(np.float32))
    assert np.isfinite(told.correction).all()
    assert told.correction.shape == (55, len(BLOCK_MINUTES))


def test_it_has_no_more_trees_than_the_daemon_has_time_for() -> None:
    forests = forests_of(Registry(PACKAGED.parent / "none").read(DEFAULT).onnx)
    assert forests
    assert sum(trees for trees, _ in forests) <= MOST_TREES
    assert max(leaves for _, leaves in forests) <= MOST_LEAVES


def test_the_rows_that_it_was_trained_on_are_those_that_the_manual_names() -> None:
    rows = json.loads(ROWS.read_text(encoding="utf-8"))
    assert rows["sha256"] == Registry(PACKAGED.parent / "none").read(DEFAULT).card["data_sha256"]
    assert len(rows["shards"]) > 20


def test_its_card_says_how_it_was_judged_and_whether_it_has_won() -> None:
    card = Registry(PACKAGED.parent / "none").read(DEFAULT).card
    own = card["closed_loop"][card["kind"]]
    sure = own["interval_95"] is not None and own["neutral_current_change"] + own["interval_95"] < 0.0
    assert card["winner"] in (BLEND, *card["closed_loop"])
    assert card["winner"] != card["kind"] or sure
    assert own["neutral_current_change"] == pytest.approx(card["metrics"]["neutral_current_change"])
    assert card["rmse_w"][BLEND] == card["metrics"]["blend_rmse_w"]
