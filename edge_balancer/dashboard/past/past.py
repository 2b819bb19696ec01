"""The past, as the routes ask for it: each question in the words of the API, answered in a worker thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from edge_balancer.dashboard.api.history_model import FeederHistory, HouseHistory
from edge_balancer.dashboard.api.model import MoveMade
from edge_balancer.dashboard.api.record_model import AlertHistory, DecisionMade, DecisionPage
from edge_balancer.dashboard.past import alerts, history, moves
from edge_balancer.dashboard.past.reader import Reader
from edge_balancer.dashboard.past.unreadable import Reading, Unreadable
from edge_balancer.types.events import Event

T = TypeVar("T")


class Past:
    """Reads of one store. Every method raises PastUnavailable where it cannot be asked."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.unreadable = Unreadable()
        self._tested: frozenset[str] | None = None
        self._testing = asyncio.Lock()

    async def last_decisions(self, limit: int) -> list[tuple[dict[str, Any], list[list[Event]]]]:
        """As records with the events of their commands, oldest first."""
        return await self._ask(lambda reading: moves.seeds(reading, limit))

    async def decisions(self, limit: int, before: int | None) -> DecisionPage:
        """A page of them, newest first."""
        return await self._ask(lambda reading: moves.decisions(reading, limit, before))

    async def decision(self, name: str) -> DecisionMade | None:
        return await self._ask(lambda reading: moves.decision(reading, name))

    async def moves_of(self, house: str, limit: int = 20) -> tuple[MoveMade, ...]:
        """The last moves of a house, newest first."""
        return tuple(await self._ask(lambda reading: moves.moves_of(reading, house, limit)))

    async def alerts(self, limit: int, before: int | None) -> AlertHistory:
        """A page of their changes, newest first."""
        return await self._ask(lambda reading: alerts.changes(reading, limit, before))

    async def feeder_history(self, start: float, end: float, points: int) -> FeederHistory:
        return await self._ask(lambda reading: history.feeder_history(reading, start, end, points))

    async def house_history(self, house: str, start: float, end: float, points: int) -> HouseHistory:
        return await self._ask(lambda reading: history.house_history(reading, house, start, end, points))

    async def ever_moved(self) -> frozenset[str]:
        """Houses of which a move was verified before this server began."""
        async with self._testing:
            if self._tested is None:
                self._tested = frozenset(await self.reader.ask(moves.ever_moved))
        return self._tested

    async def _ask(self, question: Callable[[Reading], T]) -> T:
        return await self.reader.ask(lambda connection: question(Reading(connection, self.unreadable)))
