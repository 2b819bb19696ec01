"""The past, as the routes ask for it: each question in the words of the API, answered in a worker thread."""

from __future__ import annotations

import asyncio
from typing import Any

from edge_balancer.dashboard.api.history_model import FeederHistory, HouseHistory
from edge_balancer.dashboard.api.model import MoveMade
from edge_balancer.dashboard.api.record_model import AlertHistory, DecisionMade, DecisionPage
from edge_balancer.dashboard.past import alerts, history, moves
from edge_balancer.dashboard.past.reader import Reader
from edge_balancer.types.events import Event


class Past:
    """Reads of one store. Every method raises PastUnavailable where it cannot be asked."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._tested: frozenset[str] | None = None
        self._testing = asyncio.Lock()

    async def last_decisions(self, limit: int) -> list[tuple[dict[str, Any], list[list[Event]]]]:
        """As records with the events of their commands, oldest first."""
        return await self.reader.ask(lambda connection: moves.seeds(connection, limit))

    async def decisions(self, limit: int, before: int | None) -> DecisionPage:
        """A page of them, newest first."""
        found = await self.reader.ask(lambda connection: moves.decisions(connection, limit, before))
        more = str(found[-1][0]) if len(found) == limit else None
        return DecisionPage(tuple(made for _, made in found), more)

    async def decision(self, name: str) -> DecisionMade | None:
        return await self.reader.ask(lambda connection: moves.decision(connection, name))

    async def moves_of(self, house: str, limit: int = 20) -> tuple[MoveMade, ...]:
        """The last moves of a house, newest first."""
        return tuple(await self.reader.ask(lambda connection: moves.moves_of(connection, house, limit)))

    async def alerts(self, limit: int, before: int | None) -> AlertHistory:
        """A page of their changes, newest first."""
        return await self.reader.ask(lambda connection: alerts.changes(connection, limit, before))

    async def feeder_history(self, start: float, end: float, points: int) -> FeederHistory:
        return await self.reader.ask(lambda connection: history.feeder_history(connection, start, end, points))

    async def house_history(self, house: str, start: float, end: float, points: int) -> HouseHistory:
        return await self.reader.ask(lambda connection: history.house_history(connection, house, start, end, points))

    async def ever_moved(self) -> frozenset[str]:
        """Houses of which a move was verified before this server began."""
        async with self._testing:
            if self._tested is None:
                self._tested = frozenset(await self.reader.ask(moves.ever_moved))
        return self._tested
