"""Small pieces of ONNX graphs, put together to one model of the daemon's interface. What they compute is handed in.

Trees, layers and what surrounds them (choosing columns, scaling, joining blocks) are written node by node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

OPSET: Final = 17
ML_OPSET: Final = 3
IR: Final = 8
"""Understood by every onnxruntime since 1.12."""


@dataclass(slots=True)
class Graph:
    """Nodes and constants under construction; names are made as they are needed."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    _count: int = 0

    def name(self, what: str) -> str:
        self._count += 1
        return f"{what}_{self._count}"

    def constant(self, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = self.name("constant")
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, kind: str, inputs: Sequence[str], output: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        name = self.name(kind.lower()) if output is None else output
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=self.name("node"), **attributes))
        return name

    def columns(self, source: str, which: Sequence[int]) -> str:
        return self.add("Gather", [source, self.constant(np.asarray(which, dtype=np.int64))], axis=1)

    def scaled(self, source: str, middle: NDArray[np.float32], scale: NDArray[np.float32], most: float) -> str:
        """(source - middle) / scale, within -most .. most."""
        centred = self.add("Sub", [source, self.constant(middle.astype(np.float32))])
        small = self.add("Mul", [centred, self.constant((1.0 / scale).astype(np.float32))])
        limits = [self.constant(np.asarray(limit, dtype=np.float32)) for limit in (-most, most)]
        return self.add("Clip", [small, *limits])

    def linear(self, source: str, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> str:
        product = self.add("MatMul", [source, self.constant(weight.astype(np.float32))])
        return self.add("Add", [product, self.constant(bias.astype(np.float32))])

    def trees(self, source: str, forests: Sequence[Any]) -> str:
        """Histogram gradient boosting regressors of scikit-learn; the output is [N, len(forests)].

        A node for each: a row runs through all trees of a node before the next row does, and a node of all blocks
        would be larger than the processor's nearest memory. skl2onnx would make such nodes as well, but writes the
        directions of missing values in a type that onnx refuses (1.20 with onnx 1.20 and later); no input is ever
        missing here.
        """
        columns = [self._forest(source, forest) for forest in forests]
        return columns[0] if len(columns) == 1 else self.add("Concat", columns, axis=1)

    def _forest(self, source: str, forest: Any) -> str:
        """[N, 1]"""
        values: dict[str, Any] = {name: [] for name in _TREE}
        for number, stage in enumerate(forest._predictors):  # noqa: SLF001 - there is no public way to a tree's nodes
            _write_tree(values, stage[0].nodes, number)
        values |= {
            "n_targets": 1,
            "base_values": [float(np.ravel(forest._baseline_prediction)[0])],  # noqa: SLF001 - nor to this
            "aggregate_function": "SUM",
            "post_transform": "NONE",
        }
        return self.add("TreeEnsembleRegressor", [source], domain="ai.onnx.ml", **values)

    def model(self, inputs: int, outputs: dict[str, int | None], metadata: dict[str, str]) -> bytes:
        """The file: `features` [N, inputs] to `outputs` [N, columns] each, [N] where None. Same graph, same bytes."""
        from onnx import TensorProto, checker, helper

        def value(name: str, columns: int | None) -> Any:
            shape: list[str | int | None] = ["N"] if columns is None else ["N", columns]
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

        graph = helper.make_graph(
            self.nodes, "forecast", [value("features", inputs)],
            [value(name, columns) for name, columns in outputs.items()], self.constants,
        )  # fmt: skip
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="edge-balancer", ir_version=IR)
        for key in sorted(metadata):
            entry = model.metadata_props.add()
            entry.key, entry.value = key, metadata[key]
        checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))


_TREE: Final = (
    "nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_values", "nodes_modes", "nodes_truenodeids",
    "nodes_falsenodeids", "target_treeids", "target_nodeids", "target_ids", "target_weights",
)  # fmt: skip


def _write_tree(into: dict[str, Any], nodes: NDArray[Any], number: int) -> None:
    leaf = nodes["is_leaf"].astype(bool)
    into["nodes_treeids"] += [number] * len(nodes)
    into["nodes_nodeids"] += range(len(nodes))
    into["nodes_featureids"] += np.where(leaf, 0, nodes["feature_idx"]).tolist()
    into["nodes_values"] += np.where(leaf, 0.0, nodes["num_threshold"]).tolist()
    into["nodes_modes"] += ["LEAF" if one else "BRANCH_LEQ" for one in leaf.tolist()]
    into["nodes_truenodeids"] += np.where(leaf, 0, nodes["left"]).tolist()
    into["nodes_falsenodeids"] += np.where(leaf, 0, nodes["right"]).tolist()
    ends = np.flatnonzero(leaf).tolist()
    into["target_treeids"] += [number] * len(ends)
    into["target_nodeids"] += ends
    into["target_ids"] += [0] * len(ends)
    into["target_weights"] += nodes["value"][ends].tolist()
