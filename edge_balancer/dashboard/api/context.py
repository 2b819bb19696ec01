"""What the routes work with: the live picture, the past, the board for orders."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_balancer.dashboard.api.model import Recent
from edge_balancer.dashboard.board import Board, OrdersRefused
from edge_balancer.dashboard.board import Past as HousePast
from edge_balancer.dashboard.stream.hub import Hub
from edge_balancer.settings.root import Configuration

if TYPE_CHECKING:
    from edge_balancer.dashboard.access.access import Access
    from edge_balancer.dashboard.figures import Figures
    from edge_balancer.dashboard.past.exports import Exports
    from edge_balancer.dashboard.past.past import Past

RECENT_S: Final = 3600.0
_POINTS: Final = 120
ANSWER_S: Final = 2.0
"""How long the control loop is waited for: a turn takes milliseconds, a disk that hangs two seconds."""


@dataclass(frozen=True, slots=True)
class Context:
    """Of one server."""

    config: Configuration
    board: Board
    hub: Hub
    past: Past
    access: Access
    exports: Exports
    document: dict[str, Any]
    """The OpenAPI document."""
    figures: Figures

    async def recent(self, house: str) -> Recent:
        """The last hour of a house in a hundred steps or so; empty where the control loop does not answer."""
        try:
            asked = asyncio.wrap_future(self.board.control.recent(house, RECENT_S))
            past = await asyncio.wait_for(asked, ANSWER_S)
        except (OrdersRefused, TimeoutError):
            return Recent(0.0, (), ())
        return recent_of(past)


def recent_of(past: HousePast) -> Recent:
    """Means of as many steps together as leave a hundred points or so."""
    count = len(past.p)
    together = max(1, -(-count // _POINTS))
    padded = np.concatenate([past.p, np.full(-count % together, np.nan)]).reshape(-1, together)
    known = np.isfinite(padded)
    total = np.where(known, padded, 0.0).sum(axis=1)
    means = np.round(total / np.where(known.any(axis=1), known.sum(axis=1), np.nan), 1)
    step_s = past.step_s * together
    return Recent(
        step_s=step_s,
        t=tuple(round(past.t + k * step_s, 3) for k in range(len(means))),
        p=tuple(value if value == value else None for value in means.tolist()),
    )
