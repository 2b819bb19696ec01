"""Candidates: what they learn, that one seed gives one result, and that their files say what they say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from edge_balancer.forecast.features import FEATURES, NAMES
from edge_balancer.forecast.horizon import BLOCK_MINUTES
from edge_balancer.forecast.interface import LARGEST_BYTES, ModelCard
from edge_balancer.learning.baselines import BASELINES, BLEND, USUAL
from edge_balancer.learning.candidates import COLUMNS, MOST_LEAVES, MOST_TREES, Forecaster, Linear, Trees, fit
from edge_balancer.learning.errors import LearningError
from edge_balancer.learning.export import PARITY, answers, card_in, check_parity, drawn, with_card
from edge_balancer.learning.policy import COLUMNS as POLICY_COLUMNS
from edge_balancer.learning.policy import INPUTS, Policy, imitated, improved
from edge_balancer.learning.scores import errors
from tests.learning.learning_cases import forests_of, table_of

TRAIN, TEST = table_of(6000, 1), table_of(1500, 2)
CARD = ModelCard("1", "test")


@pytest.fixture(scope="module")
def fitted() -> dict[str, Forecaster]:
    return {name: fit(name, TRAIN, 3, lambda _: None) for name in ("ridge", "boosting-spread", "mlp")}


@pytest.mark.parametrize(("name", "most"), [("ridge", 0.35), ("boosting-spread", 0.12), ("mlp", 0.4)])
def test_a_candidate_learns_and_its_file_says_the_same(name: str, most: float, fitted: dict[str, Forecaster]) -> None:
    off = TEST.target - fitted[name].correction(TEST.inputs)
    assert np.sqrt(np.mean(off**2)) < most * np.sqrt(np.mean(TEST.target**2))
    file = drawn(fitted[name], None, CARD)
    assert check_parity(file, fitted[name], None, TEST.inputs) <= PARITY
    assert len(file) <= LARGEST_BYTES
    assert card_in(file).kind == "test"


@pytest.mark.parametrize("name", ["ridge", "boosting-spread", "mlp"])
def test_one_seed_gives_one_file_to_the_byte(name: str, fitted: dict[str, Forecaster]) -> None:
    assert drawn(fit(name, TRAIN, 3, lambda _: None), None, CARD) == drawn(fitted[name], None, CARD)


def test_trees_branch_alike_at_their_very_thresholds(fitted: dict[str, Forecaster]) -> None:
    """Thresholds are doubles in the trainer and singles in the file: inputs that lie on one must go the same way."""
    trees = fitted["boosting-spread"]
    assert isinstance(trees, Trees)
    rows = []
    for tree in trees.models[0]._predictors[0]:
        for node in tree.nodes[tree.nodes["is_leaf"] == 0]:
            near = np.float32(node["num_threshold"])
            for value in (near, np.nextafter(near, np.float32(9e9)), np.nextafter(near, np.float32(-9e9))):
                row = TEST.inputs[0].copy()
                row[COLUMNS[node["feature_idx"]]] = value
                rows.append(row)
    inputs = np.array(rows, dtype=np.float32)
    assert len(inputs) > 20
    assert check_parity(drawn(trees, None, CARD), trees, None, inputs) <= PARITY


def test_no_candidate_has_more_trees_than_the_daemon_has_time_for(fitted: dict[str, Forecaster]) -> None:
    """Of blocks that have enough to tell for all the trees that they may have, and each in an ensemble of its own."""
    forests = forests_of(drawn(fitted["boosting-spread"], None, CARD))
    assert len(forests) == 2 * len(BLOCK_MINUTES)
    assert 100 < sum(trees for trees, _ in forests) <= MOST_TREES
    assert max(leaves for _, leaves in forests) <= MOST_LEAVES


def test_a_spread_is_about_the_size_of_the_error(fitted: dict[str, Forecaster]) -> None:
    told = fitted["boosting-spread"].spread(TEST.inputs)
    assert told is not None
    off = TEST.target - fitted["boosting-spread"].correction(TEST.inputs)
    assert 0.7 < np.sqrt(np.mean(told**2)) / np.sqrt(np.mean(off**2)) < 1.4


def test_a_file_that_says_something_else_than_the_trainer_is_refused(fitted: dict[str, Forecaster]) -> None:
    ridge = fitted["ridge"]
    assert isinstance(ridge, Linear)
    file = drawn(replace(ridge, bias=ridge.bias + np.float32(2e-4)), None, CARD)
    with pytest.raises(LearningError, match=r"differs from the trainer by 0\.0002.* it is not written"):
        check_parity(file, ridge, None, TEST.inputs)
    silent = drawn(fitted["boosting-spread"], None, CARD)
    with pytest.raises(LearningError, match="differs from the trainer by inf"):
        check_parity(silent, replace(fitted["boosting-spread"], widths=()), None, TEST.inputs)  # type: ignore[type-var]


def test_a_file_that_is_too_large_is_refused(fitted: dict[str, Forecaster]) -> None:
    @dataclass(frozen=True)
    class Heavy:
        name: str = "heavy"

        def correction(self, inputs: Any) -> Any:
            return fitted["ridge"].correction(inputs)

        def spread(self, inputs: Any) -> None:
            return None

        def draw(self, graph: Any, source: str) -> tuple[str, str | None]:
            graph.constant(np.zeros(LARGEST_BYTES // 4, dtype=np.float32))
            return fitted["ridge"].draw(graph, source)

    with pytest.raises(LearningError, match="train a smaller one"):
        check_parity(drawn(Heavy(), None, CARD), Heavy(), None, TEST.inputs)


def test_no_candidate_is_told_the_time() -> None:
    told = {NAMES[k] for k in COLUMNS}
    assert not {name for name in told if "day" in name and name.startswith(("sin", "cos"))}
    assert "weekend" not in told
    assert {"now", "session", "up_age", "blend_5min"} <= told


def test_another_card_leaves_the_numbers_alone(fitted: dict[str, Forecaster]) -> None:
    ranges = np.tile([-1.0, 2.0], (len(FEATURES), 1))
    file = with_card(
        drawn(fitted["ridge"], None, CARD), ModelCard("2", "ridge", "abc", {"rmse_w": [1.5]}, ranges=ranges)
    )
    card = card_in(file)
    assert (card.version, card.kind, card.data_sha256, card.metrics) == ("2", "ridge", "abc", {"rmse_w": [1.5]})
    np.testing.assert_array_equal(
        answers(file)(TEST.inputs).correction, answers(drawn(fitted["ridge"], None, CARD))(TEST.inputs).correction
    )


def test_baselines_are_what_their_names_say() -> None:
    blend = TEST.inputs[:, BLEND]
    now = TEST.inputs[:, [NAMES.index("now")]]
    np.testing.assert_allclose(blend + BASELINES["persistence"](TEST.inputs), np.repeat(now, 6, axis=1), atol=1e-6)
    np.testing.assert_allclose(blend + BASELINES["time of day"](TEST.inputs), TEST.inputs[:, USUAL], atol=1e-6)
    assert not BASELINES["blend"](TEST.inputs).any()
    assert [NAMES[k] for k in (BLEND[0], BLEND[-1], USUAL[0])] == ["blend_5min", "blend_240min", "usual_5min"]


def test_errors_are_told_by_block_and_kind() -> None:
    found = errors(TEST, {"nought": np.zeros_like(TEST.target), "right": TEST.target})
    assert found[0].blocks == pytest.approx(1000.0 * np.sqrt(np.mean(TEST.target.astype(float) ** 2, axis=0)))
    assert set(found[0].kinds) == {"neither"}
    assert max(found[1].blocks) == 0.0


def test_a_policys_file_gives_its_factor_within_bounds_with_and_without_a_forecaster(
    fitted: dict[str, Forecaster],
) -> None:
    policy = Policy(tuple(np.linspace(-0.4, 0.4, len(INPUTS)).tolist()))
    for forecaster in (None, fitted["ridge"]):
        file = drawn(forecaster, policy, CARD)
        assert check_parity(file, forecaster, policy, TEST.inputs) <= PARITY
        factor = answers(file)(TEST.inputs).price_factor
        assert factor is not None
        assert factor.shape == (len(TEST),)
        assert factor.min() == pytest.approx(0.5)
        assert factor.max() == pytest.approx(2.0)
    assert not answers(drawn(None, policy, CARD))(TEST.inputs).correction.any()


def test_imitation_finds_what_makes_foresight_move() -> None:
    rng = np.random.default_rng(4)
    chosen = rng.normal(0.0, 1.0, (8000, len(INPUTS))).astype(np.float32)
    log_worth = rng.normal(-1.0, 1.0, 8000)
    liked = 0.6 * np.clip(chosen[:, 3] / 2.0, -3.0, 3.0)
    moved = rng.random(8000) < 1.0 / (1.0 + np.exp(-3.0 * (log_worth + liked)))
    policy = imitated(chosen, log_worth, moved)
    # Foresight liked houses with a session: their moves become cheaper, by as much, within the bound.
    assert policy.weights[3] == pytest.approx(-0.5, abs=0.1)
    assert max(abs(weight) for k, weight in enumerate(policy.weights) if k != 3) < 0.12
    assert not any(imitated(chosen, log_worth, np.zeros(8000, dtype=bool)).weights)


def test_improvement_finds_a_better_policy_and_returns_none_where_there_is_none() -> None:
    target = np.array([0.2, -0.1] + [0.0] * (len(INPUTS) - 2))

    def cost(policies: list[Policy]) -> Any:
        return np.array([float(np.sum((np.array(one.weights) - target) ** 2)) for one in policies])

    start = Policy((0.0,) * len(INPUTS))
    found = improved(start, cost, 12, 24, np.random.default_rng(1), lambda _: None)
    assert cost([found])[0] < 0.3 * cost([start])[0]

    def worse(policies: list[Policy]) -> Any:
        return np.array([float(np.any(one.weights)) for one in policies])

    assert improved(start, worse, 3, 6, np.random.default_rng(1), lambda _: None) == start
    assert len(POLICY_COLUMNS) == len(INPUTS)
    assert len(BLOCK_MINUTES) == 6
