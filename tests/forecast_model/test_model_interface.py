"""What a model's file says of itself, and what is refused by name."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from edge_balancer.forecast.features import FEATURES
from edge_balancer.forecast.horizon import BLOCK_MINUTES
from edge_balancer.forecast.interface import ModelCard, ModelRefusedError, card_of, metadata_of

RANGES = np.stack([np.full(len(FEATURES), -1.0), np.full(len(FEATURES), 2.0)], axis=1)
CARD = ModelCard("3", "ridge", "ab12", {"rmse_kw": 0.4}, "2026-11-23", "Apache-2.0", RANGES)


def test_a_card_comes_back_as_it_was_written() -> None:
    again = card_of(metadata_of(CARD))
    assert (again.version, again.kind, again.data_sha256, again.metrics) == ("3", "ridge", "ab12", {"rmse_kw": 0.4})
    assert again.ranges is not None
    assert np.array_equal(again.ranges, RANGES)
    assert card_of(metadata_of(ModelCard("1", "mlp"))).ranges is None


def test_the_same_card_gives_the_same_text() -> None:
    assert metadata_of(CARD) == metadata_of(card_of(metadata_of(CARD)))


@pytest.mark.parametrize("by_place", [False, True])
def test_the_file_says_whether_it_needs_the_feeders_place(by_place: bool) -> None:
    assert card_of(metadata_of(ModelCard("1", "mlp", by_place=by_place))).by_place == by_place


def _names(change: str) -> list[Any]:
    listed = [[feature.name, feature.unit] for feature in FEATURES]
    if change == "shorter":
        return listed[:-1]
    if change == "swapped":
        listed[0], listed[1] = listed[1], listed[0]
    if change == "unit":
        listed[0] = ["now", "W"]
    return listed


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("interface", 2, "it has interface 2, this program 1"),
        ("interface", "1", "it has interface '1'"),
        ("features", _names("shorter"), f"it has {len(FEATURES) - 1} features, this program {len(FEATURES)}"),
        ("features", _names("swapped"), "of its features number 1 is"),
        ("features", _names("unit"), r"of its features number 1 is \['now', 'W'\], here \['now', 'kW'\]"),
        ("features", 5, "it has no list of features"),
        ("blocks", [5, 10], "it has 2 blocks, this program 6"),
        ("blocks", [*BLOCK_MINUTES[:-1], 90.0], "of its blocks number 6 is 90.0, here 120.0"),
        ("by_place", 1, "its metadata `by_place` is 1, neither true nor false"),
        ("version", 3, "its metadata `version` is 3, no text"),
        ("metrics", [], "its metadata `metrics` is no table"),
        ("ranges", [[0, 1]], "its metadata `ranges` are no"),
        ("ranges", [["a", 1]] * len(FEATURES), "its metadata `ranges` are no numbers"),
        ("ranges", [[1.0, 0.0]] * len(FEATURES), "its metadata `ranges` are no"),
        ("ranges", [[float("nan"), 0.0]] * len(FEATURES), "its metadata `ranges` are no"),
    ],
)
def test_what_is_not_of_this_interface_is_refused_by_name(key: str, value: Any, told: str) -> None:
    metadata = metadata_of(CARD) | {f"edge_balancer.{key}": json.dumps(value)}
    with pytest.raises(ModelRefusedError, match=told):
        card_of(metadata)


@pytest.mark.parametrize("key", ["interface", "features", "blocks", "ranges"])
def test_what_is_missing_or_garbled_is_refused(key: str) -> None:
    metadata = metadata_of(CARD)
    with pytest.raises(ModelRefusedError, match="cannot be read"):
        card_of(metadata | {f"edge_balancer.{key}": "{"})
    del metadata[f"edge_balancer.{key}"]
    with pytest.raises(ModelRefusedError, match=f"lacks `edge_balancer.{key}`"):
        card_of(metadata)
