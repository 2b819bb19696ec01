"""Turns views and news into events, once for all readers. Runs in the server's event loop; knows nothing of HTTP."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import suppress

from edge_balancer.dashboard.api.model import House, ModeNow, Phases, Status
from edge_balancer.dashboard.api.record_model import DecisionMade, alert_now
from edge_balancer.dashboard.board import Board, News, View
from edge_balancer.dashboard.houses import HouseTable
from edge_balancer.dashboard.picture import Painter, silences_now
from edge_balancer.dashboard.recent import RecentDecisions, command_event
from edge_balancer.dashboard.stream.model import FeederEvent, HousesEvent, SilencesEvent, Snapshot
from edge_balancer.dashboard.stream.readers import Reader
from edge_balancer.dashboard.stream.ring import EventRing, frame


class TooManyReaders(Exception):  # noqa: N818 - it names what happened
    """No more pages can be kept up to date at present."""


class NotReady(Exception):  # noqa: N818 - it names what happened
    """The controller has shown nothing yet."""


class Hub:
    """The live picture: `run` keeps it, `join` lets a reader follow it."""

    def __init__(self, board: Board, painter: Painter, decisions: RecentDecisions, most_readers: int) -> None:
        self.dropped = 0
        """Readers let go for being too slow, since the start."""
        self._board = board
        self._painter = painter
        self._decisions = decisions
        self._most = most_readers
        self._table = HouseTable(painter.config)
        self._ring = EventRing(uuid.uuid4().hex[:8])
        self._readers: set[Reader] = set()
        self._bell = asyncio.Event()
        self._view: View | None = None
        self._told: View | None = None
        self._phases: Phases | None = None
        self._status: Status | None = None
        self._moved: set[str] = set()

    @property
    def moved(self) -> frozenset[str]:
        """Houses of which a move was verified since this server began."""
        return frozenset(self._moved)

    @property
    def readers(self) -> int:
        return len(self._readers)

    async def run(self) -> None:
        """Follow the board until cancelled."""
        loop = asyncio.get_running_loop()

        def ring() -> None:
            # The control loop may be a moment longer at work than we are.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._bell.set)

        self._board.on_change(ring)
        try:
            while True:
                await self._bell.wait()
                self._bell.clear()
                self._hear(self._board.take_news())
                if self._readers:
                    # In pieces: between them the control loop gets its turn at once.
                    await asyncio.sleep(0)
                    self._look_at_houses()
                    await asyncio.sleep(0)
                    self._look_at_feeder()
        finally:
            self._board.on_change(None)
            self._board.watch(0)
            self.close()

    def close(self) -> None:
        """Let all readers go."""
        for reader in list(self._readers):
            reader.close()

    def join(self, last_event_id: str) -> Reader:
        """A new reader, which begins with what it missed, or with a whole picture. Raises TooManyReaders, NotReady."""
        if len(self._readers) >= self._most:
            raise TooManyReaders
        self.catch_up()
        missed = self._ring.since(last_event_id) if last_event_id else None
        reader = Reader()
        if missed is None:
            reader.begin(frame("snapshot", self.snapshot(), self._ring.last_id))
        elif missed:
            reader.begin(b"".join(missed))
        self._readers.add(reader)
        self._board.watch(len(self._readers))
        return reader

    def leave(self, reader: Reader) -> None:
        reader.close()
        self.dropped += reader.slow
        self._readers.discard(reader)
        self._board.watch(len(self._readers))

    # What requests ask for; always as of the newest view, and never older than what the stream has said.

    def catch_up(self) -> View:
        """Take in what is new on the board. Raises NotReady before the first view."""
        self._hear(self._board.take_news())
        self._look_at_houses()
        if self._view is None:
            raise NotReady
        return self._view

    def status(self) -> Status:
        view = self.catch_up()
        if self._status is None:
            self._status = self._painter.status(view)
        return self._status

    def phases(self) -> Phases:
        view = self.catch_up()
        if self._phases is None:
            self._phases = self._painter.phases(view)
        return self._phases

    def houses(self) -> list[House]:
        self.catch_up()
        return self._table.all()

    def house(self, name: str) -> House | None:
        self.catch_up()
        place = self._table.index.get(name)
        return None if place is None else self._table.house(place)

    def decision(self, name: str) -> DecisionMade | None:
        """One of the last decisions."""
        self.catch_up()
        return self._decisions.get(name)

    def snapshot(self) -> Snapshot:
        """The whole picture."""
        view = self.catch_up()
        return Snapshot(
            status=self.status(),
            phases=self.phases(),
            houses=tuple(self._table.all()),
            alerts=tuple(map(alert_now, view.alerts)),
            silences=silences_now(view),
            decisions=tuple(self._decisions.latest()),
        )

    def _look_at_houses(self) -> None:
        """Take in a newer view, and say what changed in the houses."""
        view = self._board.view
        if view is None or view is self._view:
            return
        before, self._view, self._status, self._phases = self._view, view, None, None
        rows = self._table.take(view)
        if rows:
            self._send("houses", HousesEvent(view.wall, rows))
        if before is not None and view.silences != before.silences:
            self._send("silences", SilencesEvent(silences_now(view)))

    def _look_at_feeder(self) -> None:
        """Say how the feeder stands, where that was not said of this view yet."""
        view = self._view
        if view is None or view is self._told or not self._readers:
            return
        self._told = view
        self._phases = self._painter.phases(view)
        self._status = self._painter.status(view)
        self._send("feeder", FeederEvent(self._status, self._phases))

    def _hear(self, news: Sequence[News]) -> None:
        for turn in news:
            if turn.mode is not None:
                self._send("mode", ModeNow(turn.mode.mode, turn.mode.by))
            changed = self._decisions.hear(turn)
            for decision in changed:
                self._send("decision", decision)
            for event in turn.events:
                command = command_event(event)
                if command is not None:
                    if command.state == "verified":
                        self._moved.add(command.house)
                    self._send("command", command)
            for alert in turn.alerts:
                self._send("alert", alert_now(alert))

    def _send(self, kind: str, data: object) -> None:
        event = self._ring.add(kind, data)
        for reader in list(self._readers):
            reader.put(event)
