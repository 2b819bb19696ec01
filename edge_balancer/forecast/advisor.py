"""Who may advise the decision: anything that forecasts the houses' net loads and knows how wrong it is. Pure."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_balancer.forecast.horizon import Horizon


class Advisor(Protocol):
    """The survival blend is one; the benchmark's oracle, which knows the future, another."""

    @property
    def name(self) -> str:
        """As decisions are signed."""
        ...

    def forecast(self, wall: float, horizon: Horizon) -> NDArray[np.complex128]:
        """Mean net load P + jQ (W, var) of each house in each block from `wall` (Unix s) on, [houses, blocks]."""
        ...

    def error_va(self, first_va: float) -> NDArray[np.float64]:
        """Standard error of the forecast of all houses' sum, [blocks], VA; `first_va` is the root mean square of a
        house's load, for houses of which nothing is known yet."""
        ...
