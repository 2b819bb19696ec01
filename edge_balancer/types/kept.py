"""Which rows of a record kept before belong to today's houses: a house more or less must not cost the others theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class KeptHouses:
    """`count` rows in the record; `row` [houses] of each present house, -1 where the record does not know it."""

    count: int
    row: NDArray[np.intp]

    @classmethod
    def of(cls, kept: Sequence[object], houses: Sequence[str]) -> KeptHouses:
        """From the names of the record's rows to the present houses."""
        where = {name: row for row, name in enumerate(kept) if isinstance(name, str)}
        return cls(len(kept), np.array([where.get(name, -1) for name in houses], dtype=np.intp))

    @classmethod
    def same(cls, houses: int) -> KeptHouses:
        """A record of the very same houses."""
        return cls(houses, np.arange(houses))

    @property
    def known(self) -> NDArray[np.bool_]:
        """[houses] whom the record knows."""
        return np.asarray(self.row >= 0)

    def place(self, record: NDArray[Any], into: NDArray[Any]) -> None:
        """Write the rows of `record` [count, ...] to their houses in `into` [houses, ...]; the others stay."""
        into[self.known] = record[self.row[self.known]]
