"""Small ONNX graphs made by hand, good ones and broken ones. Each fault shows on real features; most pass a trial on
zeros, as a real model's would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from edge_balancer.forecast.features import FEATURES, NAMES
from edge_balancer.forecast.horizon import BLOCK_MINUTES
from edge_balancer.forecast.interface import ModelCard, metadata_of
from edge_balancer.models.registry import Registry

F: Final = len(FEATURES)
B: Final = len(BLOCK_MINUTES)
WIDE: Final = np.stack([np.full(F, -100.0), np.full(F, 100.0)], axis=1)
"""Ranges in which every feeder is at home."""
CARD: Final = ModelCard("7", "by hand", "00ff", {"rmse_kw": 0.5}, "2026-11-23", "Apache-2.0", WIDE)


def _constant(name: str, values: Any) -> Any:
    dtype = np.int64 if name.startswith("int_") else np.float32
    return numpy_helper.from_array(np.asarray(values, dtype=dtype), name)


def model(
    nodes: list[Any],
    constants: Mapping[str, Any],
    outputs: Mapping[str, tuple[Any, ...]] | None = None,
    metadata: Mapping[str, str] | None = None,
    features: int = F,
    rows: Any = "houses",
) -> bytes:
    """A model of these nodes, with the input `features`."""
    shapes = {"correction": (rows, B)} if outputs is None else outputs
    graph = helper.make_graph(
        nodes,
        "by hand",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, (rows, features))],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        [_constant(name, values) for name, values in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(made, dict(metadata_of(CARD) if metadata is None else metadata))
    return bytes(made.SerializeToString())


def _column(name: str) -> Any:
    """[F, B] weights that copy one feature to every block."""
    weights = np.zeros((F, B))
    weights[NAMES.index(name)] = 1.0
    return weights


def linear(weights: Any, bias: Any = 0.0, metadata: Mapping[str, str] | None = None) -> bytes:
    """correction = features @ weights + bias."""
    nodes = [
        helper.make_node("MatMul", ["features", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["correction"]),
    ]
    constants = {"weights": weights, "bias": np.broadcast_to(np.asarray(bias, dtype=float), (B,))}
    return model(nodes, constants, metadata=metadata)


def good(bias_kw: float = 0.0, metadata: Mapping[str, str] | None = None) -> bytes:
    """Corrects every block by the same."""
    return linear(np.zeros((F, B)), bias_kw, metadata)


def with_spread_and_price(spread_kw: float, factor: float) -> bytes:
    nodes = [
        helper.make_node("MatMul", ["features", "weights"], ["correction"]),
        helper.make_node("Add", ["correction", "some"], ["spread"]),
        helper.make_node("MatMul", ["features", "column"], ["nought"]),
        helper.make_node("Add", ["nought", "factor"], ["price_factor"]),
    ]
    constants = {
        "weights": np.zeros((F, B)),
        "column": np.zeros((F, 1)),
        "some": np.full(B, spread_kw),
        "factor": np.array([factor]),
    }
    outputs = {"correction": ("houses", B), "spread": ("houses", B), "price_factor": ("houses", 1)}
    return model(nodes, constants, outputs)


def _unary(operator: str, scale: float, offset: float) -> bytes:
    nodes = [
        helper.make_node("MatMul", ["features", "weights"], ["present"]),
        helper.make_node("Add", ["present", "offset"], ["moved"]),
        helper.make_node(operator, ["moved"], ["correction"]),
    ]
    return model(nodes, {"weights": scale * _column("now"), "offset": np.full(B, offset)})


def not_a_number() -> bytes:
    """The root of what falls below nought as soon as a house draws a hundred watts."""
    return _unary("Sqrt", -1.0, 0.1)


def infinite() -> bytes:
    return _unary("Exp", 1e4, 0.0)


def wrong_shape() -> bytes:
    """One block too few."""
    nodes = [helper.make_node("MatMul", ["features", "weights"], ["correction"])]
    return model(nodes, {"weights": np.zeros((F, B - 1))}, {"correction": ("houses", B - 1)})


def failing() -> bytes:
    """It knows feeders of three houses alone, as many as the trial has."""
    nodes = [
        helper.make_node("MatMul", ["features", "weights"], ["product"]),
        helper.make_node("Reshape", ["product", "int_shape"], ["correction"]),
    ]
    return model(nodes, {"weights": np.zeros((F, B)), "int_shape": [3, B]})


def hanging() -> bytes:
    """Turns round ten million times for each kilowatt that is drawn: at once on zeros, for minutes on a feeder."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_on"], ["go_on_out"]),
            helper.make_node("Sin", ["state"], ["state_out"]),
        ],
        "turn",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, ()),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, ()),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, (None, B)),
        ],
        [
            helper.make_tensor_value_info("go_on_out", TensorProto.BOOL, ()),
            helper.make_tensor_value_info("state_out", TensorProto.FLOAT, (None, B)),
        ],
    )
    nodes = [
        helper.make_node("MatMul", ["features", "weights"], ["product"]),
        helper.make_node("ReduceMax", ["product"], ["largest"], keepdims=0),
        helper.make_node("Cast", ["largest"], ["turns"], to=TensorProto.INT64),
        helper.make_node("MatMul", ["features", "nothing"], ["begin"]),
        helper.make_node("Loop", ["turns", "", "begin"], ["correction"], body=body),
    ]
    return model(nodes, {"weights": 1e7 * _column("now"), "nothing": np.zeros((F, B))})


def with_metadata(**changed: str) -> bytes:
    """A good graph whose file says something else of itself."""
    metadata = metadata_of(CARD)
    metadata.update({f"edge_balancer.{key}": value for key, value in changed.items()})
    return good(metadata=metadata)


def product(columns: int, output: str = "correction", rows: Any = "houses", features: int = F) -> bytes:
    """features @ nought, with an interface that may not fit."""
    nodes = [helper.make_node("MatMul", ["features", "weights"], [output])]
    return model(
        nodes, {"weights": np.zeros((features, columns))}, {output: (rows, columns)}, features=features, rows=rows
    )


def put(registry: Registry, name: str, onnx: bytes) -> None:
    """Install a model with the card that fits it."""
    registry.install(name, onnx, {"version": CARD.version, "kind": CARD.kind, "created": CARD.created})
