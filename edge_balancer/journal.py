"""The audit trail as the control loop writes it: one append at a time, and how long a command waits for its record.

A disk that fails says so at once: the store keeps the rows in memory, and control goes on. A disk that hangs says
nothing and may still take what it was given: it counts as faulty until it answers, and nothing that waits for a record
may be done. Not the store: rows that a failing disk refused are its matter.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from edge_balancer.logs import get_logger
from edge_balancer.storage.backlog import LateEvents
from edge_balancer.storage.errors import StorageError
from edge_balancer.storage.thread import StorageThread
from edge_balancer.types.events import Event

_log = get_logger(__name__)


class Journal:
    """Hands events to the store in their order. `patience_s`: after this long without an answer the disk hangs.

    At most one append is outstanding. What comes meanwhile goes into the next one; once the disk hangs it is bounded,
    marked as late, and rows that tell of no switch give way first.
    """

    def __init__(self, storage: StorageThread, patience_s: float) -> None:
        self._storage = storage
        self._patience_s = patience_s
        self._next: list[Event] = []
        self._late = LateEvents()
        self._settled: asyncio.Future[bool] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._asked_at = 0.0
        self._hangs = False

    @property
    def fault(self) -> str:
        """Why nothing can be saved at present; empty when it can."""
        if self._hangs:
            waited_s = time.monotonic() - self._asked_at
            return f"the disk has not answered for {waited_s:.0f} s (`dmesg` tells of a failing SD card)"
        return self._storage.fault

    @property
    def waiting(self) -> int:
        """Events that the store has not been given yet."""
        return len(self._next) + len(self._late)

    @property
    def lost(self) -> int:
        """Events given up because too many waited for a disk that hangs."""
        return self._late.lost

    @property
    def busy(self) -> bool:
        """Whether the disk is being waited for."""
        return self._writing is not None

    async def record(self, events: Sequence[Event], *, wait: bool) -> bool:
        """Hand events over. With `wait`, say whether what they announce may be done: they are on disk, or the store
        has them in memory because the disk failed outright. False when the disk hangs, or the events can never be
        recorded.
        """
        if self._hangs:
            self._late.add(events)
            return False
        if not events:
            return True
        self._next += events
        if self._settled is None:
            self._settled = asyncio.get_running_loop().create_future()
        settled = self._settled
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="journal")
        if not wait:
            return True
        await asyncio.wait({settled}, timeout=self._patience_s)
        if settled.done():
            return settled.result()
        self._give_up_waiting()
        return False

    async def settle(self, timeout_s: float) -> bool:
        """Wait until the store has answered for everything; whether it has."""
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=timeout_s)
        return self._writing is None

    def abandon(self) -> None:
        """Wait for the disk no longer; what it has not been given is lost, and said."""
        if self._writing is not None:
            _log.error("the disk hangs: these rows are not on record", rows=self.waiting, lost=self.lost)
            self._writing.cancel()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self.waiting:
            events, settled = self._take()
            self._asked_at = time.monotonic()
            impatience = loop.call_later(self._patience_s, self._give_up_waiting)
            try:
                accepted = await self._append(events)
            finally:
                impatience.cancel()
            if self._hangs:
                self._hangs = False
                _log.info("the disk answers again", seconds=round(time.monotonic() - self._asked_at, 1))
            if settled is not None:
                settled.set_result(accepted)
        self._writing = None

    def _take(self) -> tuple[list[Event], asyncio.Future[bool] | None]:
        """All that waits, and who waits for it. What came before the disk hung is older than what came while it did."""
        events = [*self._next, *self._late.marked()]
        self._next = []
        self._late.clear()
        settled, self._settled = self._settled, None
        return events, settled

    async def _append(self, events: Sequence[Event]) -> bool:
        try:
            await self._storage.append(events)
        except StorageError:
            # Said once by the store itself, which records them late; the alert is raised from `fault`.
            _log.debug("events wait for the disk", events=len(events))
        except Exception as error:  # noqa: BLE001 -- a defect in one row must not end the recording of all others
            if len(events) > 1:
                return all([await self._append([event]) for event in events])
            _log.error("this row can never be recorded", kind=str(events[0].kind), error=repr(error))
            return False
        return True

    def _give_up_waiting(self) -> None:
        if not self._hangs:
            self._hangs = True
            # From here on all that waits is under one bound.
            self._late.add(self._next)
            self._next = []
            _log.error("the disk hangs: no command leaves until it answers", seconds=self._patience_s)
