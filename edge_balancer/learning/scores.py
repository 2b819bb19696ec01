"""How far forecasts are off: by block, and by kind of house. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_balancer.learning.candidates import Singles
from edge_balancer.learning.recordings import KINDS
from edge_balancer.learning.splits import Table


@dataclass(frozen=True, slots=True)
class Errors:
    """Root mean square error in W of one forecaster: `blocks` of all houses; `kinds` of each kind that the test has,
    over the first three blocks (half an hour), where most of what a move gains is decided."""

    name: str
    blocks: tuple[float, ...]
    kinds: dict[str, float]


def errors(table: Table, corrections: Mapping[str, Singles]) -> list[Errors]:
    """`corrections`: by name, [rows, blocks] kW upon the blend."""
    out = []
    present = [k for k in range(len(KINDS)) if (table.kind == k).any()]
    for name, told in corrections.items():
        off = 1000.0 * (table.target.astype(np.float64) - told)
        blocks = np.sqrt(np.mean(off**2, axis=0))
        kinds = {KINDS[k]: float(np.sqrt(np.mean(off[table.kind == k, :3] ** 2))) for k in present}
        out.append(Errors(name, tuple(blocks.tolist()), kinds))
    return out
