"""What may be learned: each candidate is fitted on rows and gives a forecaster that can be asked and written as ONNX.

Inputs that tell the time are left out of all of them: on a few weeks a model learns those weeks by heart, and on the
next it is worse than the blend, whose own usual day and clear sky it has among its other inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_balancer.forecast.features import NAMES
from edge_balancer.forecast.horizon import BLOCK_MINUTES
from edge_balancer.learning.graph import Graph
from edge_balancer.learning.splits import Table

Singles = NDArray[np.float32]
Said = Callable[[str], None]

_TIME: Final = ("sin_day", "cos_day", "sin_half_day", "cos_half_day", "weekend")
COLUMNS: Final = tuple(k for k, name in enumerate(NAMES) if name not in _TIME and not name.startswith("clear"))
_CLIP: Final = 6.0
"""Standard deviations beyond which an input of a smooth model counts no further."""
_HIDDEN: Final = (48, 24)
_EPOCHS: Final = 15
_PENALTY: Final = 30.0
MOST_TREES: Final = 220
MOST_LEAVES: Final = 24
"""What the daemon has time for: 200 houses through a tree take about 5 us of one core, and an answer must come within
2 ms. A larger step makes up for fewer trees: at this rate a third of them leave the error as it is with 80 at 0.08."""
_RATE: Final = 0.2
_ROUNDS: Final = (32, 32, 32, 24, 16, 12)
"""Trees of each block: the far ones have less to tell."""
_SPREAD_ROUNDS: Final = 10
_SPREAD_LEAVES: Final = 12
LEAST_SPREAD_KW: Final = 0.005


class Forecaster(Protocol):
    """A fitted candidate. `inputs` are all features, [n, features]."""

    @property
    def name(self) -> str: ...

    def correction(self, inputs: Singles) -> Singles:
        """[n, blocks] kW upon the blend."""
        ...

    def spread(self, inputs: Singles) -> Singles | None:
        """[n, blocks] kW standard error, where the candidate tells one."""
        ...

    def draw(self, graph: Graph, source: str) -> tuple[str, str | None]:
        """Write itself into a graph; names of correction and spread."""
        ...


@dataclass(frozen=True, slots=True)
class _Scale:
    middle: Singles
    width: Singles

    def of(self, inputs: Singles) -> Singles:
        return np.clip((inputs[:, COLUMNS] - self.middle) * (1.0 / self.width), -_CLIP, _CLIP)

    @staticmethod
    def fitted(inputs: Singles) -> _Scale:
        chosen = inputs[:, COLUMNS]
        width = chosen.std(axis=0, dtype=np.float64)
        return _Scale(
            chosen.mean(axis=0, dtype=np.float64).astype(np.float32),
            np.where(width > 1e-6, width, 1.0).astype(np.float32),
        )


@dataclass(frozen=True, slots=True)
class Linear:
    """Ridge regression on scaled inputs."""

    name: str
    scale: _Scale
    weight: Singles
    bias: Singles

    def correction(self, inputs: Singles) -> Singles:
        return np.asarray(self.scale.of(inputs) @ self.weight + self.bias)

    def spread(self, inputs: Singles) -> Singles | None:
        del inputs
        return None

    def draw(self, graph: Graph, source: str) -> tuple[str, str | None]:
        scaled = graph.scaled(graph.columns(source, COLUMNS), self.scale.middle, self.scale.width, _CLIP)
        return graph.linear(scaled, self.weight, self.bias), None


@dataclass(frozen=True, slots=True)
class Network:
    """A small perceptron for all blocks."""

    name: str
    scale: _Scale
    model: Any

    def correction(self, inputs: Singles) -> Singles:
        return np.asarray(self.model.predict(self.scale.of(inputs)), dtype=np.float32)

    def spread(self, inputs: Singles) -> Singles | None:
        del inputs
        return None

    def draw(self, graph: Graph, source: str) -> tuple[str, str | None]:
        at = graph.scaled(graph.columns(source, COLUMNS), self.scale.middle, self.scale.width, _CLIP)
        *hidden, last = zip(self.model.coefs_, self.model.intercepts_, strict=True)
        for weight, bias in hidden:
            at = graph.add("Relu", [graph.linear(at, weight, bias)])
        return graph.linear(at, *last), None


@dataclass(frozen=True, slots=True)
class Trees:
    """Boosted trees, one model for each block; with `widths`, others for the size of the error and what it is to be
    multiplied by to be a standard error."""

    name: str
    models: tuple[Any, ...]
    widths: tuple[Any, ...] = ()
    factors: tuple[float, ...] = ()

    def correction(self, inputs: Singles) -> Singles:
        chosen = inputs[:, COLUMNS]
        return np.stack([model.predict(chosen) for model in self.models], axis=1).astype(np.float32)

    def spread(self, inputs: Singles) -> Singles | None:
        if not self.widths:
            return None
        chosen = inputs[:, COLUMNS]
        size = np.stack([model.predict(chosen) for model in self.widths], axis=1)
        return np.asarray(np.maximum(size, LEAST_SPREAD_KW) * np.array(self.factors), dtype=np.float32)

    def draw(self, graph: Graph, source: str) -> tuple[str, str | None]:
        chosen = graph.columns(source, COLUMNS)
        correction = graph.trees(chosen, self.models)
        if not self.widths:
            return correction, None
        size = graph.trees(chosen, self.widths)
        least = graph.add("Max", [size, graph.constant(np.array([LEAST_SPREAD_KW], dtype=np.float32))])
        return correction, graph.add("Mul", [least, graph.constant(np.array(self.factors, dtype=np.float32))])


def fit(name: str, table: Table, seed: int, said: Said) -> Forecaster:
    """Train a candidate by its name. One seed and table give one result."""
    if name == "ridge":
        return _ridge(table)
    if name == "mlp":
        return _network(table, seed)
    if name in ("boosting", "boosting-spread"):
        return _trees(name, table, seed, said)
    raise ValueError(f"{name!r} is no candidate")


def _ridge(table: Table) -> Linear:
    scale = _Scale.fitted(table.inputs)
    x, y = scale.of(table.inputs).astype(np.float64), table.target.astype(np.float64)
    centre_x, centre_y = x.mean(axis=0), y.mean(axis=0)
    x -= centre_x
    weight = np.linalg.solve(x.T @ x + _PENALTY * np.eye(x.shape[1]), x.T @ (y - centre_y))
    return Linear("ridge", scale, weight.astype(np.float32), (centre_y - centre_x @ weight).astype(np.float32))


def _network(table: Table, seed: int) -> Network:
    from sklearn.neural_network import MLPRegressor

    scale = _Scale.fitted(table.inputs)
    model = MLPRegressor(
        hidden_layer_sizes=_HIDDEN, alpha=1e-3, batch_size=512, learning_rate_init=2e-3, max_iter=_EPOCHS,
        n_iter_no_change=_EPOCHS, random_state=seed, tol=0.0,
    )  # fmt: skip
    _quietly(lambda: model.fit(scale.of(table.inputs), table.target))
    return Network("mlp", scale, model)


def _quietly(work: Callable[[], Any]) -> None:
    """A fixed number of rounds is meant; that more might help is no warning."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        work()


def _trees(name: str, table: Table, seed: int, said: Said) -> Trees:
    chosen = table.inputs[:, COLUMNS]
    spreading = name == "boosting-spread"
    models, widths, factors = [], [], []
    for block in range(len(BLOCK_MINUTES)):
        said(f"{name}, block {block + 1} of {len(BLOCK_MINUTES)}")
        model = _boosted(chosen, table.target[:, block], seed, rounds=_ROUNDS[block], leaves=MOST_LEAVES)
        models.append(model)
        if spreading:
            size = np.abs(table.target[:, block] - model.predict(chosen))
            width = _boosted(chosen, size, seed, rounds=_SPREAD_ROUNDS, leaves=_SPREAD_LEAVES)
            told = np.maximum(width.predict(chosen), LEAST_SPREAD_KW)
            widths.append(width)
            factors.append(float(np.sqrt(np.mean(size**2) / np.mean(told**2))))
    return Trees(name, tuple(models), tuple(widths), tuple(factors))


def _boosted(x: Singles, y: Singles, seed: int, *, rounds: int, leaves: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        learning_rate=_RATE, max_iter=rounds, max_leaf_nodes=leaves, min_samples_leaf=200, l2_regularization=1.0,
        early_stopping=False, random_state=seed,
    )  # fmt: skip
    model.fit(x, y)
    _single(model)
    return model


def _single(model: Any) -> None:
    """Bring the thresholds to single precision, downwards: inputs are single, so nothing changes, and the exported
    trees, whose thresholds are single, branch at the very same values."""
    for stage in model._predictors:  # noqa: SLF001 - there is no public way to a tree's thresholds
        for tree in stage:
            exact = tree.nodes["num_threshold"]
            near = exact.astype(np.float32)
            down = np.where(near.astype(np.float64) > exact, np.nextafter(near, np.float32(-np.inf)), near)
            tree.nodes["num_threshold"] = down.astype(np.float64)
